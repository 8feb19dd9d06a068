"""People are followed from frame to frame within windows, and searched for in between."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detectors.base import Resources
from detectors.blazepose import BlazePose
from detectors.blazepose_finders import Finders

DEMO = Path(__file__).resolve().parents[2] / "assets/demo"
STEP = 4  # px


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    return Resources(weights_dir=tmp_path)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The frames that the person finder was given, each once."""
    seen: list[np.ndarray] = []
    find = Finders.people

    def people(self: Finders, frame: np.ndarray, part):
        if not any(frame is other for other in seen):
            seen.append(frame)
        return find(self, frame, part)

    monkeypatch.setattr(Finders, "people", people)
    return seen


def picture(name: str) -> np.ndarray:
    return np.asarray(Image.open(DEMO / name).convert("RGB"))


def sliding(image: np.ndarray, count: int) -> list[np.ndarray]:
    """A clip in which everything goes to the right by STEP px a frame."""
    return [np.roll(image, STEP * index, axis=1) for index in range(count)]


def numbers(frames: list[np.ndarray], some: list[np.ndarray]) -> list[int]:
    return [next(i for i, frame in enumerate(frames) if frame is one) for one in some]


def test_somebody_who_moves_is_followed_and_searched_for_once_a_window(resources, searched):
    frames = sliding(picture("wave.jpg"), 10)
    found = BlazePose(follow=4).detect(frames, resources, "x")
    assert numbers(frames, searched) == [0, 4, 8]
    assert found.frame.tolist() == list(range(10))
    each = BlazePose(follow=1).detect(frames, resources, "x")
    size = np.ptp(each.keypoints[0], axis=0).max()
    apart = np.linalg.norm(found.keypoints - each.keypoints, axis=2) / size
    assert np.median(apart) < 0.005
    assert apart.max() < 0.1
    moved = np.median(np.diff(found.keypoints[..., 0], axis=0))
    assert moved == pytest.approx(STEP, abs=1)


def test_a_window_depends_on_no_other_window(resources):
    frames = sliding(picture("wave.jpg"), 9)
    detector = BlazePose(follow=4)
    assert detector.window() == 4
    whole = detector.detect(frames, resources, "x")
    for first in (4, 8):
        part = BlazePose(follow=4).detect(frames[first:], resources, "x")
        rows = whole[whole.frame >= first]
        np.testing.assert_array_equal(part.keypoints, rows.keypoints)
        np.testing.assert_array_equal(part.person_score, rows.person_score)


def test_after_a_cut_the_frame_is_searched(resources, searched):
    frames = [picture("wave.jpg"), picture("runner.jpg"), picture("runner.jpg")]
    found = BlazePose(follow=8).detect(frames, resources, "x")
    assert numbers(frames, searched) == [0, 1]
    alone = BlazePose().detect(frames[1:2], resources, "x")
    np.testing.assert_array_equal(found[found.frame == 1].keypoints, alone.keypoints)


def test_nobody_is_followed_where_nobody_is(resources, searched):
    wave = picture("wave.jpg")
    frames = [wave, np.full_like(wave, 128), np.full_like(wave, 127)]
    found = BlazePose(follow=8).detect(frames, resources, "x")
    assert found.frame.tolist() == [0]
    assert numbers(frames, searched) == [0, 1, 2]


def test_without_a_second_look_each_frame_is_searched(resources, searched):
    frames = sliding(picture("wave.jpg"), 3)
    detector = BlazePose(refine=0)
    assert detector.window() == 1
    detector.detect(frames, resources, "x")
    assert numbers(frames, searched) == [0, 1, 2]


@pytest.mark.parametrize("follow", [0, 33])
def test_a_window_that_cannot_be_is_refused(follow):
    with pytest.raises(ValueError, match=r"BlazePose\.follow: expected 1\.\.32, got"):
        BlazePose(follow=follow)


def test_who_is_alone_large_and_sure_is_searched_for_once(resources, monkeypatch):
    borders: list[int] = []
    find = Finders.people

    def people(self, frame, part):
        borders.append(part.border)
        return find(self, frame, part)

    monkeypatch.setattr(Finders, "people", people)
    monkeypatch.setattr(Finders, "faces", lambda *_: pytest.fail("faces were looked for"))
    found = BlazePose().detect([picture("wave.jpg")], resources, "x")
    assert len(found) == 1
    assert set(borders) == {0}
