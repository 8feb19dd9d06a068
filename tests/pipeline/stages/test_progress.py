"""The animation of a fit: how long, how large, what is on it, and that it costs no second fit."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.spatial.transform import Rotation

from detectors.base import Image, People
from fitting import BodyModel
from fitting.body.body_model import BodyParams
from fitting.body.kinematics import Kinematics
from fitting.joints import Keypoints
from fitting.objective.terms import TERMS, names_of
from fitting.result import FitResult
from pipeline import pipeline
from pipeline.drawing.caption import OFF
from pipeline.drawing.rasterizers import Backend
from pipeline.groups import Picture, RenderConfig
from pipeline.inputs.sources import Photos, Video
from pipeline.inputs.videos import write_video
from pipeline.stages.draw import draw, view_of
from pipeline.stages.progress import (
    BLEND,
    FPS,
    HOLD,
    LAST,
    Artist,
    _figure,
    _table,
    blended,
    n_frames,
    progress_stage,
)
from pipeline.stages.stage import Job
from pipeline.storage.cache import Cache, from_arrays
from tests.pipeline.fake_detector import HEIGHT, WIDTH, FakeDetector, fit_result, photo
from tests.pipeline.runs import config

STEPS = 6  # fit=smplify: start, camera, four stages
QUICK = ("+export=progress", "fit=smplify")


def read(path: Path) -> list[Image]:
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == FPS
    frames = []
    while (frame := capture.read()[1]) is not None:
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    capture.release()
    return frames


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[Image]]:
    """A photo fitted without and then with the animation; the folder, the entry, the frames."""
    folder = tmp_path_factory.mktemp("shown")
    (folder / "in").mkdir()
    Pillow.fromarray(photo(90)).save(folder / "in/a.png")
    pipeline.run(config(folder, "fit=smplify"))
    (entry,) = pipeline.run(config(folder, *QUICK))["inputs"]
    return folder, entry, read(folder / "output/a-progress.mp4")


def test_showing_computes_nothing_again(shown: tuple[Path, dict[str, Any], list[Image]]) -> None:
    folder, entry, _ = shown
    assert entry["files"]["progress"] == "a-progress.mp4"
    assert entry["cached"] == {
        "detect": True,
        "remap": True,
        "fit": True,
        "render": True,
        "progress": False,
    }
    (again,) = pipeline.run(config(folder, *QUICK))["inputs"]
    assert all(again["cached"].values())


def test_every_step_is_held_and_blended(shown: tuple[Path, dict[str, Any], list[Image]]) -> None:
    _, _, frames = shown
    assert len(frames) == n_frames(STEPS) == 6 * HOLD + 5 * BLEND + LAST
    assert {frame.shape for frame in frames} == {frames[0].shape}
    moving = np.array([np.abs(b.astype(int) - a).mean() for a, b in pairwise(frames)])
    for step in range(STEPS - 1):
        first = step * (HOLD + BLEND)
        still = moving[first + 1 : first + HOLD - 1].mean()
        between = moving[first + HOLD - 1 : first + HOLD + BLEND].max()
        assert between > 4 * still


def body_in(picture: Image) -> np.ndarray:
    """Where it differs from the plain photo."""
    return np.abs(picture.astype(int) - 90).max(-1) > 25


def test_the_last_frame_shows_the_body_of_the_overlay(
    shown: tuple[Path, dict[str, Any], list[Image]],
) -> None:
    folder, _, frames = shown
    height, width = frames[-1].shape[:2]
    assert 600 <= max(height, width) <= 720
    size = (4 * WIDTH, 4 * HEIGHT)
    left = (width - size[0]) // 2
    with Pillow.open(folder / "output/a.jpg") as picture:
        overlay = body_in(np.asarray(picture.resize(size)))
    ends = [body_in(frame[: size[1], left : left + size[0]]) for frame in (frames[-1], frames[0])]
    last, first = ((end & overlay).sum() / (end | overlay).sum() for end in ends)
    assert last > 0.85, "rings at the joints reach a little beyond thin limbs"
    assert first < 0.75


def test_the_summary_has_the_terms_of_every_stage(
    shown: tuple[Path, dict[str, Any], list[Image]],
) -> None:
    folder, entry, _ = shown
    terms = entry["people"][0]["terms"]
    assert list(terms) == ["start", "camera", "1", "2", "3", "4"]
    assert terms["camera"]["pose_prior"] == "off"
    assert terms["4"]["joints_3d"] == "off"
    with np.load(folder / "output/a.npz") as archive:
        assert tuple(archive["term_names"]) == names_of(TERMS)
        assert tuple(archive["stage_names"]) == tuple(terms)
        cost = float(archive["cost"][0])
    last = [value for value in terms["4"].values() if value != "off"]
    assert sum(last) == pytest.approx(cost, rel=1e-3)


class LateAndLarge(FakeDetector):
    """Nobody before the third frame, and people ten times as large as JOINTS."""

    def _people(self, frame: Image) -> People:
        found = super()._people(frame)
        return replace(found, boxes=found.boxes * 10, keypoints=found.keypoints * 10)


def test_of_a_video_the_first_frame_with_people_is_shown_at_720_px(tmp_path: Path) -> None:
    frames = [np.full((10 * HEIGHT, 10 * WIDTH, 3), shade, np.uint8) for shade in (0, 0, 90, 150)]
    write_video(tmp_path / "clip.mp4", frames, fps=5)
    quick = ("+export=progress", "fit.starts=1", "render=none")
    options = config(tmp_path, *quick, data=Video(str(tmp_path / "clip.mp4")))
    options.detector = LateAndLarge()
    (entry,) = pipeline.run(options)["inputs"]
    assert entry["people"][0]["frames"] == 2
    assert entry["files"] == {"parameters": "clip.npz", "progress": "clip-progress.mp4"}
    shown = read(tmp_path / "output/clip-progress.mp4")
    assert len(shown) == n_frames(3), "start, camera, all"
    assert max(shown[0].shape) == 720
    middle = shown[0].shape[1] // 2
    assert np.abs(shown[0][3, middle].astype(int) - 90).max() < 8


def turns(params: BodyParams) -> Rotation:
    return Rotation.from_rotvec(
        np.concatenate([params.global_orient, params.body_pose], 1).reshape(-1, 3)
    )


def test_blending_goes_the_shortest_way_at_constant_speed() -> None:
    a, b = fit_result(3).params, fit_result(4).params[:3]
    whole = (turns(b) * turns(a).inv()).magnitude()
    for share in (0.0, 0.3, 1.0):
        between = blended(a, b, share)
        np.testing.assert_allclose(
            (turns(between) * turns(a).inv()).magnitude(), share * whole, atol=1e-7
        )
        np.testing.assert_allclose(
            (turns(b) * turns(between).inv()).magnitude(), (1 - share) * whole, atol=1e-7
        )
        np.testing.assert_allclose(between.transl, (1 - share) * a.transl + share * b.transl)
        np.testing.assert_allclose(between.betas, (1 - share) * a.betas + share * b.betas)


@pytest.fixture(scope="module")
def crowd(
    shown: tuple[Path, dict[str, Any], list[Image]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Job, Any, Any]:
    """The fitted photo's job, with its result and keypoints repeated as nine people."""
    folder, _, _ = shown
    (clip,), _ = Photos(str(folder / "in/a.png")).clips()
    cache = Cache(tmp_path_factory.mktemp("crowd"))
    results = {}
    for stage, kind in (("remap", Keypoints), ("fit", FitResult)):
        (path,) = (folder / "cache" / stage).glob("a-*.npz")
        with np.load(path) as archive:
            arrays = {name: archive[name] for name in archive if name != "provenance"}
        many = kind.concatenate([from_arrays(kind, arrays)] * 9)
        many = replace(many, track=np.arange(9, dtype=np.int32))
        results[stage] = cache.store(stage, "a", "ab" * 32, many, {"seconds": 0})
    job = Job(clip, results)
    return job, results["fit"].load(), results["remap"].load()


def test_a_crowd_is_drawn_whole_and_listed_in_part(crowd: tuple[Job, Any, Any]) -> None:
    _, result, _ = crowd
    table = _table(result, 2)
    assert [row[0] for row in table.rows] == [f"person {k}" for k in range(6)]
    assert table.foot == "and 3 more, in summary.json"
    assert len(table.head) == len(table.rows[0]) == 2 + len(TERMS)
    assert table.rows[0][1 + names_of(TERMS).index("joints_3d")] == OFF
    assert table.rows[0][1 + names_of(TERMS).index("pose_prior")] != OFF
    assert not _table(result[:6], 2).foot


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.000"),
        (0.01234, "0.012"),
        (0.9996, "1.00"),
        (9.994, "9.99"),
        (31, "31.0"),
        (99.96, "100"),
        (1234567.8, "1,234,568"),
    ],
)
def test_figures_are_short(value: float, text: str) -> None:
    assert _figure(value) == text


@pytest.mark.parametrize("count", [1, 2])
def test_without_its_joints_the_picture_is_the_overlay(
    count: int, crowd: tuple[Job, Any, Any], body: BodyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, result, keypoints = crowd
    result, keypoints = result[:count], keypoints[:count]
    options = RenderConfig(Picture.overlay, Backend.raycast, 0.9, False, None, None)
    expected = draw(photo(90), result, keypoints, body, options)
    artist = Artist(body, Kinematics(body, 10), options)
    view = view_of(result, (WIDTH, HEIGHT))
    last = result.trail.bodies(result.trail.n_steps - 1)
    with_joints = artist.draw(photo(90), view, last, keypoints)
    assert (with_joints != expected).any(-1).sum() > 100
    monkeypatch.setattr("pipeline.drawing.overlay.draw_keypoints", lambda *_: None)
    monkeypatch.setattr("pipeline.drawing.overlay.draw_residuals", lambda *_: None)
    found = artist.draw(photo(90), view, last, keypoints)
    assert (np.abs(found.astype(int) - expected) > 2).mean() < 1e-3, "single precision"


def test_joints_are_projected_by_the_photos_camera(
    crowd: tuple[Job, Any, Any], body: BodyModel
) -> None:
    _, result, _ = crowd
    artist = Artist(
        body,
        Kinematics(body, 10),
        RenderConfig(Picture.none, Backend.raycast, 0.9, False, None, None),
    )
    last = result.trail.bodies(result.trail.n_steps - 1)
    found = artist._joints(last, view_of(result, (WIDTH, HEIGHT)))
    f, center = result.camera.focal_length[:, None, None], result.camera.center[:, None]
    expected = f * result.joints[..., :2] / result.joints[..., 2:] + center
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_stage_loads_no_model_before_it_computes(tmp_path: Path) -> None:
    options = config(tmp_path, *QUICK)
    options.models.bodies = "/nowhere"
    stage = progress_stage(options.render, options.fit, options.models, options.runtime)
    assert stage.after == ("remap", "fit")
    assert list(stage.compute([], lambda: None)) == []
