"""Finds frames in which a detector took left for right, or saw something else than this person, by
where the joints were before and after.

A detector that exchanges left and right for some frames moves every joint of one side to the other
and back, all at once. In every frame a track can be read in several ways: the joints as they are,
with the sides of the body, the legs or the arms exchanged, or as something that is not this person.
We take the reading whose joints move least, which is the path of least cost through the frames, by
dynamic programming (Viterbi),

    sum over frames  e(label) dt + [change] s + sum over joints  w c^2 / 2 log(1 + d^2 / (c r)^2)
    + p for every frame that is passed over

d: how far a joint moved since the frame before, r: how far joints usually move and jitter in that
time, w: the confidence of the less sure of the two, dt: the time between them.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from fitting.joints import LSP_14, POINTS, Keypoints

_OTHER = {"left": "right", "right": "left"}
_OPPOSITE = np.array(
    [
        POINTS.index("_".join([_OTHER.get(side, side), *rest]))
        for side, *rest in (name.split("_") for name in POINTS)
    ]
)
_LEGS = np.array([n.endswith(("hip", "knee", "ankle", "toe", "heel")) for n in POINTS])
_ARMS = np.array([n.endswith(("shoulder", "elbow", "wrist")) for n in POINTS])
_AS_IS = np.arange(len(POINTS))
_READINGS = np.stack(
    [_AS_IS, _OPPOSITE, *(np.where(part, _OPPOSITE, _AS_IS) for part in (_LEGS, _ARMS))]
)
"""As they are, and with all, the legs or the arms exchanged."""

_RARE = np.array([0.0, 12.6, 15.1, 19.1])  # e, cost per second, by reading
_CHANGE = 2.0  # s; cost of another reading than in the frame before
_JITTER = 0.02  # of the person's size
_DRIFT = 0.3  # of the person's size in 1 s
_KERNEL = 3.0  # c
_PASSED_OVER = 30.0  # p: cost of a frame that is left out
_LONGEST = 16  # frames from one that is not left out to the next

LEFT_OUT = -1
"""In place of a reading: the keypoints fit to nothing before and after."""


def readings(keypoints: Keypoints, times: Float[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    """How each frame of a person is best read: 0 as it is, 1 with the sides of the body exchanged,
    2 of the legs, 3 of the arms, LEFT_OUT: not at all.

    Args:
        keypoints: of one person, with ascending frames. Rows without any joint are skipped.
        times: of the rows, s.
    """
    labels = np.zeros(len(keypoints), int)
    rows = np.flatnonzero((keypoints.confidence > 0).any(1))
    if len(rows) > 1:
        labels[rows] = _least(keypoints[rows], times[rows])
    return labels


def exchanged(keypoints: Keypoints, labels: Int[np.ndarray, " N"]) -> Keypoints:
    """The keypoints as they are read; in frames that are left out, they are missing."""
    order, seen = _READINGS[np.maximum(labels, 0)], (labels != LEFT_OUT)[:, None]
    joints, extra = order[:, : len(LSP_14)], order[:, len(LSP_14) :] - len(LSP_14)

    def taken(values: np.ndarray, by: np.ndarray) -> np.ndarray:
        return np.take_along_axis(values, by.reshape(*by.shape, *[1] * (values.ndim - 2)), 1)

    return replace(
        keypoints,
        xy=taken(keypoints.xy, joints),
        confidence=seen * taken(keypoints.confidence, joints),
        extra_xy=taken(keypoints.extra_xy, extra),
        extra_confidence=seen * taken(keypoints.extra_confidence, extra),
        points_3d=taken(keypoints.points_3d, order),
    )


def _least(keypoints: Keypoints, times: np.ndarray) -> Int[np.ndarray, " N"]:
    """The readings with the least total cost; LEFT_OUT where a frame is left out."""
    cost = np.zeros((len(times), len(_RARE)))
    before = np.full((*cost.shape, 2), -1)
    ways = [_ways(keypoints, times, lag) for lag in range(1, min(_LONGEST, len(times) - 1) + 1)]
    for row in range(len(times)):
        cost[row] = row * _PASSED_OVER  # all before it are
        lags = range(1, min(row, len(ways)) + 1)
        if not lags:
            continue
        total = [cost[row - lag, :, None] + ways[lag - 1][row - lag] for lag in lags]
        total = np.concatenate(total)  # (lags and labels, labels)
        best = total.argmin(0)
        better = total.min(0) < cost[row]
        cost[row] = np.minimum(cost[row], total.min(0))
        lag, label = np.divmod(best, len(_RARE))
        before[row, better] = np.stack([row - 1 - lag, label], 1)[better]
    return _path(cost, before)


def _path(cost: np.ndarray, before: np.ndarray) -> Int[np.ndarray, " N"]:
    """Back from where the cost, that of passing over the rest included, is least."""
    labels = np.full(len(cost), LEFT_OUT)
    whole = cost + _PASSED_OVER * np.arange(len(cost))[::-1, None]
    row, label = divmod(int(whole.argmin()), cost.shape[1])
    while row >= 0:
        labels[row] = label
        row, label = before[row, label]
    return labels


def _ways(
    keypoints: Keypoints, times: Float[np.ndarray, " N"], lag: int
) -> Float[np.ndarray, "N-{lag} 4 4"]:
    """The cost of going from each frame (its readings: rows) to the one `lag` rows later (its
    readings: columns), and of leaving out those in between."""
    order = _READINGS[:, : len(LSP_14)]
    xy, sure = keypoints.xy[:, order].astype(float), keypoints.confidence[:, order].astype(float)
    xy = np.where(sure[..., None] > 0, xy, 0)
    size, passed = _sizes(keypoints), times[lag:] - times[:-lag]
    usual = (_JITTER + _DRIFT * passed) * np.maximum(size[lag:], size[:-lag])
    way = ((xy[:-lag, :, None] - xy[lag:, None]) ** 2).sum(-1)
    weight = np.minimum(sure[:-lag, :, None], sure[lag:, None])
    scaled = way / (_KERNEL * usual[:, None, None, None]) ** 2
    moved = 0.5 * _KERNEL**2 * (weight * np.log1p(scaled)).sum(-1)
    change = _CHANGE * (1 - np.eye(len(_RARE)))
    return moved + change + _RARE * passed[:, None, None] + _PASSED_OVER * (lag - 1)


def _sizes(keypoints: Keypoints) -> Float[np.ndarray, " N"]:
    """The longer side of the box around the joints, px."""
    known = keypoints.confidence[..., None] > 0
    high = np.where(known, keypoints.xy, -np.inf).max(1)
    low = np.where(known, keypoints.xy, np.inf).min(1)
    return np.maximum((high - low).max(1), 1.0)
