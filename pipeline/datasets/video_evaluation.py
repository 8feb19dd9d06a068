"""How far a fitted clip is from the drawn one."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from fitting.joints import LSP_14, Keypoints
from fitting.result import FitResult
from pipeline.datasets.synthetic_clips import TrueFrames, pixels_of, soles_of
from pipeline.evaluation.metrics import mpjpe, shape_error
from pipeline.evaluation.motion import foot_sliding, motion_errors, sides_exchanged
from pipeline.stages.sequence import NAME as SEQUENCE
from pipeline.stages.sequence import result_of
from pipeline.stages.stage import Job

if TYPE_CHECKING:
    from fitting.body.body_model import BodyModel
    from fitting.body.kinematics import Kinematics

_WHOLE = np.array([name not in ("neck", "head_top") for name in LSP_14])
_LEGS = np.array([name.endswith(("hip", "knee", "ankle")) for name in LSP_14])
_CLEARLY = 0.7  # share of the distance without exchange; keypoints nearer than this are exchanged


@dataclass(frozen=True)
class Followed:
    """What was found about a clip's person.

    Args:
        result: fitted rows, one per frame, in order.
        soles: as in TrueFrames.
        keypoints: those that were fitted, one row per frame, in order.
        seconds: how long the fit took, for all rows of the clip together.
    """

    result: FitResult
    soles: Float[np.ndarray, "N 4 3"]
    keypoints: Keypoints
    seconds: float


def followed(job: Job, truth: TrueFrames, kinematics: "Kinematics") -> Followed:
    """The person among everybody who was found: in each frame the keypoints nearest to the truth,
    and their body from the last stage that fits. Where there are no keypoints, it is the body of
    the track that these keypoints have most often."""
    import torch
    from scipy.spatial.transform import Rotation

    seen = _nearest(job.results["remap"].load(), pixels_of(truth))
    stages = [stage for stage in ("fit", SEQUENCE) if stage in job.results]
    result = result_of(job)
    track = np.full(len(truth), np.bincount(seen.track).argmax())
    track[seen.frame] = seen.track
    result = result[result.fitted & (result.track == track[result.frame])]
    params = result.params
    root = Rotation.from_rotvec(params.global_orient).as_matrix()
    betas = params.betas[:, : kinematics.n_betas]
    posed = kinematics.points(*map(torch.as_tensor, (root, params.body_pose, betas)))
    soles = soles_of(posed.points.numpy()) + params.transl[:, None]
    return Followed(result, soles, seen, sum(job.results[stage].seconds for stage in stages))


def as_detected(truth: TrueFrames, seen: Keypoints) -> TrueFrames:
    """The truth, with the frames in which a real detector found the person, and those in which it
    exchanged left and right of the body or the legs."""
    found = np.zeros(len(truth), bool)
    found[seen.frame] = True
    exchanged = np.zeros((len(truth), 14), bool)
    pixels = pixels_of(truth)[seen.frame]
    for part in (_WHOLE, _LEGS):
        joints = part & (seen.confidence > 0)
        rows = sides_exchanged(seen.xy, pixels, joints, _CLEARLY)
        exchanged[seen.frame[rows]] |= part
    return replace(truth, found=found, exchanged=exchanged)


def _nearest(seen: Keypoints, pixels: Float[np.ndarray, "T 14 2"]) -> Keypoints:
    """The row nearest to the true pixels, in each frame."""
    sure = seen.confidence > 0
    apart = np.linalg.norm(seen.xy - pixels[seen.frame], axis=-1)
    off = (sure * apart).sum(1) / np.maximum(sure.sum(1), 1)
    order = np.lexsort((off, seen.frame))
    return seen[order[np.unique(seen.frame[order], return_index=True)[1]]]


def clip_errors(
    found: Followed, truth: TrueFrames, fps: float, body: "BodyModel"
) -> dict[str, float]:
    """Errors of a clip by name; names end in the unit.

    Frames in which the detector found nobody only count in `gap_mpjpe_mm`. Otherwise a method that
    fills them would be measured on harder frames than one that leaves them out.
    """
    result, frame = found.result, found.result.frame
    rows = np.flatnonzero(truth.found[frame])
    at = frame[rows]
    gaps = np.flatnonzero(~truth.found[frame])
    betas = result.params.betas
    mean = np.repeat(betas.mean(0, keepdims=True), len(betas), 0)
    true_betas = truth.params.betas[:1]
    return {
        **motion_errors(result.joints[rows], truth.joints[at], at, fps),
        "foot_sliding_mm_per_frame": _sliding(found, truth),
        "true_foot_sliding_mm_per_frame": foot_sliding(_turned(truth.soles, truth), truth.contact),
        "shape_spread_mm": float(shape_error(betas, mean, body).mean()),
        "shape_error_mm": float(shape_error(mean[:1], true_betas, body)[0]),
        **_sides(result.joints[rows], truth[at]),
        "swapped_keypoints_percent": _percent(truth.exchanged.any(1)[truth.found]),
        "not_found_percent": _percent(~truth.found),
        "gap_mpjpe_mm": _mean(mpjpe(result.joints[gaps], truth.joints[frame[gaps]])),
        "gap_filled_percent": _percent(np.isin(np.flatnonzero(~truth.found), frame)),
        "tracks": float(len(np.unique(result.track))),
        "ms_per_frame": 1000 * found.seconds / len(result),
    }


def _sliding(found: Followed, truth: TrueFrames) -> float:
    soles = np.full_like(truth.soles, np.nan)
    soles[found.result.frame] = found.soles
    return foot_sliding(_turned(soles, truth), truth.contact)


def _turned(soles: np.ndarray, truth: TrueFrames) -> np.ndarray:
    """The motion in axes that do not turn with the camera."""
    return np.einsum("tab,tnb->tna", truth.world_from_camera, soles)


def _sides(joints: np.ndarray, truth: TrueFrames) -> dict[str, float]:
    """Frames with exchanged keypoints but a right body; and all frames with an exchanged body."""
    swapped = truth.exchanged.any(1)
    wrong = sides_exchanged(joints, truth.joints, truth.exchanged)
    turned = sides_exchanged(joints, truth.joints, np.tile(_WHOLE, (len(joints), 1)))
    return {
        "swaps_mended_percent": _percent(~wrong[swapped]),
        "turned_percent": _percent(turned),
        "turned_unprovoked_percent": _percent(turned[~swapped]),
    }


def _percent(flags: Bool[np.ndarray, " N"]) -> float:
    return 100 * _mean(flags)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
