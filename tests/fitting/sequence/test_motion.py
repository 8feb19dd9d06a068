"""People over time: the rows of what was seen and of what was fitted belong together."""

from dataclasses import replace

import numpy as np
import pytest

from fitting.sequence.camera_path import Move
from fitting.sequence.motion import Motion
from fitting.sequence.world import World
from tests.pipeline.fake_detector import fit_result, keypoints


def motion(n: int = 4) -> Motion:
    frame = np.arange(n, dtype=np.int32)
    seen = replace(keypoints(n), frame=frame, track=frame % 2)
    return Motion(seen, replace(fit_result(n), frame=frame, track=frame % 2))


def test_nothing_was_read_otherwise_and_no_floor_is_known_unless_said():
    found = motion()
    assert found.reading.tolist() == [0, 0, 0, 0]
    unknown = World.unknown(4)
    for name, value in vars(found.world).items():
        np.testing.assert_array_equal(value, getattr(unknown, name), err_msg=name)


def test_rows_are_taken_of_all_parts_alike():
    found = replace(motion(), reading=np.array([0, 1, -1, 2], np.int32))
    some = found[np.array([3, 1])]
    assert len(some) == 2
    assert some.reading.tolist() == [2, 1]
    assert some.keypoints.frame.tolist() == some.result.frame.tolist() == [3, 1]
    both = Motion.concatenate([found[:1], found[1:]])
    assert both.reading.tolist() == found.reading.tolist()
    assert len(found[:0]) == 0


@pytest.mark.parametrize("name", ["frame", "track"])
def test_rows_of_others_are_refused(name):
    found = motion()
    other = replace(found.result, **{name: getattr(found.result, name) + 1})
    message = rf"^Motion\.{name}: expected the same in keypoints and result"
    with pytest.raises(ValueError, match=message):
        Motion(found.keypoints, other)
    with pytest.raises(ValueError, match=r"^Motion\.frame: expected the same"):
        Motion(found.keypoints, found.result[:3])


def test_a_reading_is_of_each_row():
    with pytest.raises(ValueError, match=r"^Motion\.reading: expected one per row, got \(3,\)"):
        replace(motion(), reading=np.zeros(3, np.int32))


def test_what_the_camera_does_is_unknown_unless_said_and_is_of_each_row():
    assert motion().camera_move.tolist() == [Move.unknown] * 4
    message = r"^Motion\.camera_move: expected one per row, got \(3,\)"
    with pytest.raises(ValueError, match=message):
        replace(motion(), camera_move=np.zeros(3, np.int32))
