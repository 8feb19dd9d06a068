"""What the terms of an objective see of the bodies, and what each term returns."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.camera import project
from fitting.solver.levenberg_marquardt import Linearization

if TYPE_CHECKING:
    from fitting.objective.objective import Objective


@dataclass(frozen=True)
class Part:
    """What one term adds to the cost, with its derivatives.

    Args:
        linear: cost, gradient and Hessian over the entries of the step that the term depends on.
        columns: those entries; None: all of them.
        rows: those of the batch that it adds to; None: all of them.
    """

    linear: Linearization
    columns: slice | list[int] | None = None
    rows: Int[Tensor, " R"] | None = None

    @property
    def whole(self) -> bool:
        """Whether it depends on the whole step, in all rows."""
        return self.columns is None and self.rows is None

    def add_to(self, total: Linearization) -> None:
        """Add it in place."""
        if self.rows is not None:
            some = total[self.rows]
            Part(self.linear, self.columns).add_to(some)
            total.cost[self.rows], total.gradient[self.rows] = some.cost, some.gradient
            total.hessian[self.rows] = some.hessian
            return
        total.cost.add_(self.linear.cost)
        columns = slice(None) if self.columns is None else self.columns
        if isinstance(columns, slice):
            total.gradient[:, columns].add_(self.linear.gradient)
            total.hessian[:, columns, columns].add_(self.linear.hessian)
        else:
            entries = torch.tensor(columns, device=total.cost.device)
            total.gradient[:, entries] += self.linear.gradient
            total.hessian[:, entries[:, None], entries] += self.linear.hessian

    def cost(self, batch: int) -> Float[Tensor, " B"]:
        """Of all rows."""
        if self.rows is None:
            return self.linear.cost
        return self.linear.cost.new_zeros(batch).index_copy_(0, self.rows, self.linear.cost)


class Bodies:
    """The bodies of a batch of states: given values, and others computed when a term asks for them.

    Args:
        objective: the one whose terms look at them.
        x: states.

    Attributes:
        x: the states.
        root, pose, betas, transl: the states' parts: quaternion (B, 4), body_pose (B, 69), betas
            (B, n_betas), translation (B, 3).
        posed: joints, points and the data for derivatives, for transl = 0.
        seen: what the image says about each row.
        unknowns: what each entry of the step is.
    """

    def __init__(self, objective: "Objective", x: Float[Tensor, "B S"]) -> None:
        self.objective, self.x = objective, x
        self.seen, self.unknowns = objective.observations, objective.unknowns
        self.root, self.pose, self.betas, self.transl = objective.model.split(x)
        self.posed = objective.model.pose(x)

    @cached_property
    def jacobian(self) -> Float[Tensor, "B n 3 D"]:
        """The derivative of the points with respect to the step; a term that reads it needs
        POINTS_3D."""
        batch, n = self.posed.points.shape[:2]
        by_axis = self.objective.model.kinematics.eye.expand(batch, n, 3, 3)
        return self.objective.jacobian(self.posed, by_axis)

    @cached_property
    def image(self) -> tuple[Float[Tensor, "B n 2"], Float[Tensor, "B n 2 D"]]:
        """Points minus keypoints, px at the reference size, and the derivative with respect to
        the step."""
        seen, points = self.seen, self.posed.points + self.transl[:, None]
        pixels, by_point = project(points, seen.focal_length, seen.center)
        by_point = by_point * seen.scale[:, None, None, None]
        if self.objective.shares_jacobian:
            jacobian = by_point @ self.jacobian
        else:  # fewer operations than through three dimensions
            jacobian = self.objective.jacobian(self.posed, by_point)
        difference = (pixels - seen.xy) * seen.scale[:, None, None]
        difference = torch.where(seen.weight[..., None] > 0, difference, 0.0)  # 0 x NaN is NaN
        return difference, jacobian
