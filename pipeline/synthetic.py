"""People that never were: bodies of known pose, shape and camera, seen with a detector's errors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from fitting import BodyModel, BodyParams, Camera, Keypoints
from fitting.camera import project
from fitting.joints import EXTRA, LSP_14
from fitting.kinematics import Kinematics
from fitting.model_files import read_npz
from fitting.rows import Rows

IMAGE_SIDE = 640  # px
_LEFT_HIP, _RIGHT_SHOULDER = LSP_14.index("left_hip"), LSP_14.index("right_shoulder")
_MIN_TORSO = 40  # px: shorter torsos point at the camera
_FILLED = 0.75  # share of the image that a person's longer side takes
_EXTRA_NOISE = 0.03  # torso lengths: what a point of face or foot errs beside its neighbour
_EXTRA_CONFIDENCE = 0.9  # of its neighbour's
_NEIGHBOUR = [
    LSP_14.index("head_top" if name[-3:] in ("ose", "eye", "ear") else f"{name.split('_')[0]}_ankle")
    for name in EXTRA
]


@dataclass(frozen=True)
class Errors(Rows):
    """Whole error patterns of a detector on real images: offsets in units of the torso (right
    shoulder to left hip) and the confidences that came with them."""

    offsets: Float[np.ndarray, "M 14 2"]
    confidence: Float[np.ndarray, "M 14"]


@dataclass(frozen=True)
class Cases(Rows):
    """What the detector saw, and the truth: camera, bodies, joints (camera frame, m)."""

    keypoints: Keypoints
    camera: Camera
    params: BodyParams
    joints: Float[np.ndarray, "N 14 3"]


def load_errors(path: str | Path) -> Errors:
    """Read error patterns from an npz with offsets and confidence.

    Raises:
        FileNotFoundError, ValueError: as fitting.model_files.read_npz.
    """
    data = read_npz(path, "detector's errors", ("offsets", "confidence"))
    return Errors(**{name: array.astype(np.float64) for name, array in data.items()})


def draw_cases(
    n: int, body: BodyModel, poses: Float[np.ndarray, "P 69"], errors: Errors | None = None,
    seed: int = 0,
) -> Cases:  # fmt: skip
    """N people with betas ~ N(0, 0.8), any yaw, some pitch, f = 0.8..1.8 x the image width.

    Torsos that point at the camera are drawn again.

    Args:
        poses: body_pose to draw from, rad.
        errors: added to the pixels; None leaves them clean and sure.
    """
    rng = np.random.default_rng(seed)
    parts, found = [], 0
    while found < n:
        part = _draw(rng, max(64, n), body, poses, errors)
        parts.append(part)
        found += len(part)
    return Cases.concatenate(parts)[:n]


def _draw(
    rng: np.random.Generator, n: int, body: BodyModel, poses: np.ndarray, errors: Errors | None
) -> Cases:
    """Up to n people, each filling three quarters of the image."""
    pitch, yaw = np.pi + rng.normal(0, 0.15, n), rng.uniform(-np.pi, np.pi, n)
    root = Rotation.from_euler("x", pitch) * Rotation.from_euler("y", yaw)
    pose = poses[rng.integers(len(poses), size=n)]
    betas = rng.normal(0, 0.8, (n, 10)).clip(-2, 2)
    focal_length = rng.uniform(0.8, 1.8, n) * IMAGE_SIDE
    tensors = (torch.as_tensor(a) for a in (root.as_matrix(), pose, betas))
    points = Kinematics(body, extras=True).points(*tensors).points.numpy()
    low, high = points[:, :14, :2].min(1), points[:, :14, :2].max(1)
    depth = focal_length * (high - low).max(1) / (_FILLED * IMAGE_SIDE)
    transl = np.concatenate([-(low + high) / 2, depth[:, None]], 1)
    camera = Camera(focal_length, np.full((n, 2), (IMAGE_SIDE - 1) / 2))
    points = points + transl[:, None]
    pixels = project(*(torch.as_tensor(a) for a in (points, focal_length, camera.center)))[0]
    keypoints = _see(rng, pixels.numpy(), errors)
    params = BodyParams(betas, root.as_rotvec(), pose, transl)
    return Cases(keypoints, camera, params, points[:, :14])[_torso(pixels.numpy()) >= _MIN_TORSO]


def _see(rng: np.random.Generator, pixels: np.ndarray, errors: Errors | None) -> Keypoints:
    """Add one whole error pattern to each person's pixels (N, 25, 2).

    LSP has no face and no feet to measure a detector's errors on: a point of those is given the
    error of its neighbour, head top or ankle, and some of its own.
    """
    n = len(pixels)
    confidence = np.ones(pixels.shape[:2])
    if errors:
        pattern = rng.integers(len(errors), size=n)
        offsets, sure = errors.offsets[pattern], errors.confidence[pattern]
        near = offsets[:, _NEIGHBOUR] + rng.normal(0, _EXTRA_NOISE, (n, len(EXTRA), 2))
        offsets = np.concatenate([offsets, near], 1)
        pixels = pixels + offsets * _torso(pixels)[:, None, None]
        confidence = np.concatenate([sure, _EXTRA_CONFIDENCE * sure[:, _NEIGHBOUR]], 1)
    return Keypoints(
        np.arange(n, dtype=np.int32) * 0, np.arange(n, dtype=np.int32),
        pixels[:, :14].astype(np.float32), confidence[:, :14].astype(np.float32),
        pixels[:, 14:].astype(np.float32), confidence[:, 14:].astype(np.float32),
    )  # fmt: skip


def _torso(pixels: np.ndarray) -> np.ndarray:
    return np.linalg.norm(pixels[:, _RIGHT_SHOULDER] - pixels[:, _LEFT_HIP], axis=1)
