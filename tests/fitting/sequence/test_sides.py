"""Left and right that a detector exchanged for some frames are put back."""

from dataclasses import replace

import numpy as np
import pytest

from fitting.joints import EXTRA, LSP_14, Keypoints
from fitting.sequence.sides import LEFT_OUT, exchanged, readings

FRAMES, FPS = 60, 25.0
TIMES = np.arange(FRAMES) / FPS
PLACES = {"ankle": 90, "knee": 45, "hip": 0, "wrist": 0, "elbow": -40, "shoulder": -80}


def walker(width: float = 40.0) -> Keypoints:
    """Somebody 200 px high who walks across the picture; `width`: of the hips, px."""
    xy = np.zeros((FRAMES, 14, 2))
    for joint, name in enumerate(LSP_14):
        side, _, part = name.partition("_")
        sign = {"left": 1, "right": -1}.get(side, 0)
        swing = 30 * np.sin(2 * np.pi * TIMES) * (part in ("ankle", "knee", "wrist"))
        xy[:, joint, 0] = 100 + 60 * TIMES + sign * (width / 2 + swing)
        xy[:, joint, 1] = 200 + PLACES.get(part, -100)
    xy += np.random.default_rng(0).normal(0, 1.5, xy.shape)
    frames = np.arange(FRAMES, dtype=np.int32)
    sure = np.full((FRAMES, 14), 0.9, np.float32)
    sides = np.array([1.0 if "left" in n else -1.0 if "right" in n else 0.0 for n in EXTRA])
    extra = np.stack([np.tile(sides, (FRAMES, 1)), np.zeros((FRAMES, len(EXTRA)))], -1)
    return Keypoints(
        frames,
        np.zeros_like(frames),
        xy.astype(np.float32),
        sure,
        extra.astype(np.float32),
        np.abs(extra[..., 0]).astype(np.float32),
    )


def faulty(keypoints: Keypoints, runs: dict[int, slice]) -> tuple[Keypoints, np.ndarray]:
    """With these readings wrong in these frames."""
    labels = np.zeros(len(keypoints), int)
    for label, run in runs.items():
        labels[run] = label
    return exchanged(keypoints, labels), labels


def test_who_is_seen_right_is_left_alone() -> None:
    assert not readings(walker(), TIMES).any()


@pytest.mark.parametrize("label", [1, 2, 3])
@pytest.mark.parametrize("run", [slice(20, 21), slice(8, 20), slice(30, 55), slice(0, 9)])
def test_exchanged_sides_are_found(label: int, run: slice) -> None:
    seen, labels = faulty(walker(), {label: run})
    np.testing.assert_array_equal(readings(seen, TIMES), labels)


def test_what_was_exchanged_twice_is_as_it_was() -> None:
    plain = walker()
    seen, _ = faulty(plain, {1: slice(3, 9), 2: slice(20, 30), 3: slice(40, 41)})
    assert not np.array_equal(seen.xy, plain.xy)
    back = exchanged(seen, readings(seen, TIMES))
    for name in ("xy", "confidence", "extra_xy", "extra_confidence", "points_3d"):
        np.testing.assert_array_equal(getattr(back, name), getattr(plain, name))


def test_legs_take_the_feet_with_them_and_leave_the_face() -> None:
    plain = walker()
    seen, _ = faulty(plain, {2: slice(0, FRAMES)})
    for name in ("left_heel", "right_big_toe"):
        column = EXTRA.index(name)
        np.testing.assert_array_equal(seen.extra_xy[:, column, 0], -plain.extra_xy[:, column, 0])
    column = EXTRA.index("left_ear")
    np.testing.assert_array_equal(seen.extra_xy[:, column], plain.extra_xy[:, column])


def test_a_gap_in_between_hides_no_exchange() -> None:
    seen, labels = faulty(walker(), {1: slice(25, 35)})
    lost = np.isin(np.arange(FRAMES), [22, 23, 24])
    gone = np.where(lost[:, None], np.float32(0), seen.confidence)
    found = readings(replace(seen, confidence=gone), TIMES)
    np.testing.assert_array_equal(found[~lost], labels[~lost])
    there = np.flatnonzero(~lost)
    np.testing.assert_array_equal(readings(seen[there], TIMES[there]), labels[there])


def test_what_most_frames_say_is_right() -> None:
    seen, labels = faulty(walker(), {1: slice(10, FRAMES)})
    np.testing.assert_array_equal(readings(seen, TIMES), np.where(labels == 1, 0, 1))


def test_few_rows() -> None:
    some = walker()
    assert readings(some[:1], TIMES[:1]).tolist() == [0]
    assert readings(some[:0], TIMES[:0]).tolist() == []
    nothing = replace(some, confidence=np.zeros_like(some.confidence))
    assert not readings(nothing, TIMES).any()


@pytest.mark.parametrize("wrong", [slice(20, 21), slice(30, 38), slice(0, 5), slice(55, FRAMES)])
def test_what_fits_to_nothing_around_it_is_left_out(wrong: slice) -> None:
    """For some frames the detector puts its skeleton on a chair, or lies across two people."""
    seen = walker()
    xy = seen.xy.copy()
    xy[wrong] = (xy[wrong] - 200)[..., ::-1] + (350, 250)
    labels = np.zeros(FRAMES, int)
    labels[wrong] = LEFT_OUT
    found = readings(replace(seen, xy=xy), TIMES)
    np.testing.assert_array_equal(found, labels)
    left = exchanged(replace(seen, xy=xy), found)
    assert not left.confidence[wrong].any()
    assert (left.confidence[labels == 0] > 0).all()


def test_who_runs_at_few_frames_a_second_is_not_left_out() -> None:
    seen = walker()[::5]
    assert not readings(seen, TIMES[::5]).any()
