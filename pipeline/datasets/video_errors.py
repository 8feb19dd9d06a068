"""How far a fitted clip is from a drawn one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from fitting.result import FitResult
from pipeline.datasets.synthetic_clips import TrueFrames, soles_of
from pipeline.evaluation.metrics import mpjpe, shape_error
from pipeline.evaluation.motion import foot_sliding, motion_errors, sides_exchanged
from pipeline.stages.stage import Job

if TYPE_CHECKING:
    from fitting.body.body_model import BodyModel
    from fitting.body.kinematics import Kinematics

_SIDED = 12  # of LSP_14, all but neck and head top have a side


@dataclass(frozen=True)
class Followed:
    """What was found of a clip's person: fitted rows, one a frame.

    Args:
        result: by frame.
        soles: as TrueFrames.
        seconds: that the fit took, all rows together.
    """

    result: FitResult
    soles: Float[np.ndarray, "N 4 3"]
    seconds: float

    @classmethod
    def of(cls, job: Job, kinematics: "Kinematics") -> "Followed":
        """The last stage that fits has the say."""
        import torch
        from scipy.spatial.transform import Rotation

        stages = [stage for stage in ("fit", "sequence") if stage in job.results]
        result = job.results[stages[-1]].load()
        result = result[result.fitted]
        result = result[np.unique(result.frame, return_index=True)[1]]
        params = result.params
        root = Rotation.from_rotvec(params.global_orient).as_matrix()
        betas = params.betas[:, : kinematics.n_betas]
        posed = kinematics.points(*map(torch.as_tensor, (root, params.body_pose, betas)))
        soles = soles_of(posed.points.numpy()) + params.transl[:, None]
        return cls(result, soles, sum(job.results[stage].seconds for stage in stages))


def clip_errors(
    found: Followed, truth: TrueFrames, fps: float, body: "BodyModel"
) -> dict[str, float]:
    """Errors of a clip by name, which ends in the unit.

    Frames in which the detector found nobody count in `gap_mpjpe_mm` alone, so that a method that
    fills them is not compared on harder frames than one that leaves them out.
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
    """In axes that do not turn with the camera."""
    return np.einsum("tab,tnb->tna", truth.world_from_camera, soles)


def _sides(joints: np.ndarray, truth: TrueFrames) -> dict[str, float]:
    """Frames with exchanged keypoints whose body is right; all frames whose body is exchanged."""
    swapped = truth.exchanged.any(1)
    wrong = sides_exchanged(joints, truth.joints, truth.exchanged)
    whole = np.tile(np.arange(14) < _SIDED, (len(joints), 1))
    turned = sides_exchanged(joints, truth.joints, whole)
    return {
        "swaps_mended_percent": _percent(~wrong[swapped]),
        "turned_percent": _percent(turned),
        "turned_unprovoked_percent": _percent(turned[~swapped]),
    }


def _percent(flags: Bool[np.ndarray, " N"]) -> float:
    return 100 * _mean(flags)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
