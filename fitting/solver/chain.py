"""Levenberg-Marquardt for one long chain: tensors only, no bodies, no images.

The states of a chain are coupled with the next and the one after next, and share some unknowns.
In the normal equations

    | A   C | | u |     | g |
    | C'  S | | v | = - | h |

A belongs to the chain's own unknowns u and is block-banded; C and S belong to the shared ones v.
A's Cholesky factor has the same band, so time and memory grow linearly with the chain. The shared
unknowns follow from the Schur complement S - C' A^-1 C.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fitting.solver.status import Status

_DAMPING_LIMIT = 1e8  # above it a step is too short to matter
_TINY = 1e-9  # of the diagonal; keeps an unknown that nothing acts on in place


@dataclass(frozen=True)
class ChainLinearization:
    """Cost, gradient and the Gauss-Newton Hessian of a chain of T states, D unknowns each.

    Args:
        cost: of the whole chain.
        gradient: for the unknowns of every state; that of a shared unknown is their sum.
        diagonal: Hessian of each state by itself.
        next: Hessian of each state (rows) and the one before (columns).
        after: Hessian of each state (rows) and the second one before (columns).
    """

    cost: float
    gradient: Float[Tensor, "T D"]
    diagonal: Float[Tensor, "T D D"]
    next: Float[Tensor, "T-1 D D"]
    after: Float[Tensor, "T-2 D D"]


class Chain(Protocol):
    """What is minimised: states x (T, S) and steps (T, D) that move them.

    `shared` are the unknowns of a step that all states have in common; `held` are the states that
    stay as they are.
    """

    shared: slice
    held: Bool[Tensor, " T"]

    def linearize(self, x: Float[Tensor, "T S"]) -> ChainLinearization: ...

    def retract(self, x: Float[Tensor, "T S"], step: Float[Tensor, "T D"]) -> Tensor: ...


@dataclass(frozen=True)
class ChainSolution:
    """The states, their cost, the iterations spent and how the solve ended."""

    x: Float[Tensor, "T S"]
    cost: float
    iterations: int
    status: Status


def minimize_chain(
    problem: Chain,
    x: Float[Tensor, "T S"],
    max_iterations: int,
    tolerance: float,
    damping: float = 1e-3,
) -> ChainSolution:
    """Lower the cost from x, with one damping and one acceptance for the whole chain.

    It ends when an accepted step lowers the cost by less than the tolerance times the cost.
    """
    linear = problem.linearize(x)
    if not isfinite(linear.cost):
        return ChainSolution(x, linear.cost, 0, Status.NONFINITE)
    system, growth = _System(linear, problem), 2.0
    for iteration in range(1, max_iterations + 1):
        try:
            step, predicted = system.step(damping)
        except torch.linalg.LinAlgError:  # pyright: ignore
            # Rounding made it indefinite; damping helps against that.
            damping, growth = max(damping, _TINY) * growth, growth * 2
            if damping > _DAMPING_LIMIT:
                return ChainSolution(x, linear.cost, iteration, Status.STALLED)
            continue
        trial_x = problem.retract(x, step)
        trial = problem.linearize(trial_x)  # most are accepted: only the cost would save little
        decrease = linear.cost - trial.cost
        if decrease > 0:  # also False for NaN
            settled = decrease <= tolerance * linear.cost and damping <= 1
            gain = min(decrease / max(predicted, 1e-300), 2.0)
            damping, growth = max(damping * max(1 - (2 * gain - 1) ** 3, 0.2), 1e-9), 2.0
            x, linear = trial_x, trial
            if iteration < max_iterations and not settled:
                system = _System(linear, problem)
        else:
            settled = predicted <= 1e-3 * tolerance * linear.cost
            damping, growth = damping * growth, growth * 2
        if settled:
            return ChainSolution(x, linear.cost, iteration, Status.CONVERGED)
        if damping > _DAMPING_LIMIT:
            return ChainSolution(x, linear.cost, iteration, Status.STALLED)
    return ChainSolution(x, linear.cost, max_iterations, Status.MAX_ITERATIONS)


def shared_information(problem: Chain, x: Float[Tensor, "T S"]) -> Float[Tensor, "E E"]:
    """How sure a chain is of its shared unknowns: their inverse covariance, the Schur complement.
    Chains that share the same unknowns are weighed against each other by it."""
    return _System(problem.linearize(x), problem).schur()


class _System:
    """The normal equations of one linearization, and damped steps for it."""

    def __init__(self, linear: ChainLinearization, problem: Chain) -> None:
        self._own, self._shared = _all_but(problem.shared, linear.gradient), problem.shared
        free = (~problem.held).to(linear.gradient.dtype)
        self._linear, self._free = linear, free
        blocks = linear.diagonal, linear.next, linear.after
        self._diagonal, self._near, self._far = (self._own_part(block) for block in blocks)
        if problem.held.any():
            self._hold()
        self._gradient = linear.gradient[:, self._own] * free[:, None]
        self._border_of_shared()

    def _own_part(self, block: Tensor) -> Tensor:
        if len(self._own) == block.shape[-1]:
            return block
        return block[:, self._own[:, None], self._own]

    def _hold(self) -> None:
        """States that stay as they are: the identity, coupled with nothing."""
        free, held = self._free, (1 - self._free)[:, None, None]
        eye = torch.eye(len(self._own), dtype=free.dtype, device=free.device)
        self._diagonal = self._diagonal * free[:, None, None] + held * eye
        self._near = self._near * (free[1:] * free[:-1])[:, None, None]
        self._far = self._far * (free[2:] * free[:-2])[:, None, None]

    def _border_of_shared(self) -> None:
        """C (T, U, E), S (E, E) and h (E); a shared unknown stands for a column of every state."""
        linear, shared = self._linear, self._shared
        columns = linear.diagonal[:, :, shared].clone()
        columns[1:] += linear.next[:, :, shared]
        columns[:-1] += linear.next[:, shared].mT
        columns[2:] += linear.after[:, :, shared]
        columns[:-2] += linear.after[:, shared].mT
        self._border = columns[:, self._own] * self._free[:, None, None]
        self._of_shared = columns[:, shared].sum(0)
        self._shared_gradient = linear.gradient[:, shared].sum(0)

    def _solved(self, damping: float) -> tuple[Tensor, Tensor, Tensor]:
        """(A + damping)^-1 of the gradient (T, U) and of the border (T, U, E); the Schur
        complement, damped likewise."""
        damped = self._diagonal.clone()
        entries = damped.diagonal(dim1=1, dim2=2)
        entries += damping * entries + _TINY
        factor = BandFactor(damped, self._near, self._far)
        right = torch.cat([self._gradient[..., None], self._border], -1)
        solved = factor.solve(right)
        schur = self._of_shared.clone()
        schur.diagonal().mul_(1 + damping).add_(_TINY)
        schur = schur - torch.einsum("tue,tuf->ef", self._border, solved[..., 1:])
        return solved[..., 0], solved[..., 1:], schur

    def step(self, damping: float) -> tuple[Tensor, float]:
        """The step (T, D) and the decrease of the cost that it promises."""
        by_own, by_border, schur = self._solved(damping)
        step = torch.zeros_like(self._linear.gradient)
        right = self._shared_gradient - torch.einsum("tue,tu->e", self._border, by_own)
        common = -torch.linalg.solve(schur, right) if len(right) else right
        step[:, self._own] = -by_own - by_border @ common
        step[:, self._shared] = common
        promised = self._free[:, None] * self._linear.gradient
        scale = damping * self._linear.diagonal.diagonal(dim1=1, dim2=2) * self._free[:, None]
        predicted = 0.5 * float((step * (scale * step - promised)).sum())
        return step, predicted

    def schur(self) -> Tensor:
        """With as little damping as the precision asks for."""
        damping = 0.0
        while True:
            try:
                return self._solved(damping)[2]
            except torch.linalg.LinAlgError:  # pyright: ignore
                if damping > 1:
                    raise
                damping = max(10 * damping, 1e-6)


class BandFactor:
    """Cholesky factor of a symmetric positive definite matrix with two block diagonals on each
    side; `near` and `far` are those below the main one.

    Raises:
        torch.linalg.LinAlgError: it is not positive definite.
    """

    def __init__(
        self,
        diagonal: Float[Tensor, "T U U"],
        near: Float[Tensor, "T-1 U U"],
        far: Float[Tensor, "T-2 U U"],
    ) -> None:
        self._factor: list[Tensor] = []
        self._near: list[Tensor] = []  # of each state and the one before, from the second on
        self._far: list[Tensor] = []
        for t, block in enumerate(diagonal):
            if t > 1:
                self._far.append(_over(far[t - 2], self._factor[t - 2]))
                block = torch.addmm(block, self._far[-1], self._far[-1].mT, alpha=-1)
            if t > 0:
                left = near[t - 1]
                if t > 1:
                    left = torch.addmm(left, self._far[-1], self._near[-1].mT, alpha=-1)
                self._near.append(_over(left, self._factor[t - 1]))
                block = torch.addmm(block, self._near[-1], self._near[-1].mT, alpha=-1)
            self._factor.append(torch.linalg.cholesky(block))

    def solve(self, right: Float[Tensor, "T U R"]) -> Float[Tensor, "T U R"]:
        """The matrix's inverse times the right-hand sides."""
        parts, last = list(right), len(right) - 1
        for t, factor in enumerate(self._factor):
            if t > 0:
                parts[t] = torch.addmm(parts[t], self._near[t - 1], parts[t - 1], alpha=-1)
            if t > 1:
                parts[t] = torch.addmm(parts[t], self._far[t - 2], parts[t - 2], alpha=-1)
            parts[t] = torch.linalg.solve_triangular(factor, parts[t], upper=False)
        for t in range(last, -1, -1):
            if t < last:
                parts[t] = torch.addmm(parts[t], self._near[t].mT, parts[t + 1], alpha=-1)
            if t < last - 1:
                parts[t] = torch.addmm(parts[t], self._far[t].mT, parts[t + 2], alpha=-1)
            parts[t] = torch.linalg.solve_triangular(self._factor[t].mT, parts[t], upper=True)
        return torch.stack(parts)


def _all_but(shared: slice, like: Float[Tensor, "T D"]) -> Int[Tensor, " U"]:
    """The entries of a step that are not shared."""
    own = list(range(like.shape[1]))
    del own[shared]
    return torch.tensor(own, device=like.device)


def _over(block: Tensor, factor: Tensor) -> Tensor:
    """block factor'^-1"""
    return torch.linalg.solve_triangular(factor.mT, block, upper=True, left=False)
