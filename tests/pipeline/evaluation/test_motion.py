"""Measures of motion against numbers worked out by hand."""

import numpy as np
import pytest

from fitting.joints import LSP_14
from pipeline.evaluation.motion import (
    consecutive,
    foot_sliding,
    motion_errors,
    sides_exchanged,
)

RNG = np.random.default_rng(0)
PERSON = np.add(RNG.normal(0, 0.3, (14, 3)), (0, 0, 4))


def still(frames: int) -> np.ndarray:
    return np.tile(PERSON, (frames, 1, 1))


def errors(found: np.ndarray, truth: np.ndarray, frame: np.ndarray | None = None) -> dict:
    frame = np.arange(len(truth)) if frame is None else frame
    return motion_errors(found, truth, frame, fps=24)


def test_the_truth_has_no_errors() -> None:
    moving = still(9) + RNG.normal(0, 0.1, (9, 14, 3))
    found = errors(moving, moving)
    own = found.pop("camera_accel_mm_per_frame2")
    assert own == found.pop("true_camera_accel_mm_per_frame2") > 100
    assert max(found.values()) < 1e-9


def test_a_jump_of_the_whole_body_is_seen_in_the_cameras_axes_alone() -> None:
    """One frame of five is 10 mm too far: second differences of 10, 20 and 10 mm in the middle."""
    found = still(5)
    found[2, :, 2] += 0.01
    result = errors(found, still(5))
    assert result["camera_accel_error_mm_per_frame2"] == pytest.approx(40 / 3)
    assert result["camera_accel_error_m_per_s2"] == pytest.approx(40 / 3 * 24**2 / 1000)
    assert result["accel_error_mm_per_frame2"] == pytest.approx(0, abs=1e-9)
    assert result["mpjpe_mm"] == pytest.approx(0, abs=1e-9)
    assert result["true_camera_accel_mm_per_frame2"] == pytest.approx(0, abs=1e-9)
    assert 1 < result["wa_mpjpe_mm"] < 4, "one alignment cannot take one frame's jump away"


def test_one_alignment_of_the_clip_takes_its_scale_and_turn_away() -> None:
    truth = still(6) + np.arange(6)[:, None, None] * (0.05, 0, 0)
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    found = errors(1.3 * truth @ turn.T + (0.5, 0, 1), truth)
    assert found["wa_mpjpe_mm"] == pytest.approx(0, abs=1e-6)
    assert found["mpjpe_mm"] > 100


def test_accelerations_need_three_frames_in_a_row() -> None:
    assert consecutive(np.array([0, 1, 2, 4, 5, 7, 8, 9])).tolist() == [1, 6]
    truth, frame = still(4), np.array([0, 1, 3, 4])
    assert np.isnan(errors(truth, truth, frame)["accel_error_mm_per_frame2"])
    assert errors(truth, truth, frame)["pa_mpjpe_mm"] == pytest.approx(0, abs=1e-6)


def test_feet_slide_only_where_they_truly_stand() -> None:
    soles = np.zeros((4, 4, 3))
    soles[:, 0, 0] = (0, 0.003, 0.006, 0.5)  # the last step is no contact
    soles[:, 1, 0] = (0, 0.005, np.nan, 0.02)  # no body in frame 2
    contact = np.zeros((4, 4), bool)
    contact[:2, 0] = contact[:3, 1] = True
    assert foot_sliding(soles, contact) == pytest.approx((3 + 3 + 5) / 3)
    assert np.isnan(foot_sliding(soles, np.zeros((4, 4), bool)))


def test_sides_are_exchanged_where_the_other_side_is_nearer() -> None:
    swapped = {"left": "right", "right": "left"}
    names = [name.partition("_") for name in LSP_14]
    opposite = [LSP_14.index(swapped.get(side, side) + _ + part) for side, _, part in names]
    truth = still(3)
    found = truth + RNG.normal(0, 0.01, truth.shape)
    found[1] = found[1][opposite]
    legs = np.array([name.endswith(("hip", "knee", "ankle")) for name in LSP_14])
    found[2, legs] = found[2][opposite][legs]
    whole, lower = np.ones((3, 14), bool), np.tile(legs, (3, 1))
    assert sides_exchanged(found, truth, whole).tolist()[:2] == [False, True]
    assert sides_exchanged(found, truth, lower).tolist() == [False, True, True]
