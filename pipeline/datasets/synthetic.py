"""Invented people: bodies of known pose, shape and camera, seen with a detector's errors."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from fitting.body.body_model import BodyModel, BodyParams
from fitting.camera import Camera, project
from fitting.files.model_files import read_npz
from fitting.joints import EXTRA, LSP_14, N_LSP, Keypoints
from fitting.rows import Rows

if TYPE_CHECKING:
    from fitting.body.kinematics import Kinematics

IMAGE_SIDE = 640  # px
BLOCK = 64  # people drawn together; another number means other people for a seed
_LEFT_HIP, _RIGHT_SHOULDER = LSP_14.index("left_hip"), LSP_14.index("right_shoulder")
_MIN_TORSO = 40  # px; shorter torsos point at the camera
_FILLED = 0.75  # share of the image that a person's longer side takes
_EXTRA_NOISE = 0.03  # torso lengths that a point of face or foot is off its neighbour's error
_EXTRA_CONFIDENCE = 0.9  # share of its neighbour's
NEIGHBOUR = [
    LSP_14.index(
        "head_top" if name[-3:] in ("ose", "eye", "ear") else f"{name.split('_')[0]}_ankle"
    )
    for name in EXTRA
]


@dataclass(frozen=True)
class Errors(Rows):
    """Whole error patterns of a detector on real images: offsets in units of the torso (right
    shoulder to left hip) and the confidences that came with them, 0 where a joint was dropped."""

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

    If the file numbers its images, only those of odd number are taken: tools/train_lifter.py
    learns from the others.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such an npz, or an array has a wrong shape or range.
    """
    data = read_npz(path, "detector's errors", ("offsets", "confidence"), optional=("image",))
    offsets, confidence = (data[n].astype(np.float64) for n in ("offsets", "confidence"))
    m = len(offsets)
    if offsets.shape != (m, N_LSP, 2) or confidence.shape != (m, N_LSP):
        found = offsets.shape, confidence.shape
        raise ValueError(f"{path}: expected (M, 14, 2) and (M, 14), got {found[0]}, {found[1]}")
    if not (np.isfinite(offsets).all() and ((confidence >= 0) & (confidence <= 1)).all()):
        raise ValueError(f"{path}: expected finite offsets and confidence 0..1, got others")
    errors = Errors(offsets, confidence)
    errors = errors[data["image"] % 2 == 1] if "image" in data else errors
    if not len(errors):
        raise ValueError(f"{path}: expected error patterns to draw from, got none")
    return errors


def draw_cases(
    n: int,
    body: BodyModel,
    poses: Float[np.ndarray, "P 69"],
    errors: Errors | None = None,
    seed: int = 0,
    pitch: float = 0.0,
) -> Cases:
    """N people with betas ~ N(0, 0.8), any yaw, some pitch, f = 0.8..1.8 x the image width.

    If a torso points at the camera, the person is drawn again. The first people are the same for
    any n and any errors.

    Args:
        poses: body_pose to draw from, rad.
        errors: added to the pixels; None leaves them exact and sure.
        pitch: how far cameras look down at people on average, degrees.
    """
    from fitting.body.kinematics import Kinematics

    kinematics = Kinematics(body, extras=True)
    blocks = range(max(1, -(-n // BLOCK)))
    return Cases.concatenate(
        [draw_block(b, kinematics, poses, errors, seed, pitch) for b in blocks]
    )[:n]


def draw_block(
    number: int,
    kinematics: "Kinematics",
    poses: Float[np.ndarray, "P 69"],
    errors: Errors | None,
    seed: int,
    pitch: float = 0.0,
) -> Cases:
    """People number * BLOCK and following; `kinematics` with the points EXTRA."""
    rng = np.random.default_rng([seed, number, 0])
    parts, found = [], 0
    while found < BLOCK:
        parts.append(_people(rng, kinematics, poses, pitch))
        found += len(parts[-1])
    cases = Cases.concatenate(parts)[:BLOCK]
    if errors is None:
        return cases
    keypoints = _with_errors(np.random.default_rng([seed, number, 1]), cases, errors)
    return replace(cases, keypoints=keypoints)


def torso_px(cases: Cases) -> Float[np.ndarray, " N"]:
    """Distance from right shoulder to left hip in the image, without errors."""
    ends = cases.joints[:, [_RIGHT_SHOULDER, _LEFT_HIP]]
    flat = cases.camera.focal_length[:, None, None] * ends[..., :2] / ends[..., 2:]
    return np.linalg.norm(flat[:, 0] - flat[:, 1], axis=1)


def _people(
    rng: np.random.Generator, kinematics: "Kinematics", poses: np.ndarray, down: float
) -> Cases:
    """Up to BLOCK people, each of whom fills three quarters of the image, without errors."""
    import torch
    from scipy.spatial.transform import Rotation

    n = BLOCK
    pitch, yaw = np.pi + np.radians(down) + rng.normal(0, 0.15, n), rng.uniform(-np.pi, np.pi, n)
    root = Rotation.from_euler("x", pitch) * Rotation.from_euler("y", yaw)
    pose = poses[rng.integers(len(poses), size=n)]
    betas = rng.normal(0, 0.8, (n, kinematics.n_betas)).clip(-2, 2)
    focal_length = rng.uniform(0.8, 1.8, n) * IMAGE_SIDE
    points = kinematics.points(*map(torch.as_tensor, (root.as_matrix(), pose, betas))).points
    points = points.numpy()
    low, high = points[:, :N_LSP, :2].min(1), points[:, :N_LSP, :2].max(1)
    depth = focal_length * (high - low).max(1) / (_FILLED * IMAGE_SIDE)
    transl = np.concatenate([-(low + high) / 2, depth[:, None]], 1)
    points = points + transl[:, None]
    camera = Camera(focal_length, np.full((n, 2), (IMAGE_SIDE - 1) / 2))
    pixels = project(*map(torch.as_tensor, (points, focal_length, camera.center)))[0].numpy()
    keypoints = _keypoints(pixels, np.ones(pixels.shape[:2]))
    params = BodyParams(betas, root.as_rotvec(), pose, transl)
    cases = Cases(keypoints, camera, params, points[:, :N_LSP])
    return cases[torso_px(cases) >= _MIN_TORSO]


def _with_errors(rng: np.random.Generator, cases: Cases, errors: Errors) -> Keypoints:
    """One whole error pattern added to each person's pixels.

    LSP has no face and no feet to measure a detector's errors on. So a point of face or foot gets
    the error of its neighbour, head top or ankle, and some error of its own.
    """
    clean, n = cases.keypoints, len(cases)
    pattern = rng.integers(len(errors), size=n)
    offsets, sure = errors.offsets[pattern], errors.confidence[pattern]
    near = offsets[:, NEIGHBOUR] + rng.normal(0, _EXTRA_NOISE, (n, len(EXTRA), 2))
    offsets = np.concatenate([offsets, near], 1) * torso_px(cases)[:, None, None]
    pixels = np.concatenate([clean.xy, clean.extra_xy], 1) + offsets
    return _keypoints(pixels, np.concatenate([sure, _EXTRA_CONFIDENCE * sure[:, NEIGHBOUR]], 1))


def _keypoints(pixels: np.ndarray, confidence: np.ndarray) -> Keypoints:
    """One person per row, each alone in an image: pixels (N, 25, 2), confidence (N, 25)."""
    pixels, confidence = pixels.astype(np.float32), confidence.astype(np.float32)
    return Keypoints(
        np.zeros(len(pixels), np.int32),
        np.zeros(len(pixels), np.int32),
        pixels[:, :N_LSP],
        confidence[:, :N_LSP],
        pixels[:, N_LSP:],
        confidence[:, N_LSP:],
    )
