"""How far fits are from the truth. The errors in mm are the usual MPJPE, PA-MPJPE and PVE."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from fitting.joints import LSP_14

if TYPE_CHECKING:
    from fitting.body.body_model import BodyModel, BodyParams
    from fitting.result import FitResult

_HIPS = [LSP_14.index("right_hip"), LSP_14.index("left_hip")]
_MESHES_AT_ONCE = 32  # about 60 MB
_RESAMPLES = 2000


def body_errors(
    found: "FitResult",
    params: "BodyParams",
    joints: Float[np.ndarray, "N 14 3"],
    body: "BodyModel",
) -> dict[str, Float[np.ndarray, " N"]]:
    """Every 3-D error of fitted rows, by names that end in the unit.

    Args:
        found: rows, all of which were fitted.
        params, joints: the truth of the same rows, camera frame.
        body: the model of both the fit and the truth.
    """
    bending = knee_flexion(found.joints) - knee_flexion(joints)
    return {
        "pa_mpjpe_mm": pa_mpjpe(found.joints, joints),
        "mpjpe_mm": mpjpe(found.joints, joints),
        "pve_mm": pve(found, params, joints, body),
        "shape_error_mm": shape_error(found.params.betas, params.betas, body),
        "knee_excess_deg": bending.mean(1),
    }


def mpjpe(found: Float[np.ndarray, "N 14 3"], truth: Float[np.ndarray, "N 14 3"]) -> np.ndarray:
    """Mean joint error (N,) mm with the middle of the hips moved onto the truth's."""
    return _mean_distance(found - _mid_hip(found), truth - _mid_hip(truth))


def pa_mpjpe(found: Float[np.ndarray, "N n 3"], truth: Float[np.ndarray, "N n 3"]) -> np.ndarray:
    """Mean point error (N,) mm after the best similarity (Procrustes analysis)."""
    found, truth = (a - a.mean(1, keepdims=True) for a in (found, truth))
    u, s, vt = np.linalg.svd(found.transpose(0, 2, 1) @ truth)
    sign = np.sign(np.linalg.det(u @ vt))
    s[:, 2] *= sign
    u[:, :, 2] *= sign[:, None]
    scale = s.sum(1) / (found**2).sum((1, 2))
    return _mean_distance(scale[:, None, None] * found @ (u @ vt), truth)


def pve(
    found: "FitResult",
    params: "BodyParams",
    joints: Float[np.ndarray, "N 14 3"],
    body: "BodyModel",
) -> Float[np.ndarray, " N"]:
    """Mean vertex error (N,) mm with the middle of the hips moved onto the truth's, as in MPJPE."""
    parts = [np.zeros(0)]
    for first in range(0, len(joints), _MESHES_AT_ONCE):
        rows = slice(first, first + _MESHES_AT_ONCE)
        here = body.vertices(found.params[rows]) - _mid_hip(found.joints[rows])
        there = body.vertices(params[rows]) - _mid_hip(joints[rows])
        parts.append(_mean_distance(here, there))
    return np.concatenate(parts)


def shape_error(
    found: Float[np.ndarray, "N a"], truth: Float[np.ndarray, "N b"], body: "BodyModel"
) -> Float[np.ndarray, " N"]:
    """Mean distance (N,) mm of the vertices of both shapes in the rest pose, nothing aligned."""
    apart = _padded(found, body.n_betas) - _padded(truth, body.n_betas)
    parts = [np.zeros(0)]
    for first in range(0, len(apart), _MESHES_AT_ONCE):
        moved = np.einsum("vck,nk->nvc", body.shapedirs, apart[first : first + _MESHES_AT_ONCE])
        parts.append(_mean_distance(moved, np.zeros(3)))
    return np.concatenate(parts)


def knee_flexion(joints: Float[np.ndarray, "N 14 3"]) -> Float[np.ndarray, "N 2"]:
    """Angle (degrees) between thigh and shin, right and left; 0 is a straight leg."""
    hip, knee, ankle = joints[:, [2, 3]], joints[:, [1, 4]], joints[:, [0, 5]]
    thigh, shin = knee - hip, ankle - knee
    lengths = np.linalg.norm(thigh, axis=-1) * np.linalg.norm(shin, axis=-1)
    return np.degrees(np.arccos(((thigh * shin).sum(-1) / lengths).clip(-1, 1)))


def area_under_curve(score: Float[np.ndarray, " N"], positive: np.ndarray) -> float:
    """Chance that a positive row scores above another one (ROC's area); ties count half.

    Returns:
        0..1, or NaN if all rows are of one kind.
    """
    yes, no = score[positive], np.sort(score[~positive])
    if not (len(yes) and len(no)):
        return float("nan")
    below = np.searchsorted(no, yes, "left") + np.searchsorted(no, yes, "right")
    return float(below.mean() / (2 * len(no)))


def bootstrap_interval(values: Float[np.ndarray, " N"]) -> tuple[float, float]:
    """95 % interval of the mean, from resamples of the rows that are always the same.

    It is NaN if there are no rows.
    """
    if not len(values):
        return float("nan"), float("nan")
    rng, n = np.random.default_rng(0), len(values)
    means = [values[rng.integers(n, size=n)].mean() for _ in range(_RESAMPLES)]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def _mean_distance(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return 1000 * np.linalg.norm(found - truth, axis=-1).mean(1)


def _mid_hip(joints: np.ndarray) -> np.ndarray:
    return joints[:, _HIPS].mean(1, keepdims=True)


def _padded(betas: np.ndarray, count: int) -> np.ndarray:
    return np.pad(betas, ((0, 0), (0, count - betas.shape[1])))
