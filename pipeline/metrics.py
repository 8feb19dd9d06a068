"""How far fits are from the truth. Errors in mm are the field's MPJPE and PA-MPJPE."""

import numpy as np
from jaxtyping import Float

from fitting.joints import LSP_14

_HIPS = [LSP_14.index("right_hip"), LSP_14.index("left_hip")]


def mpjpe(found: Float[np.ndarray, "N 14 3"], truth: Float[np.ndarray, "N 14 3"]) -> np.ndarray:
    """Mean joint error (N,) mm with the middle of the hips moved onto the truth's."""
    found, truth = (a - a[:, _HIPS].mean(1, keepdims=True) for a in (found, truth))
    return 1000 * np.linalg.norm(found - truth, axis=-1).mean(1)


def pa_mpjpe(found: Float[np.ndarray, "N n 3"], truth: Float[np.ndarray, "N n 3"]) -> np.ndarray:
    """Mean point error (N,) mm after the best similarity (Procrustes analysis)."""
    found, truth = (a - a.mean(1, keepdims=True) for a in (found, truth))
    u, s, vt = np.linalg.svd(found.transpose(0, 2, 1) @ truth)
    sign = np.sign(np.linalg.det(u @ vt))
    s[:, 2] *= sign
    u[:, :, 2] *= sign[:, None]
    scale = s.sum(1) / (found**2).sum((1, 2))
    aligned = scale[:, None, None] * found @ (u @ vt)
    return 1000 * np.linalg.norm(aligned - truth, axis=-1).mean(1)


def knee_flexion(joints: Float[np.ndarray, "N 14 3"]) -> Float[np.ndarray, "N 2"]:
    """Angle (degrees) between thigh and shin, right and left; 0 is a straight leg."""
    hip, knee, ankle = joints[:, [2, 3]], joints[:, [1, 4]], joints[:, [0, 5]]
    thigh, shin = knee - hip, ankle - knee
    lengths = np.linalg.norm(thigh, axis=-1) * np.linalg.norm(shin, axis=-1)
    return np.degrees(np.arccos(((thigh * shin).sum(-1) / lengths).clip(-1, 1)))
