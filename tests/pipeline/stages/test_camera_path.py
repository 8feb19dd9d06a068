"""A camera is taken for what the background says it does."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from detectors.skeletons import LSP_14
from fitting.sequence.camera_path import Move
from fitting.sequence.settings import CameraKind
from pipeline.stages.camera_path import path_of
from pipeline.stages.detect import Detected

FRAMES = 40


def detected(moved: np.ndarray, together: float = 0.9, cuts: tuple[int, ...] = ()) -> Detected:
    """One person in every frame."""
    n = len(moved)
    frame = np.arange(n, dtype=np.int32)
    return Detected(
        frame=frame,
        track=np.zeros(n, np.int32),
        boxes=np.zeros((n, 4), np.float32),
        keypoints=np.zeros((n, 14, 2), np.float32),
        scores=np.ones((n, 14), np.float32),
        joint_names=LSP_14,
        shot=np.searchsorted(cuts, frame, side="right").astype(np.int32),
        moved=moved.astype(np.float32),
        together=np.where(np.isfinite(moved[:, 0]), together, np.nan).astype(np.float32),
    )


def pan(rate: float) -> np.ndarray:
    """The background goes to the right, diagonals per frame."""
    moved = np.zeros((FRAMES, 4))
    moved[:, 0] = rate * np.arange(FRAMES)
    return moved


def test_noise_is_no_motion() -> None:
    noise = np.random.default_rng(0).normal(0, 5e-4, (FRAMES, 4))
    path, (shot,) = path_of(detected(noise), FRAMES, 1.0, CameraKind.auto)
    assert shot.move is Move.still
    assert path.still.all()
    assert path.in_place.all()
    assert not path.turns


def test_a_pan_turns_and_says_how_far() -> None:
    path, (shot,) = path_of(detected(pan(0.005)), FRAMES, 1.2, CameraKind.auto)
    assert shot.move is Move.turns
    assert shot.degrees == pytest.approx(np.degrees(0.005 * 39 / 1.2), rel=1e-3)
    assert path.in_place.all()
    assert not path.still.any()
    ahead = path.turned[-1] @ [0, 0, 1]
    assert ahead[0] / ahead[2] == pytest.approx(np.tan(0.005 * 39 / 1.2), rel=1e-3)


def test_turns_add_up_to_the_rotation_of_the_camera() -> None:
    """Of a camera that pans, tilts and rolls: a far point stays in place in the steady axes."""
    step = Rotation.from_rotvec([0.004, 0.006, 0.002])
    moved = np.arange(FRAMES)[:, None] * np.array([0.006, -0.004, 0.002, 0.0])
    path, _ = path_of(detected(moved), FRAMES, 1.0, CameraKind.auto)
    np.testing.assert_allclose(path.turned[-1], (step**39).as_matrix(), atol=1e-5)


def test_a_camera_that_goes_somewhere_has_no_standing_feet() -> None:
    path, (shot,) = path_of(detected(pan(0.005), together=0.4), FRAMES, 1.0, CameraKind.auto)
    assert shot.move is Move.goes
    assert not path.in_place.any()
    zoom = np.zeros((FRAMES, 4))
    zoom[:, 3] = np.linspace(0, 0.3, FRAMES)
    assert path_of(detected(zoom), FRAMES, 1.0, CameraKind.auto)[1][0].move is Move.goes


def test_each_shot_for_itself() -> None:
    moved = pan(0.005)
    moved[:20] = 0
    path, shots = path_of(detected(moved, cuts=(20,)), FRAMES, 1.0, CameraKind.auto)
    assert [shot.move for shot in shots] == [Move.still, Move.turns]
    assert path.still.tolist() == [True] * 20 + [False] * 20
    np.testing.assert_array_equal(path.turned[20], np.eye(3))


def test_what_is_not_known_is_taken_to_stand_still() -> None:
    path, (shot,) = path_of(detected(np.full((FRAMES, 4), np.nan)), FRAMES, 1.0, CameraKind.auto)
    assert shot.move is Move.unknown
    assert path.still.all()


def test_frames_without_anybody_lie_between_the_others() -> None:
    seen = detected(pan(0.005))[np.r_[0:10, 20:40]]
    path, _ = path_of(seen, FRAMES, 1.0, CameraKind.auto)
    whole, _ = path_of(detected(pan(0.005)), FRAMES, 1.0, CameraKind.auto)
    np.testing.assert_allclose(path.turned, whole.turned, atol=1e-6)


def test_the_setting_counts_more() -> None:
    path, (shot,) = path_of(detected(pan(0.005)), FRAMES, 1.0, CameraKind.static)
    assert shot.move is Move.still
    assert not path.turns
    unknown = detected(np.full((FRAMES, 4), np.nan))
    path, (shot,) = path_of(unknown, FRAMES, 1.0, CameraKind.moving)
    assert shot.move is Move.goes
    assert not path.in_place.any()
    still = detected(np.zeros((FRAMES, 4)))
    path, (shot,) = path_of(still, FRAMES, 1.0, CameraKind.moving)
    assert shot.move is Move.turns
    assert not path.still.any()
