"""From the solver's states to the result: rows as the keypoints came."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body_model import BodyParams
from fitting.camera import Camera, project
from fitting.fit_config import FitConfig
from fitting.joints import Keypoints
from fitting.objective import Model
from fitting.priors import PosePrior
from fitting.residuals import TERMS, Observations
from fitting.result import FitResult
from fitting.rotations import vector_from_quaternion
from fitting.starts import Starts
from fitting.status import Status


@dataclass(frozen=True)
class Fitted:
    """One row per person that could be fitted.

    Args:
        seen: of each person, in px.
        trail: the chosen start after every stage, the final one last.
        terms: what each of TERMS adds to the cost after each stage.
        spread: of the joints over all starts, m.
    """

    model: Model
    seen: Observations
    trail: list[Starts]
    terms: Float[Tensor, "P S T"]
    spread: Float[Tensor, "P 14"]


def placeholder(
    keypoints: Keypoints, camera: Camera, prior: PosePrior, config: FitConfig
) -> FitResult:
    """Every row marked as skipped: the mean pose at the origin."""
    n, stages = len(keypoints), len(config.stages) + len(config.refine)
    params = BodyParams(
        betas=np.zeros((n, config.n_betas)), global_orient=np.zeros((n, 3)),
        body_pose=np.tile(prior.mean_pose, (n, 1)), transl=np.zeros((n, 3)),
    )  # fmt: skip
    return FitResult(
        frame=keypoints.frame, track=keypoints.track, params=params, camera=camera,
        joints=np.zeros((n, 14, 3)), reprojection_error=np.zeros(n), cost=np.zeros(n),
        status=np.full(n, Status.SKIPPED, np.int32), iterations=np.zeros(n, np.int32),
        hypothesis=np.zeros(n, np.int32), spread=np.zeros(n),
        stage_terms=np.zeros((n, stages, len(TERMS))),
    )  # fmt: skip


def with_rows(result: FitResult, rows: np.ndarray, fitted: Fitted) -> FitResult:
    """The placeholder with the fitted rows written in.

    Rows with a number that is not finite stay placeholders, and their status says so.
    """
    model, seen, last = fitted.model, fitted.seen, fitted.trail[-1]
    root, pose, betas, transl = model.split(last.x)
    points = model.pose(last.x).points + transl[:, None]
    pixels, _ = project(points, seen.focal_length, seen.center)
    known = seen.seen[:, :14].to(pixels.dtype)
    error = (known * (pixels - seen.xy)[:, :14].norm(dim=-1)).sum(1) / known.sum(1)
    new = {
        "joints": points[:, :14], "reprojection_error": error,
        "cost": fitted.terms[:, -1].sum(1), "status": last.status,
        "iterations": last.iterations, "hypothesis": last.hypothesis,
        "spread": fitted.spread.mean(1), "stage_terms": fitted.terms,
    }  # fmt: skip
    params = {
        "betas": betas, "global_orient": vector_from_quaternion(root), "body_pose": pose,
        "transl": transl,
    }  # fmt: skip
    sound = _finite(*params.values(), *new.values())
    params, new = ({n: t.cpu().numpy()[sound] for n, t in part.items()} for part in (params, new))
    status = result.status.copy()
    status[rows] = Status.NONFINITE
    result, rows = replace(result, status=status), rows[sound]
    return replace(
        result,
        params=BodyParams(
            **{n: _insert(getattr(result.params, n), rows, a) for n, a in params.items()}
        ),
        **{n: _insert(getattr(result, n), rows, a) for n, a in new.items()},
    )


def _finite(*columns: Tensor) -> np.ndarray:
    """Rows (N,) in which every column is finite."""
    finite = [column.isfinite().reshape(len(column), -1).all(1) for column in columns]
    return torch.stack(finite).all(0).cpu().numpy()


def _insert(array: np.ndarray, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    whole = array.copy()
    whole[rows] = values
    return whole
