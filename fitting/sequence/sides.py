"""Frames in which a detector took left for right, told by where the joints were before and after.

A detector that exchanges left and right for some frames moves every joint of one side to the other
and back, at once. Of all ways to read a track - the joints as they are, or with the sides of the
body, the legs or the arms exchanged, in every frame - the one is taken whose joints move least:
the path of least cost through the frames, by dynamic programming (Viterbi),

    sum over frames  e(label) dt + [change] s + sum over joints  w c^2 / 2 log(1 + d^2 / (c r)^2)

d: way of a joint since the frame before, r: what joints usually move and jitter in that time, w:
how sure the less sure of both is, dt: time between them.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from fitting.joints import LSP_14, POINTS, Keypoints

_OTHER = {"left": "right", "right": "left"}
_OPPOSITE = np.array([
    POINTS.index("_".join([_OTHER.get(side, side), *rest]))
    for side, *rest in (name.split("_") for name in POINTS)
])  # fmt: skip
_LEGS = np.array([n.endswith(("hip", "knee", "ankle", "toe", "heel")) for n in POINTS])
_ARMS = np.array([n.endswith(("shoulder", "elbow", "wrist")) for n in POINTS])
_AS_IS = np.arange(len(POINTS))
_READINGS = np.stack(
    [_AS_IS, _OPPOSITE, *(np.where(part, _OPPOSITE, _AS_IS) for part in (_LEGS, _ARMS))]
)
"""As they are; exchanged: all, the legs, the arms."""

_RARE = np.array([0.0, 12.6, 15.1, 19.1])  # e, cost of a second, by reading
_CHANGE = 2.0  # s: cost of another reading than the frame before
_JITTER = 0.02  # of the person's size
_DRIFT = 0.3  # of the person's size in 1 s
_KERNEL = 3.0  # c


def readings(keypoints: Keypoints, times: Float[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    """How each frame of a person is best read: 0 as it is, 1 with the sides of the body exchanged,
    2 of the legs, 3 of the arms.

    Args:
        keypoints: of one person, frames ascending. A row without any joint is passed over.
        times: of the rows, s.
    """
    labels = np.zeros(len(keypoints), int)
    rows = np.flatnonzero((keypoints.confidence > 0).any(1))
    if len(rows) > 1:
        labels[rows] = _least(_steps(keypoints[rows], times[rows]), np.diff(times[rows]))
    return labels


def exchanged(keypoints: Keypoints, labels: Int[np.ndarray, " N"]) -> Keypoints:
    """The keypoints as they are read."""
    order = _READINGS[labels]
    joints, extra = order[:, : len(LSP_14)], order[:, len(LSP_14) :] - len(LSP_14)

    def taken(values: np.ndarray, by: np.ndarray) -> np.ndarray:
        return np.take_along_axis(values, by.reshape(*by.shape, *[1] * (values.ndim - 2)), 1)

    return replace(
        keypoints,
        xy=taken(keypoints.xy, joints),
        confidence=taken(keypoints.confidence, joints),
        extra_xy=taken(keypoints.extra_xy, extra),
        extra_confidence=taken(keypoints.extra_confidence, extra),
        points_3d=taken(keypoints.points_3d, order),
    )


def _steps(keypoints: Keypoints, times: np.ndarray) -> Float[np.ndarray, "N-1 4 4"]:
    """What the joints' ways from each frame (its readings: rows) to the next (columns) cost."""
    order = _READINGS[:, : len(LSP_14)]
    xy, sure = keypoints.xy[:, order].astype(float), keypoints.confidence[:, order].astype(float)
    xy = np.where(sure[..., None] > 0, xy, 0)
    size = _sizes(keypoints)
    usual = (_JITTER + _DRIFT * np.diff(times)) * np.maximum(size[1:], size[:-1])
    way = ((xy[:-1, :, None] - xy[1:, None]) ** 2).sum(-1)
    weight = np.minimum(sure[:-1, :, None], sure[1:, None])
    scaled = way / (_KERNEL * usual[:, None, None, None]) ** 2
    return 0.5 * _KERNEL**2 * (weight * np.log1p(scaled)).sum(-1)


def _sizes(keypoints: Keypoints) -> Float[np.ndarray, " N"]:
    """The longer side of the box around the joints, px."""
    known = keypoints.confidence[..., None] > 0
    high = np.where(known, keypoints.xy, -np.inf).max(1)
    low = np.where(known, keypoints.xy, np.inf).min(1)
    return np.maximum((high - low).max(1), 1.0)


def _least(steps: Float[np.ndarray, "N-1 4 4"], passed: np.ndarray) -> Int[np.ndarray, " N"]:
    """The readings of least cost in sum."""
    change = _CHANGE * (1 - np.eye(len(_RARE)))
    cost, before = _RARE * passed[0], []
    for step, time in zip(steps, passed, strict=True):
        total = cost[:, None] + change + step
        before.append(total.argmin(0))
        cost = total.min(0) + _RARE * time
    path = [int(cost.argmin())]
    for choice in reversed(before):
        path.append(int(choice[path[-1]]))
    return np.array(path[::-1])
