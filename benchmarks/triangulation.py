"""Joints in space from several calibrated views, and who is who in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from fitting.joints import LSP_14

_SURE = 0.1  # confidence below which a joint tells nothing
_INLIER = 0.03  # of the distance to the camera: about 12 cm at 4 m
_SAME_PERSON = 0.06  # of the distance, median over joints and frames; with more they are two people
_FEWEST = 5  # frames that two tracks must share to be compared
_FEWEST_JOINTS = 5  # that a row must have to be given to a person
_BONE_TOLERANCE = 0.2  # as a share of its median length through the clip
_ROUNDS = 2  # of giving rows to people and triangulating them
_WINDOW, _ORDER = 7, 2  # frames and degree of the smoothing polynomial

_WIDTHS = tuple(
    (LSP_14.index(f"right_{joint}"), LSP_14.index(f"left_{joint}")) for joint in ("hip", "shoulder")
)
_BONES = _WIDTHS + tuple(
    (LSP_14.index(f"{side}_{near}"), LSP_14.index(f"{side}_{far}"))
    for side in ("left", "right")
    for near, far in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
)
"""Pairs of joints whose distance does not change, the one nearer to the body first."""


def triangulate(
    rays: Float[np.ndarray, "V ... 2"],
    weights: Float[np.ndarray, "V ..."],
    projections: Float[np.ndarray, "V 3 4"],
) -> Float[np.ndarray, "... 3"]:
    """Points whose projections are nearest to what the views saw, linear least squares.

    Minimizes sum_v w_v^2 |(P_v X)_xy - ray_v (P_v X)_z|^2.

    Args:
        rays: normalised image coordinates.
        weights: 0 where a view did not see a point; a point that fewer than two saw becomes NaN.
    """
    first = projections[:, :2].reshape(len(rays), *[1] * (rays.ndim - 2), 2, 4)
    third = projections[:, 2].reshape(len(rays), *[1] * (rays.ndim - 2), 1, 4)
    rows = (first - rays[..., None] * third) * weights[..., None, None]
    rows = np.moveaxis(rows, 0, -3).reshape(*rays.shape[1:-1], 2 * len(rays), 4)
    left, right = rows[..., :3], -rows[..., 3:]
    normal = left.swapaxes(-1, -2) @ left
    enough = (weights > 0).sum(0) >= 2
    normal = np.where(enough[..., None, None], normal, np.eye(3))
    points = np.linalg.solve(normal, left.swapaxes(-1, -2) @ right)[..., 0]
    return np.where(enough[..., None], points, np.nan)


def residuals(
    points: Float[np.ndarray, "... 3"],
    rays: Float[np.ndarray, "V ... 2"],
    projections: Float[np.ndarray, "V 3 4"],
) -> Float[np.ndarray, "V ..."]:
    """How far each view's points are off, as a share of their distance from the camera."""
    turned = np.einsum("vab,...b->v...a", projections[:, :, :3], points)
    seen = turned + projections[:, :, 3].reshape(len(rays), *[1] * (points.ndim - 1), 3)
    depth = seen[..., 2]
    far = np.linalg.norm(seen[..., :2] / np.maximum(depth, 1e-6)[..., None] - rays, axis=-1)
    return np.where(depth > 0, far, np.inf)


def robust_points(
    rays: Float[np.ndarray, "V ... 2"],
    confidence: Float[np.ndarray, "V ..."],
    projections: Float[np.ndarray, "V 3 4"],
    fewest: int = 2,
) -> Float[np.ndarray, "... 3"]:
    """RANSAC over pairs of views, then all views that agree with the best pair.

    Args:
        confidence: 0..1, of each joint in each view.
        fewest: views that must agree on a point; where fewer do, it becomes NaN.
    """
    sure = np.where(confidence >= _SURE, confidence, 0)
    best = np.zeros(rays.shape[1:-1])
    agreeing = np.zeros(sure.shape, bool)
    for pair in combinations(range(len(rays)), 2):
        chosen = np.isin(np.arange(len(rays)), pair)
        weights = sure * chosen.reshape(-1, *[1] * (sure.ndim - 1))
        points = triangulate(rays, weights, projections)
        off = residuals(points, rays, projections)
        near = (off < _INLIER) & (sure > 0)
        score = (near * sure * (1 - np.minimum(off, _INLIER) / _INLIER / 2)).sum(0)
        better = np.isfinite(points[..., 0]) & (score > best)
        best = np.where(better, score, best)
        agreeing = np.where(better, near, agreeing)
    points = triangulate(rays, sure * agreeing, projections)
    return np.where((agreeing.sum(0) >= fewest)[..., None], points, np.nan)


def plausible(joints: Float[np.ndarray, "T 14 3"]) -> Float[np.ndarray, "T 14 3"]:
    """Drop the joints at the end of bones that are longer or shorter than the person's."""
    result = joints.copy()
    for near, far in _BONES:
        length = np.linalg.norm(joints[:, near] - joints[:, far], axis=-1)
        known = np.isfinite(length)
        if not known.any():
            continue
        wrong = known & (np.abs(length / np.median(length[known]) - 1) > _BONE_TOLERANCE)
        result[wrong, far] = np.nan
        if (near, far) in _WIDTHS:
            result[wrong, near] = np.nan
    return result


def smoothed(points: Float[np.ndarray, "T n 3"]) -> Float[np.ndarray, "T n 3"]:
    """Smooth by a parabola through seven frames, which also fills gaps of up to that length."""
    from scipy.signal import savgol_filter

    result = np.full_like(points, np.nan)
    frames = np.arange(len(points))
    for joint in range(points.shape[1]):
        known = np.flatnonzero(np.isfinite(points[:, joint, 0]))
        for run in _runs(known):
            if len(run) < _WINDOW:
                continue
            inside = frames[run[0] : run[-1] + 1]
            filled = [np.interp(inside, run, points[run, joint, axis]) for axis in range(3)]
            smooth = savgol_filter(np.array(filled), _WINDOW, _ORDER, axis=1)
            result[inside, joint] = smooth.T
    return result


def _runs(known: np.ndarray) -> Iterator[np.ndarray]:
    """Runs of frames whose gaps are no longer than the window."""
    if len(known):
        yield from np.split(known, np.flatnonzero(np.diff(known) > _WINDOW) + 1)


@dataclass(frozen=True)
class Seen:
    """Everybody in one view, a row per person and frame.

    Args:
        frame, track: of the row.
        rays: normalised image coordinates.
        confidence: 0..1, 0 where a joint was not seen.
    """

    frame: Int[np.ndarray, " N"]
    track: Int[np.ndarray, " N"]
    rays: Float[np.ndarray, "N 14 2"]
    confidence: Float[np.ndarray, "N 14"]


@dataclass(frozen=True)
class Person:
    """Somebody in the scene.

    Args:
        joints: m, NaN where unknown.
        rows: per view and frame, the row of `Seen` that is this person, -1 where there is none.
    """

    joints: Float[np.ndarray, "T 14 3"]
    rows: Int[np.ndarray, "V T"]


def people_in(
    views: Sequence[Seen], projections: Float[np.ndarray, "V 3 4"], frames: int, fewest: int
) -> list[Person]:
    """Everybody whom at least two views follow, with the joints in space.

    At first, tracks of different views that fit together are one person. A view's track may
    change from one person to another, so every row is then given to the person it fits best.

    Args:
        fewest: views that must agree on a joint.
    """
    people = [
        _with_joints(rows, views, projections, fewest)
        for rows in _from_tracks(views, projections, frames)
    ]
    people = [person for person in people if np.isfinite(person.joints).any()]
    for _ in range(_ROUNDS):
        assigned = _assigned(people, views, projections, frames)
        people = [_with_joints(rows, views, projections, fewest) for rows in assigned]
    return [person for person in people if np.isfinite(person.joints).any()]


def _with_joints(
    rows: Int[np.ndarray, "V T"], views: Sequence[Seen], projections: np.ndarray, fewest: int
) -> Person:
    shape = (*rows.shape, 14)
    rays, confidence = np.zeros((*shape, 2)), np.zeros(shape)
    for view, seen in enumerate(views):
        there = np.flatnonzero(rows[view] >= 0)
        rays[view, there] = seen.rays[rows[view, there]]
        confidence[view, there] = seen.confidence[rows[view, there]]
    joints = plausible(robust_points(rays, confidence, projections, fewest))
    return Person(smoothed(joints), rows)


def _assigned(
    people: list[Person], views: Sequence[Seen], projections: np.ndarray, frames: int
) -> list[Int[np.ndarray, "V T"]]:
    """The rows of every person; each row goes to the person it fits best, if it fits at all."""
    from scipy.optimize import linear_sum_assignment

    found = [np.full((len(views), frames), -1) for _ in people]
    for view, seen in enumerate(views):
        for frame in range(frames):
            rows = np.flatnonzero(seen.frame == frame)
            cost = np.array(
                [
                    [_off(seen, row, person.joints[frame], projections[view]) for person in people]
                    for row in rows
                ]
            ).reshape(len(rows), len(people))
            for row, person in zip(*linear_sum_assignment(np.minimum(cost, 1.0)), strict=True):
                if cost[row, person] < _SAME_PERSON:
                    found[person][view, frame] = rows[row]
    return found


def _off(seen: Seen, row: int, joints: np.ndarray, projection: np.ndarray) -> float:
    """Median residual of a row as this person, infinite where it cannot be told."""
    known = np.isfinite(joints[:, 0]) & (seen.confidence[row] >= _SURE)
    if known.sum() < _FEWEST_JOINTS:
        return np.inf
    rays = seen.rays[row][known]
    return float(np.median(residuals(joints[known], rays[None], projection[None])))


def _from_tracks(
    views: Sequence[Seen], projections: np.ndarray, frames: int
) -> list[Int[np.ndarray, "V T"]]:
    """Rows of people according to the tracks of all views, best pairs of tracks first.

    Two tracks of one view can only be one person if no frame has both.
    """
    tracks = [
        (view, _rows_of(seen, number, frames))
        for view, seen in enumerate(views)
        for number in np.unique(seen.track)
    ]
    pairs = sorted(
        (off, a, b)
        for a, b in combinations(range(len(tracks)), 2)
        if tracks[a][0] != tracks[b][0]
        and (off := _apart(views, tracks[a], tracks[b], projections)) < _SAME_PERSON
    )
    person = {a: np.full((len(views), frames), -1) for a in range(len(tracks))}
    for a, (view, rows) in enumerate(tracks):
        person[a][view] = rows
    for _, a, b in pairs:
        one, other = person[a], person[b]
        if one is other or ((one >= 0) & (other >= 0)).any():
            continue
        one[other >= 0] = other[other >= 0]
        person |= {key: one for key, rows in person.items() if rows is other}
    each = {id(rows): rows for rows in person.values() if ((rows >= 0).any(1)).sum() > 1}
    return sorted(each.values(), key=lambda rows: -(rows >= 0).sum())


def _rows_of(seen: Seen, track: int, frames: int) -> Int[np.ndarray, " T"]:
    rows = np.full(frames, -1)
    mine = np.flatnonzero(seen.track == track)
    rows[seen.frame[mine]] = mine
    return rows


def _apart(
    views: Sequence[Seen],
    one: tuple[int, np.ndarray],
    other: tuple[int, np.ndarray],
    projections: np.ndarray,
) -> float:
    """How badly two tracks fit together as one person: median residual, infinite where unknown."""
    shared = np.flatnonzero((one[1] >= 0) & (other[1] >= 0))
    if len(shared) < _FEWEST:
        return np.inf
    pair = [(views[view], rows[shared]) for view, rows in (one, other)]
    rays = np.stack([seen.rays[rows] for seen, rows in pair])
    sure = np.stack([seen.confidence[rows] for seen, rows in pair])
    both = (sure >= _SURE).all(0)
    if not both.any():
        return np.inf
    chosen = projections[[one[0], other[0]]]
    points = triangulate(rays, sure * both, chosen)
    return float(np.median(residuals(points, rays, chosen).max(0)[both]))
