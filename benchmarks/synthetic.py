"""Photos that never were: bodies of known pose, shape and camera, seen with a detector's errors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.io import loadmat
from scipy.spatial.transform import Rotation

from fitting import BodyModel, Camera, Keypoints
from fitting.camera import project
from fitting.kinematics import Kinematics
from fitting.rows import Rows

IMAGE_SIDE = 640  # px
_LEFT_HIP, _RIGHT_SHOULDER = 3, 8
_MIN_TORSO = 40  # px: shorter torsos point at the camera
_HIPS = [2, 3]


@dataclass(frozen=True)
class Errors:
    """Whole error patterns of a detector on real images: offsets (M, 14, 2) in units of the torso
    and the confidences (M, 14) that came with them."""

    offsets: Float[np.ndarray, "M 14 2"]
    confidence: Float[np.ndarray, "M 14"]


@dataclass(frozen=True)
class Cases(Rows):
    """What the detector saw, the true camera, the true joints (camera frame, m), clean pixels."""

    keypoints: Keypoints
    camera: Camera
    joints: Float[np.ndarray, "N 14 3"]


def detector_errors(joints_mat: Path, detections: Path) -> Errors:
    """Errors on LSP's training images (0..999) of detections in est_joints layout (3, 14, 2000)."""
    truth = loadmat(joints_mat)["joints"].transpose(2, 1, 0)[:1000, :, :2]
    found = np.load(detections)["est_joints"].transpose(2, 1, 0)[:1000]
    torso = np.linalg.norm(truth[:, _RIGHT_SHOULDER] - truth[:, _LEFT_HIP], axis=1)
    offsets = (found[..., :2] - truth) / torso[:, None, None]
    usable = np.isfinite(offsets).all((1, 2)) & (torso > 20)
    return Errors(offsets[usable], found[usable, :, 2].clip(0, 1))


def draw_cases(
    n: int, body: BodyModel, poses: Float[np.ndarray, "P 69"], errors: Errors | None, seed: int = 0
) -> Cases:
    """N people with betas ~ N(0, 0.8), any yaw, some pitch, f = 0.8..1.8 x the image width.

    Args:
        poses: body_pose to draw from, rad.
        errors: added to the pixels; None leaves them clean and sure.
    """
    rng = np.random.default_rng(seed)
    kinematics = Kinematics(body)
    parts: list[Cases] = []
    while sum(map(len, parts)) < n:
        case = _draw(rng, kinematics, poses, errors)
        if case:
            parts.append(case)
    return Cases.concatenate(parts)


def _draw(
    rng: np.random.Generator, kinematics: Kinematics, poses: np.ndarray, errors: Errors | None
) -> Cases | None:
    """One person filling three quarters of the image; None when the torso is foreshortened."""
    pitch, yaw = np.pi + rng.normal(0, 0.15), rng.uniform(-np.pi, np.pi)
    root = (Rotation.from_euler("x", pitch) * Rotation.from_euler("y", yaw)).as_matrix()
    pose = poses[rng.integers(len(poses))]
    betas = rng.normal(0, 0.8, 10).clip(-2, 2)
    tensors = (torch.as_tensor(a)[None] for a in (root, pose, betas))
    points = kinematics.points(*tensors).points[0].numpy()
    focal_length = rng.uniform(0.8, 1.8) * IMAGE_SIDE
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    depth = focal_length * (high - low).max() / (0.75 * IMAGE_SIDE)
    joints = points + np.array([*(-(low + high) / 2), depth])
    camera = Camera(np.array([focal_length]), np.full((1, 2), (IMAGE_SIDE - 1) / 2))
    pixels, _ = project(
        *(torch.as_tensor(a) for a in (joints[None], camera.focal_length, camera.center))
    )
    xy, confidence = pixels[0].numpy(), np.ones(14)
    torso = np.linalg.norm(xy[_RIGHT_SHOULDER] - xy[_LEFT_HIP])
    if torso < _MIN_TORSO:
        return None
    if errors:
        pattern = rng.integers(len(errors.offsets))
        xy, confidence = xy + errors.offsets[pattern] * torso, errors.confidence[pattern]
    keypoints = Keypoints(
        np.zeros(1, np.int32), np.zeros(1, np.int32), xy[None].astype(np.float32),
        confidence[None].astype(np.float32),
    )  # fmt: skip
    return Cases(keypoints, camera, joints[None])


def mpjpe(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean joint error (mm) of each row with the middle of the hips moved onto the truth's."""
    found, truth = (a - a[:, _HIPS].mean(1, keepdims=True) for a in (found, truth))
    return 1000 * np.linalg.norm(found - truth, axis=-1).mean(1)


def pa_mpjpe(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean joint error (mm) of each row after the best similarity (Procrustes analysis)."""
    found, truth = (a - a.mean(1, keepdims=True) for a in (found, truth))
    u, s, vt = np.linalg.svd(found.transpose(0, 2, 1) @ truth)
    s[:, 2] *= np.sign(np.linalg.det(u @ vt))
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    scale = s.sum(1) / (found**2).sum((1, 2))
    aligned = scale[:, None, None] * found @ (u @ vt)
    return 1000 * np.linalg.norm(aligned - truth, axis=-1).mean(1)


def knee_flexion(joints: np.ndarray) -> np.ndarray:
    """Angle (degrees) between thigh and shin, (N, 2) for right and left; 0 is a straight leg."""
    hip, knee, ankle = joints[:, [2, 3]], joints[:, [1, 4]], joints[:, [0, 5]]
    thigh, shin = knee - hip, ankle - knee
    lengths = np.linalg.norm(thigh, axis=-1) * np.linalg.norm(shin, axis=-1)
    return np.degrees(np.arccos(((thigh * shin).sum(-1) / lengths).clip(-1, 1)))
