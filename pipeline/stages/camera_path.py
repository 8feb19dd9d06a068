"""Whether a video's camera moves, and how it turns, from the background behind the people."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from fitting.sequence.camera_path import CameraPath, Move
from fitting.sequence.settings import CameraKind
from pipeline.stages.detect import Detected

# Of the diagonal. On a tripod 0.0001 to 0.0005 is measured, in the hand 0.005 and more.
_STILL = 0.003
_MOST = 0.98  # share of the frames that have to be so near to the middle one
_KNOWN = 0.5  # share of the frames
_TOGETHER = 0.7  # share of the background's corners that one turn explains, in most frames
_GROWTH = 0.1  # of the logarithm; more is a zoom, or a camera that goes forward


@dataclass(frozen=True)
class Shot:
    """What is known about the camera of one shot.

    Args:
        move: what it does.
        degrees: how far it turns, from one side to the other.
    """

    move: Move
    degrees: float = 0.0


def path_of(
    seen: Detected, frames: int, diagonals: float, kind: CameraKind
) -> tuple[CameraPath, list[Shot]]:
    """The camera in every frame, and what it does in each shot.

    Args:
        seen: everybody who was found, by frame.
        frames: of the clip.
        diagonals: the focal length in diagonals of the picture.
        kind: what the settings say; a camera that moves is never taken for one that stands still.
    """
    rows = np.searchsorted(seen.frame, np.arange(frames), side="right") - 1
    shot = seen.shot[np.maximum(rows, 0)]
    turned, moves = np.tile(np.eye(3), (frames, 1, 1)), np.zeros(frames, np.int32)
    found = []
    for number in np.unique(shot):
        own, there = np.flatnonzero(shot == number), np.flatnonzero(seen.shot == number)
        move, moved = _move(seen[there], kind)
        angles = np.zeros((len(own), 3))
        if moved is not None and move is not Move.still:
            angles = _angles(*moved, own, diagonals)
        moves[own] = move
        turned[own] = _rotations(angles)
        extent = np.degrees(np.ptp(angles, axis=0))
        found.append(Shot(move, float(np.hypot(*extent[:2]) + extent[2])))
    return CameraPath(shot.astype(np.int32), turned, moves), found


_Moved = tuple[Int[np.ndarray, " K"], Float[np.ndarray, "K 4"]]
"""Frames in which the background is known, and how it has moved until then (`Detected`)."""


def _move(seen: Detected, kind: CameraKind) -> tuple[Move, _Moved | None]:
    """What the camera does, and the motion that tells; None if nothing does."""
    if kind is CameraKind.static:
        return Move.still, None
    moving = kind is CameraKind.moving
    frame, first = np.unique(seen.frame, return_index=True)
    moved, together = seen.moved[first].astype(float), seen.together[first]
    known = np.isfinite(together)
    if known.sum() < max(2, _KNOWN * len(frame)):
        return (Move.goes if moving else Move.unknown), None
    moved, together = moved[known], together[known]
    off = np.abs(moved - np.median(moved, axis=0))
    way = np.hypot(off[:, 0], off[:, 1]) + 0.5 * (off[:, 2] + off[:, 3])
    if not moving and np.quantile(way, _MOST) < _STILL:
        return Move.still, None
    turns = np.median(together) >= _TOGETHER and np.ptp(moved[:, 3]) < _GROWTH
    return (Move.turns if turns else Move.goes), (frame[known], moved)


def _angles(
    frame: np.ndarray, moved: Float[np.ndarray, "K 4"], own: np.ndarray, diagonals: float
) -> Float[np.ndarray, "F 3"]:
    """Sums of the small turns about the camera's x, y and z axes until each of its frames `own`,
    rad."""
    moved = np.stack([np.interp(own, frame, column) for column in moved.T], 1)
    return np.stack([-moved[:, 1] / diagonals, moved[:, 0] / diagonals, moved[:, 2]], 1)


def _rotations(angles: Float[np.ndarray, "F 3"]) -> Float[np.ndarray, "F 3 3"]:
    """From the axes of the first frame to those of each."""
    from scipy.spatial.transform import Rotation

    rotation = [Rotation.identity()]
    for step in np.diff(angles, axis=0):
        rotation.append(Rotation.from_rotvec(step) * rotation[-1])
    return np.stack([one.as_matrix() for one in rotation])
