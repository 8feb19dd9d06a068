"""Feet that stand: which ones do, and a term that keeps them where they are.

The points of the soles are the toes (mean of the big and the small one) and the heel of each foot.
Whether one stands from a frame to the next is a guess. It depends on the speed, above all across
the view, where one camera is sure, and on the height above the lowest point of the last and next
half second. Runs are likelier than single frames (forward and backward through a chain of two
states).
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.joints import LSP_14, POINTS
from fitting.objective.bodies import Bodies
from fitting.sequence.smoothness import turned_back
from fitting.solver.chain import ChainLinearization

SOLES = tuple(
    tuple(POINTS.index(f"{side}_{part}") for part in parts)
    for side in ("left", "right")
    for parts in (("big_toe", "small_toe"), ("heel",))
)
"""Points of the feet that can stand: left toes, left heel, right toes, right heel."""

_ANKLES = [LSP_14.index("right_ankle"), LSP_14.index("left_ankle")]
_NECK = LSP_14.index("neck")
_ACROSS, _ALONG, _SWING = 0.12, 0.45, 1.2  # m/s; of a standing foot across and along the view; else
_HEIGHT, _LIFTED = 0.06, 0.25  # m above the lowest; of a foot that stands, and of others
_NEAR = 0.5  # s; frames this near give the lowest point
_RARELY = 3.0  # minus log of the odds that a foot stands, before speed and height
_CHANGE = 2.0  # minus log of the chance to begin or end to stand, from frame to frame


@dataclass(frozen=True)
class Standing:
    """The term: 0.5 chance |v|^2 / sigma^2 of every sole between two frames, v its speed, m/s.

    Args:
        chance: that a sole stands from a frame to the next, 0..1.
        interval: between these frames, s.
        speed: sigma, m/s.
        turned: from axes that do not turn with the camera to the camera's; None: it does not turn.
    """

    chance: Float[Tensor, "ways 4"]
    interval: Float[Tensor, " ways"]
    speed: float
    turned: Float[Tensor, "T 3 3"] | None = None

    def add_to(self, linear: ChainLinearization, bodies: Bodies) -> ChainLinearization:
        """A linearization with this term added to it, in place."""
        soles = soles_of(bodies.posed.points + bodies.transl[:, None])
        soles = turned_back(soles, self.turned)
        jacobian = turned_back(_means(bodies.jacobian), self.turned).flatten(1, 2)
        weight = self.chance / (self.speed * self.interval[:, None]) ** 2
        way = soles[1:] - soles[:-1]
        cost = 0.5 * (weight[..., None] * way**2).sum()
        weight = weight.repeat_interleave(3, 1)
        pull = (weight * way.flatten(1))[..., None]
        linear.gradient[1:] += (jacobian[1:].mT @ pull)[..., 0]
        linear.gradient[:-1] -= (jacobian[:-1].mT @ pull)[..., 0]
        weighted = weight[..., None] * jacobian[1:]
        linear.diagonal[1:] += jacobian[1:].mT @ weighted
        linear.next.sub_(weighted.mT @ jacobian[:-1])
        linear.diagonal[:-1] += jacobian[:-1].mT @ (weight[..., None] * jacobian[:-1])
        return replace(linear, cost=linear.cost + float(cost))


def soles_of(points: Float[Tensor, "T 25 3"]) -> Float[Tensor, "T 4 3"]:
    """The soles in the order of SOLES."""
    return _means(points)


def _means(values: Float[Tensor, "T 25 *d"]) -> Float[Tensor, "T 4 *d"]:
    return torch.stack([values[:, list(part)].mean(1) for part in SOLES], 1)


def standing_chances(
    points: Float[np.ndarray, "T 25 3"], times: Float[np.ndarray, " T"]
) -> Float[np.ndarray, "T-1 4"]:
    """The chance that a sole stands from each frame to the next, 0..1.

    Args:
        points: in axes that do not turn with the camera, m.
        times: of the frames, s.
    """
    up = upwards(points[:, : len(LSP_14)])
    soles = np.stack([points[:, list(part)].mean(1) for part in SOLES], 1)
    interval = np.diff(times)
    speed = np.diff(soles, axis=0) / interval[:, None, None]
    ray = soles[:-1] / np.linalg.norm(soles[:-1], axis=-1, keepdims=True)
    along = (speed * ray).sum(-1)
    whole = (speed**2).sum(-1)
    across = np.maximum(whole - along**2, 0)
    stands = -across / (2 * _ACROSS**2) - along**2 / (2 * _ALONG**2) - np.log(_ACROSS**2 * _ALONG)
    moves = -whole / (2 * _SWING**2) - 3 * np.log(_SWING)
    height = _above_lowest(soles @ up, times)
    low = -(height**2) / (2 * _HEIGHT**2) - np.log(_HEIGHT)
    high = -height / _LIFTED - np.log(_LIFTED)
    return _smoothed(stands - moves + low - high - _RARELY)


def upwards(joints: Float[np.ndarray, "T 14 3"]) -> Float[np.ndarray, "3"]:
    """The mean direction from feet to neck over all frames, length 1."""
    body = joints[:, _NECK] - joints[:, _ANKLES].mean(1)
    mean = (body / np.linalg.norm(body, axis=1, keepdims=True)).mean(0)
    return mean / np.linalg.norm(mean)


def _above_lowest(height: Float[np.ndarray, "T 4"], times: np.ndarray) -> np.ndarray:
    """Height of every sole above the lowest one nearby; the higher one of each frame and the
    next."""
    lowest = height.min(1)
    first, last = np.searchsorted(times, times - _NEAR), np.searchsorted(times, times + _NEAR)
    ground = np.array([lowest[a : b + 1].min() for a, b in zip(first, last, strict=True)])
    return np.maximum(height[1:], height[:-1]) - ground[:-1, None]


def _smoothed(odds: Float[np.ndarray, "T 4"]) -> Float[np.ndarray, "T 4"]:
    """Chances from the logarithms of odds, frame by frame in a chain."""
    odds = odds.clip(-30, 30)
    change, stay = -_CHANGE, np.log1p(-np.exp(-_CHANGE))

    def through(values: np.ndarray) -> np.ndarray:
        """The odds from the frames before each one."""
        come = np.zeros_like(values)
        for t in range(1, len(values)):
            before = come[t - 1] + values[t - 1]
            come[t] = np.logaddexp(change, stay + before) - np.logaddexp(stay, change + before)
        return come

    total = odds + through(odds) + through(odds[::-1])[::-1]
    return 1 / (1 + np.exp(-total.clip(-50, 50)))
