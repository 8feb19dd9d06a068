"""How a body moves: robust accelerations of its joints, and weak ones of its rotations.

The acceleration of a joint X in the frame t, between frames that are h = t - (t - 1) before and
h' = (t + 1) - t after it, is

    a = 2 / (h + h') ((X_{t+1} - X_t) / h' - (X_t - X_{t-1}) / h)      m/s^2

in axes that do not turn with the camera. It includes the motion of the whole body, which is what
steadies its depth.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fitting.joints import LSP_14
from fitting.objective.bodies import Bodies
from fitting.objective.unknowns import Unknowns
from fitting.solver.chain import ChainLinearization

N_JOINTS = len(LSP_14)


def turned_back(
    values: Float[Tensor, "T n 3 *d"], turned: Float[Tensor, "T 3 3"] | None
) -> Float[Tensor, "T n 3 *d"]:
    """Points, or their derivatives, in axes that do not turn with the camera."""
    if turned is None:
        return values
    if values.ndim == 3:
        return values @ turned  # rows times R are R' times columns
    return turned.mT[:, None] @ values


@dataclass(frozen=True)
class Stiffness:
    """How much accelerations cost.

    Args:
        joints: standard deviation of each joint's acceleration, m/s^2.
        kernel: c of 0.5 c^2 log(1 + |a|^2 / (c s)^2), in standard deviations; inf: plain squares.
        rotations: standard deviation of the second derivative of an axis-angle, rad/s^2.
    """

    joints: float
    kernel: float
    rotations: float


class Smoothness:
    """The term over a chain of frames.

    Args:
        unknowns: of every frame.
        times: of the frames, ascending, s.
        linked: for each frame except the first and last, whether the motion goes on through it,
            from the frame before to the one after.
        stiffness: how much accelerations cost.
        dtype: of the states.
        turned: from axes that do not turn with the camera to the camera's; None: it does not turn.
    """

    def __init__(
        self,
        unknowns: Unknowns,
        times: Float[Tensor, " T"],
        linked: Bool[Tensor, " T-2"],
        stiffness: Stiffness,
        dtype: torch.dtype,
        turned: Float[Tensor, "T 3 3"] | None = None,
    ) -> None:
        self._turned = turned
        self._pose, self._entries = unknowns.pose, unknowns.pose_entries
        self._stiffness, self._linked = stiffness, linked.to(dtype)
        before, after = (times[1:-1] - times[:-2]), (times[2:] - times[1:-1])
        whole = before + after
        self._factors = torch.stack(
            [2 / (whole * before), -2 / (before * after), 2 / (whole * after)]
        ).to(dtype)

    def add_to(self, linear: ChainLinearization, bodies: Bodies) -> ChainLinearization:
        """A linearization with this term added to it, in place."""
        joints = bodies.posed.points[:, :N_JOINTS] + bodies.transl[:, None]
        moving = self._accelerations(turned_back(joints, self._turned))
        cost, weight = self._of_joints(moving)
        weight = weight.repeat_interleave(3, 1)
        jacobian = turned_back(bodies.jacobian[:, :N_JOINTS], self._turned).flatten(1, 2)
        self._add_gradient(linear, jacobian, weight * moving.flatten(1))
        self._add_blocks(linear, jacobian, weight)
        turning = self._accelerations(bodies.pose[:, self._entries])
        self._add_rotations(linear, turning)
        total = linear.cost + float(cost.sum() + self._of_rotations(turning).sum())
        return replace(linear, cost=total)

    def _accelerations(self, values: Float[Tensor, "T *v"]) -> Float[Tensor, "T-2 *v"]:
        first, middle, last = self._factors.reshape(3, -1, *[1] * (values.ndim - 1))
        return first * values[:-2] + middle * values[1:-1] + last * values[2:]

    def _of_joints(self, acceleration: Tensor) -> tuple[Tensor, Tensor]:
        """Cost and weight of each joint (T-2, 14)."""
        own, c = self._stiffness.joints, self._stiffness.kernel
        squared = (acceleration**2).sum(-1) / own**2
        linked = self._linked[:, None]
        if c == float("inf"):
            return 0.5 * linked * squared, (linked / own**2).expand_as(squared)
        cost = 0.5 * c**2 * torch.log1p(squared / c**2)
        return linked * cost, linked / own**2 / (1 + squared / c**2)

    def _of_rotations(self, acceleration: Tensor) -> Tensor:
        scaled = acceleration / self._stiffness.rotations
        return 0.5 * self._linked[:, None] * scaled**2

    def _add_gradient(self, linear: ChainLinearization, jacobian: Tensor, pull: Tensor) -> None:
        frames = len(jacobian)
        for k, factor in enumerate(self._factors):
            rows = slice(k, frames - 2 + k)
            part = jacobian[rows].mT @ (factor[:, None] * pull)[..., None]
            linear.gradient[rows] += part[..., 0]

    def _add_blocks(self, linear: ChainLinearization, jacobian: Tensor, weight: Tensor) -> None:
        """J_i' W J_j of every two frames of a triple."""
        own, near, far = self._coupling(weight)
        linear.diagonal.add_(jacobian.mT @ (own[..., None] * jacobian))
        linear.next.add_(jacobian[1:].mT @ (near[..., None] * jacobian[:-1]))
        linear.after.add_(jacobian[2:].mT @ (far[..., None] * jacobian[:-2]))

    def _coupling(self, weight: Float[Tensor, "inner v"]) -> tuple[Tensor, Tensor, Tensor]:
        """Weights of the frames themselves (T, v), of neighbours, of second neighbours."""
        inner = len(weight)
        first, middle, last = self._factors[..., None]
        own = weight.new_zeros(inner + 2, weight.shape[1])
        near = weight.new_zeros(inner + 1, weight.shape[1])
        for k, factor in enumerate((first, middle, last)):
            own[k : inner + k] += factor**2 * weight
        near[:-1] += first * middle * weight
        near[1:] += middle * last * weight
        return own, near, first * last * weight

    def _add_rotations(self, linear: ChainLinearization, turning: Tensor) -> None:
        weight = (self._linked / self._stiffness.rotations**2)[:, None]
        pose = self._pose
        for k, factor in enumerate(self._factors):
            linear.gradient[k : len(turning) + k, pose] += factor[:, None] * weight * turning
        blocks = linear.diagonal, linear.next, linear.after
        for block, coupling in zip(blocks, self._coupling(weight), strict=True):
            block[:, pose, pose].diagonal(dim1=1, dim2=2).add_(coupling)
