"""The nouns of joints: names that fit together, keypoints that check themselves."""

import numpy as np
import pytest

from fitting import Keypoints
from fitting.body.skeleton import SMPL_24
from fitting.joints import EXTRA, HIPS, LSP_14, N_LSP, POINTS, SMPL_JOINT_OF_LSP, TORSO


def keypoints(**changes):
    fields = {
        "frame": np.zeros(2, np.int32),
        "track": np.arange(2, dtype=np.int32),
        "xy": np.zeros((2, 14, 2), np.float32),
        "confidence": np.ones((2, 14), np.float32),
    }
    return Keypoints(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xy": np.zeros((2, 13, 2))}, r"xy: expected shape \(2, 14, 2\), got \(2, 13, 2\)"),
        ({"confidence": np.full((2, 14), 1.5)}, r"confidence: expected 0\.\.1"),
        ({"confidence": np.full((2, 14), -0.1)}, r"confidence: expected 0\.\.1"),
        ({"points_3d": np.zeros((2, 14, 3))}, r"points_3d: expected shape \(2, 25, 3\)"),
        ({"track": np.zeros(3, np.int32)}, r"track: expected shape \(2,\), got \(3,\)"),
    ],
)
def test_keypoints_say_what_is_wrong(changes, message):
    with pytest.raises(ValueError, match=message):
        keypoints(**changes)


def test_rows_keep_their_3d_points_and_those_without_know_none():
    points = np.arange(2 * 25 * 3, dtype=np.float32).reshape(2, 25, 3)
    both = Keypoints.concatenate([keypoints(points_3d=points), keypoints()])
    np.testing.assert_array_equal(both.points_3d[:2], points)
    assert np.isnan(both.points_3d[2:]).all()
    np.testing.assert_array_equal(both[1:2].points_3d, points[1:])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_point_that_is_no_number_is_missing(value):
    xy, sure = np.ones((2, 14, 2), np.float32), np.ones((2, 14), np.float32)
    xy[0, 3, 1], sure[1, 5] = value, value
    found = keypoints(xy=xy, confidence=sure)
    assert found.confidence[0, 3] == found.confidence[1, 5] == 0
    assert found.confidence.sum() == 26
    assert sure[0, 3] == 1, "the caller's array is left alone"


def test_lsps_joints_are_smpls_of_the_same_name():
    names = [SMPL_24.names[joint] for joint in SMPL_JOINT_OF_LSP]
    assert names == list(LSP_14[:13])
    assert LSP_14[13] == "head_top"


def test_indices_are_those_of_the_names():
    assert [LSP_14[joint] for joint in TORSO] == [
        "left_shoulder",
        "right_shoulder",
        "left_hip",
        "right_hip",
    ]
    assert {LSP_14[joint] for joint in HIPS} == {"left_hip", "right_hip"}
    assert POINTS[:N_LSP] == LSP_14
    assert POINTS[N_LSP:] == EXTRA
    assert len(set(POINTS)) == 25


def test_points_of_face_and_feet_are_missing_unless_given():
    found = keypoints()
    assert found.extra_xy.shape == (2, 11, 2)
    assert not found.extra_confidence.any()
    assert np.isnan(found.points_3d).all()
    xy, sure = np.ones((2, 11, 2), np.float32), np.full((2, 11), 0.5, np.float32)
    xy[1, 4] = np.nan
    given = keypoints(extra_xy=xy, extra_confidence=sure)
    assert given.extra_confidence[1].tolist() == [0.5] * 4 + [0] + [0.5] * 6
    assert (given.extra_confidence[0] == 0.5).all()
    with pytest.raises(ValueError, match=r"extra_confidence: expected 0\.\.1"):
        keypoints(extra_confidence=3 * sure)


def test_nobody_is_no_rows():
    nobody = keypoints()[:0]
    assert len(nobody) == 0
    assert nobody.points_3d.shape == (0, 25, 3)
    assert len(Keypoints.concatenate([nobody, keypoints()])) == 2


def test_how_likely_a_row_is_a_person_is_unknown_unless_given():
    assert np.isnan(keypoints().person_score).all()
    scores = np.array([0.25, 0.75], np.float32)
    both = Keypoints.concatenate([keypoints(), keypoints(person_score=scores)])
    assert np.isnan(both.person_score[:2]).all()
    assert both[np.array([3, 2])].person_score.tolist() == [0.75, 0.25]
    with pytest.raises(ValueError, match=r"person_score: expected shape \(2,\), got \(3,\)"):
        keypoints(person_score=np.zeros(3, np.float32))
