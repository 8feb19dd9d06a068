"""The objective of a person over time: each frame's terms, one shape, and how the body moves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from jaxtyping import Bool, Float
from torch import Tensor

from fitting.fit_config import PARAMETERS
from fitting.objective.bodies import Bodies
from fitting.objective.model import Model
from fitting.objective.objective import Objective
from fitting.objective.residuals import Loss, Observations
from fitting.sequence.smoothness import Smoothness, Stiffness
from fitting.sequence.standing import Standing
from fitting.solver.chain import ChainLinearization


@dataclass(frozen=True)
class Frames:
    """The frames of a chain.

    Args:
        seen: in each frame.
        times: ascending, s.
        linked: for each except the first and last, whether the motion goes on through it.
        held: frames that stay as they are.
        joined: for each except the last, whether the motion goes on to the next.
        in_place: whether the camera does not leave its place.
        turned: from axes that do not turn with the camera to the camera's; None: it does not turn.
    """

    seen: Observations
    times: Float[Tensor, " T"]
    linked: Bool[Tensor, " T-2"]
    held: Bool[Tensor, " T"]
    joined: Bool[Tensor, " T-1"]
    in_place: Bool[Tensor, " T"]
    turned: Float[Tensor, "T 3 3"] | None = None

    @property
    def lasts(self) -> float:
        """How long all of them last together, s."""
        return float(self.times[-1] - self.times[0])

    def __getitem__(self, rows: slice) -> "Frames":
        """Some of them, one after the other."""
        inner = slice(rows.start, max(rows.stop - 2, rows.start))
        pairs = slice(rows.start, max(rows.stop - 1, rows.start))
        return Frames(
            self.seen[rows],
            self.times[rows],
            self.linked[inner],
            self.held[rows].clone(),
            self.joined[pairs],
            self.in_place[rows],
            None if self.turned is None else self.turned[rows],
        )


@dataclass(frozen=True)
class FrameTerms:
    """The objective of one frame: weights of the terms by name, and the data term's loss."""

    weights: Mapping[str, float]
    loss: Loss


class TrackProblem:
    """sum over frames of the fit's own terms, the shape's once + Smoothness (fitting.solver.chain).

    Args:
        model: what is fitted.
        frames: of one person, 3 at least.
        terms: of every frame, except the shape's.
        stiffness: how much accelerations cost.
        shape: how often the term of the shape counts; 0: the betas are not free.
        standing: how much it costs if feet that stand move.
    """

    def __init__(
        self,
        model: Model,
        frames: Frames,
        terms: FrameTerms,
        stiffness: Stiffness,
        shape: float,
        standing: Standing | None = None,
    ) -> None:
        free = [name for name in PARAMETERS if shape or name != "betas"]
        unknowns = model.unknowns(free, terms.weights.get("interpenetration", 0.0) > 0)
        self.shared, self.held = unknowns.betas, frames.held
        self._shape = shape * terms.weights.get("shape", 0.0) ** 2
        weights = {**terms.weights, "shape": 0.0}
        self._objective = Objective(model, unknowns, frames.seen, weights, terms.loss)
        self._standing = standing
        self._smoothness = Smoothness(
            unknowns, frames.times, frames.linked, stiffness, model.dtype, frames.turned
        )

    def linearize(self, x: Float[Tensor, "T S"]) -> ChainLinearization:
        bodies = Bodies(self._objective, x)
        own = self._objective.linearize_bodies(bodies)
        frames, size = own.gradient.shape
        linear = ChainLinearization(
            cost=float(own.cost.sum()),
            gradient=own.gradient,
            diagonal=own.hessian,
            next=own.hessian.new_zeros(frames - 1, size, size),
            after=own.hessian.new_zeros(frames - 2, size, size),
        )
        linear = self._smoothness.add_to(linear, bodies)
        if self._standing:
            linear = self._standing.add_to(linear, bodies)
        return self._with_shape(linear, bodies.betas[0]) if self._shape else linear

    def retract(self, x: Float[Tensor, "T S"], step: Float[Tensor, "T D"]) -> Tensor:
        return self._objective.retract(x, step)

    def complete(self, x: Float[Tensor, "T S"]) -> Tensor:
        """The states, with the joints that only the prior acts on at the prior's best values."""
        return self._objective.complete(x)

    def _with_shape(self, linear: ChainLinearization, betas: Tensor) -> ChainLinearization:
        """E_beta, put into the first frame, because shared unknowns are summed over all frames."""
        linear.gradient[0, self.shared] += self._shape * betas
        linear.diagonal[0, self.shared, self.shared].diagonal().add_(self._shape)
        return replace(linear, cost=linear.cost + float(0.5 * self._shape * (betas**2).sum()))
