"""Frames of a video that several processes look at: in order, all of them, whatever happens."""

import logging
import multiprocessing
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pytest

from detectors.base import Detections, Image, Resources
from pipeline.executors.processes import Processes
from pipeline.inputs.images import ClipError
from tests.pipeline.fake_detector import FakeDetector, photo

FRAMES = [photo(shade) for shade in [*range(40), 0, 0, *range(50, 90)]]  # shade 0: nobody


@dataclass
class Shaded(FakeDetector):
    """The first joint is at the shade of the frame; some shades do harm to a worker."""

    def window(self) -> int:
        return 1

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        frames = list(frames)
        shades = [int(frame[0, 0, 0]) for frame in frames]
        once = resources.weights_dir / "killed_once"
        deadly = clip_name == "deadly" or (clip_name == "unlucky" and not once.exists())
        if deadly and 60 in shades and multiprocessing.parent_process():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if clip_name == "broken" and 60 in shades:
            raise IndexError("no such axis")
        found = super().detect(frames, resources, clip_name)
        for row, frame in enumerate(found.frame):
            found.keypoints[row, 0] = shades[frame]
        return found


@pytest.fixture
def resources(tmp_path) -> Resources:
    return Resources(weights_dir=tmp_path)


def looked(resources: Resources, *clips: str, frames: Iterable[Image] = FRAMES) -> list[Detections]:
    executor = Processes(workers="2", least=12, least_frames=10)
    with executor.detecting(Shaded(path="x"), resources, frames=99) as detect:
        return [detect(frames, clip) for clip in clips]


def test_the_result_is_that_of_one_process(resources: Resources) -> None:
    expected = Shaded(path="x").detect(FRAMES, resources, "clip")
    for found in looked(resources, "clip", "another"):
        for name, value in vars(expected).items():
            np.testing.assert_array_equal(getattr(found, name), value, err_msg=name)
    assert set(range(82)) - set(expected.frame) == {0, 40, 41}
    assert not multiprocessing.active_children()


def test_nobody_in_any_frame(resources: Resources) -> None:
    (found,) = looked(resources, "clip", frames=[photo(0)] * 30)
    assert (len(found), found.keypoints.shape) == (0, (0, 14, 2))


def test_a_killed_worker_is_named_and_costs_no_frame(
    resources: Resources, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        killed, after = looked(resources, "unlucky", "clip")
    assert caplog.text.count("was ended by signal 9: another one takes over") == 1
    for found in (killed, after):
        np.testing.assert_array_equal(found.keypoints[:, 0, 0], [*range(1, 40), *range(50, 90)])


def test_frames_that_no_worker_survives_are_named_and_the_next_clip_goes_on(
    resources: Resources,
) -> None:
    executor = Processes(workers="2", least=12, least_frames=10)
    with executor.detecting(Shaded(path="x"), resources, frames=99) as detect:
        why = "2 workers that looked at frames 48 to 55 are lost, the last one was ended by signal"
        with pytest.raises(RuntimeError, match=why):
            detect(FRAMES, "deadly")
        found = detect(FRAMES[50:], "clip")
    np.testing.assert_array_equal(found.keypoints[:, 0, 0], range(58, 90))
    assert not multiprocessing.active_children()


def test_a_clip_without_frames(resources: Resources) -> None:
    (found,) = looked(resources, "clip", frames=[])
    assert len(found) == 0


def test_an_error_in_one_frame_is_the_clips_and_the_next_clip_gets_its_own_answers(
    resources: Resources,
) -> None:
    executor = Processes(workers="2", least=12, least_frames=10)
    with executor.detecting(Shaded(path="x"), resources, frames=99) as detect:
        with pytest.raises(IndexError, match="no such axis"):
            detect(FRAMES, "broken")
        found = detect(FRAMES[50:], "clip")
    np.testing.assert_array_equal(found.keypoints[:, 0, 0], range(58, 90))


def test_a_file_that_ends_early_says_so(resources: Resources) -> None:
    def frames() -> Iterable[Image]:
        yield from FRAMES[:20]
        raise ClipError("damaged")

    with pytest.raises(ClipError, match="damaged"):
        looked(resources, "clip", frames=frames())


@dataclass
class Following(Shaded):
    """Each frame's joint is where the first frame of its window has it."""

    size: int = 3

    def window(self) -> int:
        return self.size

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        frames = list(frames)
        firsts = [frames[index - index % self.size] for index in range(len(frames))]
        return super().detect(firsts, resources, clip_name)


@pytest.mark.parametrize("size", [3, 5, 8, 20])
def test_a_detector_that_follows_people_gets_whole_windows(size: int, resources: Resources) -> None:
    detector = Following(path="x", size=size)
    expected = detector.detect(FRAMES, resources, "clip")
    executor = Processes(workers="2", least=12, least_frames=10)
    with executor.detecting(detector, resources, frames=99) as detect:
        found = detect(FRAMES, "clip")
    np.testing.assert_array_equal(found.frame, expected.frame)
    np.testing.assert_array_equal(found.keypoints, expected.keypoints)
    alone = Shaded(path="x").detect(FRAMES, resources, "clip")
    assert not np.array_equal(expected.keypoints[:9], alone.keypoints[:9])


@pytest.mark.parametrize(("detector", "frames"), [(FakeDetector, 999), (Shaded, 9)])
def test_no_process_is_started_for_few_frames_or_a_detector_that_needs_them_all(
    detector: type[FakeDetector], frames: int, resources: Resources
) -> None:
    executor = Processes(workers="2", least=12, least_frames=10)
    with executor.detecting(detector(path="x"), resources, frames) as detect:
        detect(FRAMES[:3], "clip")
        assert not multiprocessing.active_children()
