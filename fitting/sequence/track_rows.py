"""Turns the states of tracks into rows of a motion."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int32
from torch import Tensor

from fitting.body.body_model import BodyParams
from fitting.camera import project
from fitting.collect import params_of
from fitting.fit_config import PARAMETERS
from fitting.joints import LSP_14, Keypoints
from fitting.objective.model import Model
from fitting.objective.objective import Objective
from fitting.objective.residuals import Observations
from fitting.result import FitResult
from fitting.rows import Rows
from fitting.sequence.motion import Motion
from fitting.sequence.standing import soles_of, standing_chances
from fitting.sequence.timeline import ADDED, Timeline
from fitting.sequence.track_fit import Fit
from fitting.sequence.track_problem import FrameTerms
from fitting.solver.status import Status
from fitting.trail import Trail

_AT_ONCE = 256  # frames; the Hessians of a whole long track would not fit into memory
_FARTHEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Outcome:
    """A solved track, one row per frame of its timeline.

    Args:
        timeline: which rows they are.
        keypoints: those that the bodies were fitted to.
        params, joints, reprojection_error, status: as in FitResult.
        soles: left toes, left heel, right toes, right heel, in the camera's axes, m.
        standing: s that each of them stands from its frame to the next, times the chance that it
            does.
        terms: what each of the objective's terms adds to the cost in every frame.
        on: whether the term acts.
        iterations: of the solver.
    """

    timeline: Timeline
    keypoints: Keypoints
    params: BodyParams
    joints: Float64[np.ndarray, "T 14 3"]
    reprojection_error: Float64[np.ndarray, " T"]
    soles: Float64[np.ndarray, "T 4 3"]
    standing: Float64[np.ndarray, "T 4"]
    terms: Float64[np.ndarray, "T n"]
    on: Bool[np.ndarray, " n"]
    status: Int32[np.ndarray, " T"]
    iterations: int


def outcome_of(
    model: Model,
    timeline: Timeline,
    keypoints: Keypoints,
    seen: Observations,
    fit: Fit,
    terms: FrameTerms,
) -> Outcome | None:
    """The bodies of a track's states; None if one of them is not finite."""
    if not bool(fit.x.isfinite().all()):
        return None
    unknowns = model.unknowns(list(PARAMETERS), terms.weights.get("interpenetration", 0.0) > 0)
    points, values, on = [], [], frozenset()
    for first in range(0, len(fit.x), _AT_ONCE):
        rows = slice(first, first + _AT_ONCE)
        objective = Objective(model, unknowns, seen[rows], terms.weights, terms.loss)
        values.append(objective.values(fit.x[rows]))
        points.append(model.pose(fit.x[rows]).points + model.split(fit.x[rows])[3][:, None])
        on = objective.on
    whole = torch.cat(points)
    joints = whole[:, : len(LSP_14)]
    return Outcome(
        timeline,
        keypoints,
        BodyParams(**{name: t.cpu().numpy() for name, t in params_of(model, fit.x).items()}),
        joints.cpu().numpy(),
        _pixels_off(joints, seen).cpu().numpy(),
        soles_of(whole).cpu().numpy(),
        _standing(whole.cpu().numpy(), timeline),
        torch.cat(values).cpu().numpy(),
        np.array([term.name in on for term in model.terms]),
        np.where(timeline.known, fit.status, Status.FILLED).astype(np.int32),
        fit.iterations,
    )


def _standing(points: np.ndarray, timeline: Timeline) -> Float64[np.ndarray, "T 4"]:
    chance = standing_chances(points, timeline.times) * timeline.joined[:, None]
    return np.append(chance * np.diff(timeline.times)[:, None], np.zeros((1, 4)), 0)


def with_outcomes(
    keypoints: Keypoints, result: FitResult, reading: np.ndarray, outcomes: list[Outcome]
) -> Motion:
    """The rows of all tracks in the places of the original rows, and those of filled gaps.

    People without a track keep the fit of each frame, also as the track's step of the trail.

    Args:
        reading: of each row, as in Motion.
    """
    added = np.concatenate(
        [np.zeros(0, int), *(o.timeline.nearest[o.timeline.row == ADDED] for o in outcomes)]
    )
    result = _with_step(FitResult.concatenate([result, result[added]]))
    keypoints = Keypoints.concatenate([keypoints, keypoints[added]])
    place = len(keypoints) - len(added)
    for outcome in outcomes:
        rows = outcome.timeline.row.copy()
        new = rows == ADDED
        rows[new] = np.arange(place, place + new.sum())
        place += int(new.sum())
        result = _written(result, rows, outcome)
        keypoints = replaced(keypoints, rows, outcome.keypoints)
    reading = np.concatenate([reading, np.zeros(len(added), np.int32)])
    order = np.argsort(result.frame, kind="stable")
    return Motion(keypoints[order], result[order], reading[order])


def _written(result: FitResult, rows: np.ndarray, outcome: Outcome) -> FitResult:
    """The rows of one track as it was solved."""
    old = result[rows]
    terms, on = old.stage_terms.copy(), old.stage_on.copy()
    terms[:, -1], on[:, -1] = outcome.terms, outcome.on
    steps = {}
    for name, value in vars(outcome.params).items():
        steps[f"stage_{name}"] = getattr(old.trail, f"stage_{name}").copy()
        steps[f"stage_{name}"][:, -1] = value.clip(-_FARTHEST, _FARTHEST)
    new = replace(
        old,
        frame=outcome.keypoints.frame,
        track=outcome.keypoints.track,
        params=outcome.params,
        joints=outcome.joints,
        reprojection_error=outcome.reprojection_error,
        cost=outcome.terms.sum(1),
        status=outcome.status,
        iterations=(old.iterations + outcome.iterations).astype(np.int32),
        stage_terms=terms,
        stage_on=on,
        trail=Trail(**steps),
    )
    return replaced(result, rows, new)


Table = TypeVar("Table", bound=Rows)


def replaced(table: Table, rows: np.ndarray, new: Table) -> Table:
    """The table with some of its rows replaced."""
    order = np.arange(len(table))
    order[rows] = len(table) + np.arange(len(rows))
    return type(table).concatenate([table, new])[order]


def _with_step(result: FitResult) -> FitResult:
    """One more step of the trail, which changes nothing yet."""

    def repeated(array: np.ndarray) -> np.ndarray:
        return np.concatenate([array, array[:, -1:]], 1)

    return replace(
        result,
        stage_terms=repeated(result.stage_terms),
        stage_on=repeated(result.stage_on),
        trail=Trail(**{name: repeated(array) for name, array in vars(result.trail).items()}),
    )


def _pixels_off(joints: Float[Tensor, "T 14 3"], seen: Observations) -> Float[Tensor, " T"]:
    """Mean distance of the keypoints that were seen; 0 if none was."""
    pixels, _ = project(joints, seen.focal_length, seen.center)
    known = seen.seen[:, : len(LSP_14)].to(pixels.dtype)
    off = (known * (pixels - seen.xy[:, : len(LSP_14)]).norm(dim=-1)).sum(1)
    return off / known.sum(1).clamp_min(1)
