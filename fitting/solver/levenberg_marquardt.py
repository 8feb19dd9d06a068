"""Levenberg-Marquardt for a batch of independent problems: tensors only, no bodies, no images.

Each row has its own damping, acceptance and status, and leaves the batch when it is finished, so a
row's result does not depend on its batch mates.
"""

from dataclasses import dataclass
from typing import Protocol, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.rows import Rows
from fitting.solver.status import Status

_DAMPING_LIMIT = 1e10  # above it a step is shorter than rounding, so nothing is left to gain
_COMPACT_BELOW = 0.75  # share of working rows below which the finished ones leave the batch


@dataclass(frozen=True)
class Linearization(Rows):
    """cost = 0.5 sum r^2, its gradient J'r and the Gauss-Newton Hessian J'J of each row."""

    cost: Float[Tensor, " B"]
    gradient: Float[Tensor, "B D"]
    hessian: Float[Tensor, "B D D"]

    def keep(self, rows: Int[Tensor, " R"], other: "Linearization") -> None:
        """Overwrite these rows with another's: the few rejected ones, instead of copying all."""
        self.cost[rows] = other.cost[rows]
        self.gradient[rows] = other.gradient[rows]
        self.hessian[rows] = other.hessian[rows]


class Problem(Protocol):
    """What is minimised: states x (B, S) and steps (B, D) that move them."""

    def linearize(self, x: Float[Tensor, "B S"]) -> Linearization: ...

    def retract(self, x: Float[Tensor, "B S"], step: Float[Tensor, "B D"]) -> Tensor: ...

    def select(self, rows: Int[Tensor, " R"]) -> Self: ...


@dataclass(frozen=True)
class Solution:
    """Where each row ended: state (B, S), cost, iterations, last damping, status."""

    x: Float[Tensor, "B S"]
    cost: Float[Tensor, " B"]
    iterations: Int[Tensor, " B"]
    damping: Float[Tensor, " B"]
    status: Int[Tensor, " B"]


@dataclass
class _Working(Rows):
    """The rows still at work; `index` is their place in the full batch."""

    index: Tensor
    x: Tensor
    linear: Linearization
    damping: Tensor
    growth: Tensor
    floor: Tensor
    status: Tensor


def minimize(
    problem: Problem,
    x: Float[Tensor, "B S"],
    max_iterations: int,
    tolerance: float,
    damping: float = 1e-3,
) -> Solution:
    """Lower the cost of every row from x.

    The damped step solves (H + damping diag(H)) d = -g. It is taken when the cost falls; the
    damping follows the ratio of the real to the predicted decrease, by Nielsen's rule (Madsen,
    Nielsen & Tingleff, Methods for Non-Linear Least Squares Problems, 2004, algorithm 3.16), with
    Marquardt's diag(H) for the identity and shrinking to 1/5 at best where the rule has 1/3.

    Args:
        max_iterations: steps tried per row.
        tolerance: a row has converged when an accepted, nearly undamped step lowers its cost by
            less than this relative to the cost, or promises less than a thousandth of that.
    """
    linear = problem.linearize(x)
    batch = len(x)
    finite = linear.cost.isfinite() & linear.gradient.isfinite().all(1)
    rows = _Working(
        torch.arange(batch, device=x.device),
        x,
        linear,
        torch.full_like(linear.cost, damping),
        torch.full_like(linear.cost, 2.0),
        tolerance * linear.cost.abs(),
        torch.full((batch,), -1, device=x.device),
    )
    rows.status[~finite] = Status.NONFINITE
    solution = Solution(
        x.clone(),
        linear.cost.clone(),
        torch.zeros(batch, dtype=torch.long, device=x.device),
        rows.damping.clone(),
        torch.full_like(rows.status, Status.MAX_ITERATIONS),
    )
    for _ in range(max_iterations if batch else 0):
        working = rows.status < 0
        if working.float().mean() < _COMPACT_BELOW:
            _store(rows, solution)
            keep = working.nonzero()[:, 0]
            if not len(keep):
                break
            problem, rows = problem.select(keep), rows[keep]
            working = rows.status < 0
        solution.iterations[rows.index] += working
        _iterate(problem, rows, working, tolerance)
    _store(rows, solution)
    return solution


def _iterate(problem: Problem, rows: _Working, working: Tensor, tolerance: float) -> None:
    """Try one step of each working row, and keep it if it lowers the cost."""
    step, predicted = _damped_step(rows.linear, rows.damping)
    trial_x = problem.retract(rows.x, step)
    trial = problem.linearize(trial_x)
    old = rows.linear.cost
    decrease = old - trial.cost  # NaN if the trial is not finite, and then not accepted
    accepted = working & (decrease > 0) & (trial.gradient.isfinite().all(1))
    rows.x = torch.where(accepted[:, None], trial_x, rows.x)
    trial.keep((~accepted).nonzero()[:, 0], rows.linear)
    rows.linear = trial
    used_damping = rows.damping
    gain = (
        (decrease / predicted.clamp_min(torch.finfo(predicted.dtype).tiny))
        .nan_to_num(0.0)
        .clamp(-1, 2)
    )
    shrink = (1 - (2 * gain - 1) ** 3).clamp_min(1 / 5)
    rows.damping = torch.where(
        accepted,
        (rows.damping * shrink).clamp_min(1e-9),
        torch.where(working, rows.damping * rows.growth, rows.damping),
    )
    rows.growth = torch.where(accepted, torch.full_like(rows.growth, 2.0), rows.growth * 2)
    small = tolerance * (old.abs() + rows.floor)  # the floor counts if a cost of 0 is reached
    # A strongly damped step gains little anywhere. So only a nearly full step means "converged",
    # and
    # a rejected one only if not even the model expects a gain.
    nearly_full = working & (used_damping <= 1)
    settled = (accepted & (decrease <= small)) | (predicted <= 1e-3 * small)
    rows.status[nearly_full & settled] = Status.CONVERGED
    rows.status[working & (rows.status < 0) & (rows.damping > _DAMPING_LIMIT)] = Status.STALLED


def _damped_step(linear: Linearization, damping: Tensor) -> tuple[Tensor, Tensor]:
    """The step (B, D) and the decrease that it promises; no step if it cannot be solved for."""
    damped, gradient = linear.hessian.clone(), linear.gradient
    diagonal = damped.diagonal(dim1=1, dim2=2)
    scale = damping[:, None] * diagonal.clamp_min(1e-9)
    diagonal += scale
    factor, failed = torch.linalg.cholesky_ex(damped)
    step = -torch.cholesky_solve(gradient[..., None], factor)[..., 0]
    ok = (failed == 0) & step.isfinite().all(1)
    step = torch.where(ok[:, None], step, 0.0)
    predicted = 0.5 * (step * (scale * step - gradient)).sum(1)
    return step, torch.where(ok, predicted, torch.inf)


def _store(rows: _Working, solution: Solution) -> None:
    """Write the rows back to their places in the full batch."""
    solution.x[rows.index] = rows.x
    solution.cost[rows.index] = rows.linear.cost
    solution.damping[rows.index] = rows.damping
    done = rows.status >= 0
    solution.status[rows.index[done]] = rows.status[done]
