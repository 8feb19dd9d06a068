"""How a camera moves: whether it stands, turns or goes, frame by frame."""

from dataclasses import replace

import numpy as np

from fitting.sequence.camera_path import CameraPath, Move


def turn(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def test_a_camera_on_a_tripod_stands_in_one_shot_and_does_not_turn():
    path = CameraPath.standing(4)
    assert len(path) == 4
    assert path.shot.tolist() == [0] * 4
    assert path.in_place.all()
    assert path.still.all()
    assert not path.turns
    np.testing.assert_array_equal(path.turned, np.tile(np.eye(3), (4, 1, 1)))
    assert not CameraPath.standing(0).turns


def test_what_it_does_says_whether_feet_stand_and_whether_there_is_one_world():
    path = replace(CameraPath.standing(4), move=np.array(list(Move), np.int32))
    assert dict(zip(Move, path.in_place.tolist(), strict=True)) == {
        Move.still: True,
        Move.turns: True,
        Move.goes: False,
        Move.unknown: True,
    }
    assert path.still.tolist() == [True, False, False, True]


def test_it_turns_if_its_axes_do_in_any_frame():
    turned = np.stack([np.eye(3), np.eye(3), turn(0.01), np.eye(3)])
    path = replace(CameraPath.standing(4), turned=turned)
    assert path.turns
    assert not path[:2].turns, "the first frames by themselves do not"
    assert path[np.array([3, 2])].turned[1, 0, 2] == np.sin(0.01)
