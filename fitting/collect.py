"""Turns the solver's states into the result, with rows in the order of the keypoints."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fitting.body.body_model import BodyParams
from fitting.body.skeleton import SMPL_24
from fitting.camera import Camera, project
from fitting.fit_config import FitConfig
from fitting.joints import N_LSP, Keypoints
from fitting.objective.model import Model
from fitting.objective.residuals import Observations
from fitting.priors import PosePrior
from fitting.reliability import expected_error, expected_joint_error, signs
from fitting.result import FitResult
from fitting.rotations import vector_from_quaternion
from fitting.solver.status import Status
from fitting.starts.starts import Starts
from fitting.trail import Trail

Noun = TypeVar("Noun", BodyParams, Trail)


@dataclass(frozen=True)
class Fitted:
    """One row per person that could be fitted.

    Args:
        seen: of each person, in px.
        trail: the chosen start after every step, the final one last.
        terms: what each of the model's terms adds to the cost after each step.
        on: whether the term acts there.
        spread: of the joints over all starts, m.
        coefficients: FitConfig.expected_error.
        of_joints: FitConfig.expected_joint_error.
    """

    model: Model
    seen: Observations
    trail: list[Starts]
    terms: Float[Tensor, "P S T"]
    on: Bool[Tensor, "S T"]
    spread: Float[Tensor, "P 14"]
    coefficients: Mapping[str, float]
    of_joints: Mapping[str, float]


def placeholder(
    keypoints: Keypoints,
    camera: Camera,
    prior: PosePrior,
    config: FitConfig,
    term_names: tuple[str, ...],
) -> FitResult:
    """Every row marked as skipped: the mean pose at the origin."""
    n, steps = len(keypoints), 2 + len(config.stages) + len(config.refine)
    sizes = config.n_betas, 3, SMPL_24.n_pose, 3
    params = BodyParams(
        betas=np.zeros((n, config.n_betas)),
        global_orient=np.zeros((n, 3)),
        body_pose=np.tile(prior.mean_pose, (n, 1)),
        transl=np.zeros((n, 3)),
    )
    return FitResult(
        frame=keypoints.frame,
        track=keypoints.track,
        params=params,
        camera=camera,
        joints=np.zeros((n, N_LSP, 3)),
        reprojection_error=np.zeros(n),
        cost=np.zeros(n),
        status=np.full(n, Status.SKIPPED, np.int32),
        iterations=np.zeros(n, np.int32),
        hypothesis=np.zeros(n, np.int32),
        spread=np.zeros(n),
        expected_error=np.zeros(n),
        expected_joint_error=np.zeros((n, N_LSP)),
        term_names=term_names,
        stage_terms=np.zeros((n, steps, len(term_names))),
        stage_on=np.zeros((n, steps, len(term_names)), bool),
        trail=Trail(*(np.zeros((n, steps, size), np.float32) for size in sizes)),
    )


def with_rows(result: FitResult, rows: np.ndarray, fitted: Fitted) -> FitResult:
    """The placeholder with the fitted rows written in.

    Rows with a number that is not finite stay placeholders, and their status says so.
    """
    model, seen, last = fitted.model, fitted.seen, fitted.trail[-1]
    transl = model.split(last.x)[-1]
    points = model.pose(last.x).points + transl[:, None]
    pixels, _ = project(points, seen.focal_length, seen.center)
    known, spread = seen.seen[:, :N_LSP].to(pixels.dtype), fitted.spread.mean(1)
    told = signs(points[:, :N_LSP], pixels[:, :N_LSP], seen, spread.to(points))
    error = (known * (pixels - seen.xy)[:, :N_LSP].norm(dim=-1)).sum(1) / known.sum(1)
    new = {
        "joints": points[:, :N_LSP],
        "reprojection_error": error,
        "cost": fitted.terms[:, -1].sum(1),
        "status": last.status,
        "iterations": last.iterations,
        "hypothesis": last.hypothesis,
        "spread": spread,
        "expected_error": expected_error(fitted.coefficients, told),
        "expected_joint_error": expected_joint_error(fitted.of_joints, seen),
        "stage_terms": fitted.terms,
        "stage_on": fitted.on.expand(len(rows), -1, -1),
    }
    states = torch.stack([after.x for after in fitted.trail], 1)
    params = params_of(model, last.x)
    steps = {f"stage_{n}": t for n, t in params_of(model, states).items()}
    sound = _finite(*params.values(), *steps.values(), *new.values())
    status = result.status.copy()
    status[rows] = Status.NONFINITE
    result, rows = replace(result, status=status), rows[sound]
    params, steps, new = (
        {n: t.cpu().numpy()[sound] for n, t in part.items()} for part in (params, steps, new)
    )
    return replace(
        result,
        params=_filled(result.params, rows, params),
        trail=_filled(result.trail, rows, steps),
        **{n: _insert(getattr(result, n), rows, a) for n, a in new.items()},
    )


def params_of(model: Model, x: Float[Tensor, "*b S"]) -> dict[str, Tensor]:
    """The parts of states, under the names of BodyParams."""
    parts = model.split(x.reshape(-1, x.shape[-1]))
    root, pose, betas, transl = (p.reshape(*x.shape[:-1], p.shape[-1]) for p in parts)
    orient = vector_from_quaternion(root)
    return {"betas": betas, "global_orient": orient, "body_pose": pose, "transl": transl}


def _filled(noun: Noun, rows: np.ndarray, values: dict[str, np.ndarray]) -> Noun:
    """A noun from all of its fields, which are given for some rows."""
    return type(noun)(**{n: _insert(getattr(noun, n), rows, a) for n, a in values.items()})


def _finite(*columns: Tensor) -> np.ndarray:
    """Rows (N,) in which every column is finite."""
    finite = [column.isfinite().reshape(len(column), -1).all(1) for column in columns]
    return torch.stack(finite).all(0).cpu().numpy()


def _insert(array: np.ndarray, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    whole = array.copy()
    if whole.dtype == np.float32:  # with an impossible camera, places can be too far away for it
        values = values.clip(*np.finfo(np.float32).max * np.array([-1.0, 1.0]))
    whole[rows] = values
    return whole
