"""How far a fitted motion is from the true one: what single frames do not show.

Frames are matched by number. There is no value for frames without a body, nor for differences that
need one. Accelerations are second differences.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from fitting.joints import HIPS, LSP_14
from pipeline.evaluation.metrics import mpjpe, pa_mpjpe

_OTHER = {"left": "right", "right": "left"}
_OPPOSITE = [
    LSP_14.index("_".join([_OTHER.get(side, side), *rest]))
    for side, *rest in (name.split("_") for name in LSP_14)
]


def motion_errors(
    found: Float[np.ndarray, "N 14 3"],
    truth: Float[np.ndarray, "N 14 3"],
    frame: Int[np.ndarray, " N"],
    fps: float,
) -> dict[str, float]:
    """Errors of a clip by name; names end in the unit.

    Args:
        found, truth: the same frames, in the camera's axes, m.
        frame: their numbers, ascending.
        fps: frames per second.
    """
    inner = consecutive(frame)
    own, true = accelerations(found, inner), accelerations(truth, inner)
    moving = own - true
    about = moving - _middle(moving)
    return {
        "pa_mpjpe_mm": _mean(pa_mpjpe(found, truth)),
        "mpjpe_mm": _mean(mpjpe(found, truth)),
        "wa_mpjpe_mm": _aligned_at_once(found, truth),
        "accel_error_mm_per_frame2": _length(about),
        "camera_accel_error_mm_per_frame2": _length(moving),
        "accel_error_m_per_s2": _length(about) * fps**2 / 1000,
        "camera_accel_error_m_per_s2": _length(moving) * fps**2 / 1000,
        "camera_accel_mm_per_frame2": _length(own),
        "true_camera_accel_mm_per_frame2": _length(true),
    }


def consecutive(frame: Int[np.ndarray, " N"]) -> Int[np.ndarray, " M"]:
    """Rows whose frame is the middle one of three that all exist."""
    steps = np.diff(frame)
    return np.flatnonzero((steps[1:] == 1) & (steps[:-1] == 1)) + 1


def accelerations(
    points: Float[np.ndarray, "N n 3"], inner: Int[np.ndarray, " M"]
) -> Float[np.ndarray, "M n 3"]:
    """Second differences around the rows `inner` (`consecutive`), m per frame^2."""
    return points[inner + 1] - 2 * points[inner] + points[inner - 1]


def foot_sliding(soles: Float[np.ndarray, "T n 3"], contact: Bool[np.ndarray, "T n"]) -> float:
    """Mean distance, mm, that soles move from one frame to the next while they really stand.

    Args:
        soles: in axes that do not turn, m; NaN where there is no body.
        contact: which of them stand in that frame and the next.
    """
    steps = np.linalg.norm(np.diff(soles, axis=0), axis=-1)[contact[:-1]]
    return _mean(1000 * steps[np.isfinite(steps)])


def sides_exchanged(
    found: Float[np.ndarray, "N 14 d"],
    truth: Float[np.ndarray, "N 14 d"],
    joints: Bool[np.ndarray, "N 14"],
    clearly: float = 1.0,
) -> Bool[np.ndarray, " N"]:
    """Whether these joints, relative to the hips, are nearer to the truth with sides exchanged.

    Args:
        clearly: they must be nearer than this share of their distance without exchange.
    """
    found, truth = found - _middle(found), truth - _middle(truth)
    plain, other = (
        (joints * np.linalg.norm(found[:, order] - truth, axis=-1)).sum(1)
        for order in (slice(None), _OPPOSITE)
    )
    return other < clearly * plain


def _middle(joints: np.ndarray) -> np.ndarray:
    return joints[:, HIPS].mean(1, keepdims=True)


def _aligned_at_once(found: np.ndarray, truth: np.ndarray) -> float:
    """Mean joint error after one similarity of the whole clip."""
    if not len(found):
        return float("nan")
    return float(pa_mpjpe(found.reshape(1, -1, 3), truth.reshape(1, -1, 3))[0])


def _length(vectors: Float[np.ndarray, "M n 3"]) -> float:
    return _mean(1000 * np.linalg.norm(vectors, axis=-1))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")
