"""Pictures of the render stage: what each shows, how large, and who is left out of which view."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from fitting import BodyModel
from fitting.joints import Keypoints
from fitting.result import FitResult
from fitting.sequence.motion import Motion
from pipeline.drawing.rasterizers import Backend
from pipeline.groups import Picture, RenderConfig
from pipeline.inputs.sources import Photos
from pipeline.stages import render
from pipeline.stages.draw import (
    Framing,
    doubtful_people,
    draw,
    framing_of,
    turn_at,
)
from pipeline.stages.stage import Job
from tests.pipeline.outputs.people import FOCAL, SIZE, smplx_joints, walkers

SKY = (90, 120, 150)


def options(picture: Picture, **changes: Any) -> RenderConfig:
    usual = {"opacity": 1.0, "crop": False, "max_side": None, "max_expected_error": None}
    return RenderConfig(picture, Backend.raycast, **{**usual, **changes})


@pytest.fixture(scope="module")
def people(body: BodyModel) -> tuple[FitResult, Keypoints]:
    """Two people, with joints where the bodies have them."""
    result = walkers({0: [0], 1: [0]})
    smpl = smplx_joints(body, result.params)
    joints = smpl[:, [8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20, 12, 15]]
    xy = FOCAL * joints[..., :2] / joints[..., 2:] + (np.array(SIZE) - 1) / 2
    sure = np.ones((2, 14), np.float32)
    keypoints = Keypoints(result.frame, result.track, xy.astype(np.float32), sure)
    return replace(result, joints=joints, expected_error=np.array([0.05, 0.05])), keypoints


def photo() -> np.ndarray:
    return np.broadcast_to(np.array(SKY, np.uint8), (SIZE[1], SIZE[0], 3)).copy()


def test_white_shows_bodies_alone(people: Any, body: BodyModel) -> None:
    picture = draw(photo(), *people, body, options(Picture.white, opacity=0.3))
    over = draw(photo(), *people, body, options(Picture.overlay))
    assert picture.shape == over.shape
    covered = (over != SKY).any(-1)
    assert (picture[~covered] == 255).all()
    assert (picture == over).all(-1)[covered].mean() > 0.9, "all but soft edges"


def test_opacity_lets_the_photo_through(people: Any, body: BodyModel) -> None:
    full, half = (
        draw(photo(), *people, body, options(Picture.overlay, opacity=o)).astype(int)
        for o in (1.0, 0.5)
    )
    np.testing.assert_allclose(half, (full + np.array(SKY)) / 2, atol=1)


def test_a_skeleton_is_the_fitted_joints_in_the_person_s_colour(
    people: Any, body: BodyModel
) -> None:
    result, keypoints = people
    picture = draw(photo(), result, keypoints, body, options(Picture.skeleton))
    changed = (picture != SKY).any(-1)
    assert 0.002 < changed.mean() < 0.05
    for x, y in np.rint(keypoints.xy.reshape(-1, 2)).astype(int):
        assert changed[y, x]
    thigh = keypoints.xy[:, [2, 1]].mean(1)
    colors = [picture[round(float(y)), round(float(x))] for x, y in thigh]
    assert (colors[0] != colors[1]).any(), "by track"


def test_a_crop_is_the_part_with_the_people(people: Any, body: BodyModel) -> None:
    result, keypoints = people
    config = options(Picture.overlay, crop=True)
    framing = framing_of(result, SIZE, config, False)
    assert framing.crop is not None
    x0, y0, x1, y1 = framing.crop
    whole = draw(photo(), result, keypoints, body, options(Picture.overlay))
    part = draw(photo(), result, keypoints, body, config, framing)
    assert part.shape == (y1 - y0, x1 - x0, 3)
    np.testing.assert_allclose(part.astype(int), whole[y0:y1, x0:x1].astype(int), atol=2)
    rest = whole.copy()
    rest[y0:y1, x0:x1] = SKY
    assert (rest == SKY).all(), "nobody is cut off"
    alone = framing_of(result[:1], SIZE, config, False)
    assert alone.crop is not None
    assert alone.crop[2] - alone.crop[0] < 0.6 * (x1 - x0)


def test_a_crop_stays_within_the_photo_and_has_some_size(people: Any) -> None:
    result, _ = people
    config = options(Picture.overlay, crop=True)
    away = replace(result, joints=result.joints + np.array([50.0, 0, 0]))
    box = framing_of(away, SIZE, config, False).crop
    assert box is not None
    assert 0 <= box[0] < box[2] <= SIZE[0]
    assert 0 <= box[1] < box[3] <= SIZE[1]
    assert box[2] - box[0] >= 16
    assert framing_of(result[:0], SIZE, config, False).crop is None
    tiny = framing_of(result, (7, 5), config, False).crop
    assert tiny == (0, 0, 7, 5)


@pytest.mark.parametrize(
    ("picture", "shape"),
    [
        (Picture.overlay, (240, 320)),
        (Picture.skeleton, (240, 320)),
        (Picture.white, (240, 320)),
        (Picture.turntable, (240, 320)),
        (Picture.side_by_side, (240, 964)),
    ],
)
def test_a_longer_side_is_made_shorter(
    picture: Picture, shape: tuple[int, int], people: Any, body: BodyModel
) -> None:
    result, keypoints = people
    made = draw(photo(), result, keypoints, body, options(picture, max_side=320))
    assert made.shape[:2] == shape
    large = draw(photo(), result, keypoints, body, options(picture, max_side=5000))
    assert large.shape[0] == SIZE[1], "nothing is enlarged"


def test_one_who_is_far_off_does_not_make_the_others_tiny(people: Any, body: BodyModel) -> None:
    """And the picture says so."""
    result, keypoints = people
    lost = result.params.transl + np.array([[0, 0, 0], [0, 0, 60.0]])
    params = replace(result.params, transl=lost)
    result = replace(result, params=params, expected_error=np.array([0.06, 0.3]))
    config = options(Picture.side_by_side, max_expected_error=100)
    assert framing_of(result, SIZE, config, False).doubtful == (1,)

    def height(config: RenderConfig) -> int:
        """Of what is seen in the third panel above its last lines, where the note is."""
        framing = framing_of(result, SIZE, config, False)
        panel = draw(photo(), result, keypoints, body, config, framing)[:, -SIZE[0] :]
        empty = draw(photo(), result[:0], keypoints[:0], body, config)[:, -SIZE[0] :]
        rows = np.flatnonzero((panel != empty)[:-30].any((1, 2)))
        return int(np.ptp(rows)) + 1

    tall, tiny = height(config), height(options(Picture.side_by_side))
    assert tall > 5 * tiny
    framing = framing_of(result, SIZE, config, False)
    noted = draw(photo(), result, keypoints, body, config, framing)[-30:, -SIZE[0] :]
    plain = draw(photo(), result[:1], keypoints[:1], body, config)[-30:, -SIZE[0] :]
    assert (noted != plain).any(), "a line says who is left out"


def test_who_is_doubtful() -> None:
    result = walkers({0: [0, 1], 1: [0, 1], 2: [0]})
    error = np.array([0.05, 0.09, 0.30, 0.07, 0.16])  # rows: frame 0 of 0, 1, 2; frame 1 of 0, 1
    result = replace(result, expected_error=error)
    assert doubtful_people(result, 100) == (1, 2), "by the mean of 90 and 160, and by 300"
    assert doubtful_people(result, 200) == (2,)
    assert doubtful_people(result, None) == ()
    assert doubtful_people(result, 10) == (), "somebody has to be shown"
    assert doubtful_people(replace(result, expected_error=np.zeros(5)), 1) == ()
    assert doubtful_people(result[:0], 100) == ()


def test_a_turntable_turns(people: Any, body: BodyModel) -> None:
    result, keypoints = people
    config = options(Picture.turntable, max_side=200)
    framing = framing_of(result, SIZE, config, False)
    front, side, back, again = (
        draw(photo(), result, keypoints, body, config, framing, turn).astype(int)
        for turn in (0, np.pi / 2, np.pi, 2 * np.pi)
    )
    assert np.abs(front - again).mean() < 0.1
    assert np.abs(front - side).mean() > 2
    assert np.abs(front - back).mean() > 2
    assert turn_at(45, 15) == pytest.approx(np.pi)


def test_a_turntable_of_a_clip_keeps_its_scale_and_place(people: Any, body: BodyModel) -> None:
    """A raised arm in one frame moves nothing in it, because all frames show the same region."""
    result, keypoints = people
    config = options(Picture.turntable)
    clip = framing_of(result, SIZE, config, True)
    assert clip.region is not None
    one, both = (draw(photo(), result[:n], keypoints[:n], body, config, clip) for n in (1, 2))
    empty = draw(photo(), result[:0], keypoints[:0], body, config, clip)
    seen = (one != empty).any(-1)
    assert seen.mean() > 0.01
    assert (one[seen] == both[seen]).all(-1).mean() > 0.9, "the same place and size with another"
    assert framing_of(result, SIZE, config, False).region is None


def test_without_people_every_picture_can_be_drawn(body: BodyModel) -> None:
    result = walkers({0: [0]})[:0]
    keypoints = Keypoints(
        result.frame, result.track, np.zeros((0, 14, 2), np.float32), np.zeros((0, 14), np.float32)
    )
    for picture in Picture:
        if picture is not Picture.none:
            config = options(picture, crop=True, max_side=100, max_expected_error=1.0)
            framing = framing_of(result, SIZE, config, False)
            assert framing == Framing()
            assert draw(photo(), result, keypoints, body, config, framing).any()


def test_a_turntable_of_a_photo_is_a_film_of_it(
    people: Any, body: BodyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "TURN_SECONDS", 0.4)
    Pillow.fromarray(photo()).save(tmp_path / "a.png")
    (clip,), _ = Photos(str(tmp_path / "a.png")).clips()
    result, keypoints = people
    known: Any = {"remap": keypoints, "fit": result, "sequence": Motion(keypoints, result)}
    stored = {name: SimpleNamespace(load=lambda v=value: v) for name, value in known.items()}
    job, ticks = Job(clip, stored), []  # pyright: ignore[reportArgumentType]
    config = options(Picture.turntable, max_side=64)
    file = render._draw_clip(job, body, config, lambda: ticks.append(1))
    assert file.suffix == ".mp4"
    assert ticks == [1], "one input"
    (tmp_path / "a.mp4").write_bytes(file.content.tobytes())
    film = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    sizes = [film.get(key) for key in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FRAME_WIDTH)]
    assert sizes == [6, 64]
    assert render.pictures_of([job], config) == 6
    assert render.pictures_of([job], options(Picture.white)) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"max_side": 3}, "16 px or more"), ({"max_expected_error": -1.0}, "mm above 0, or null")],
)
def test_impossible_options_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        options(Picture.overlay, **changes)
