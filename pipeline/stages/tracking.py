"""Who is who in a video: the same rows with `track` = the person's identity in the clip.

People are followed frame by frame as in SORT (Bewley et al., ICIP 2016): each moves on at their
last speed, and the Hungarian method pairs these predictions with the people found. Two are alike if
their boxes overlap and their joints lie close, as in COCO's OKS, with a tolerance that grows with
the time since a person was last seen. Each measure helps where the other fails: joints tell people
apart whose boxes overlap, and boxes recognise a person whose left and right the detector has
swapped.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, Int32

from detectors.base import Detections
from pipeline.groups import TrackingConfig
from pipeline.inputs.images import USUAL_FPS
from pipeline.stages.detect import Detected

Seconds = Float[np.ndarray, " N"]

_JITTER = 0.1  # of a person's size; joints move relative to the body
_DRIFT = 0.3  # of a person's size in 1 s; grows with the square root of time, like a random walk
_ELSEWHERE = 2.0  # tolerances that the median joint may be off: people stay below 1, bad finds too
_SPEED_WINDOW = 0.5  # s over which a speed is measured
_DOUBT = 0.7  # factor for a missed person: one find for two people is more likely the other
_KNOWN, _FEWEST = 0.1, 4  # scores above which a joint is known, and joints that tell something
_ESTABLISHED = 3  # frames; people seen in fewer may be nobody, and choose after the others


@dataclass
class _Person:
    """Somebody who is followed: the rows in which they were seen, in order."""

    identity: int
    rows: list[int]

    @property
    def established(self) -> bool:
        return len(self.rows) >= _ESTABLISHED


def identify(
    found: Detected, fps: float | None, config: TrackingConfig, seconds: Seconds | None = None
) -> Detections:
    """Follow the people of a clip; those of a photo keep their place as their track.

    Args:
        found: the people of each frame; `track` is not read.
        fps: frames per second; None where unknown.
        config: how long and how far people are followed.
        seconds: when each row's frame is shown; None: frames follow each other at `fps`.

    Returns:
        The same rows with a number per person, by first appearance, the largest box first.
        A cut of the camera ends everybody.
    """
    if not len(found) or found.frame[0] == found.frame[-1]:
        return found
    fps = fps or USUAL_FPS
    tracker = _Tracker(found, found.frame / fps if seconds is None else seconds, 1 / fps, config)
    for rows in np.split(np.arange(len(found)), np.flatnonzero(np.diff(found.frame)) + 1):
        tracker.follow(rows)
    return replace(found, track=tracker.identity)


class _Tracker:
    """The people being followed; `identity` (N) grows row by row."""

    def __init__(
        self, found: Detected, seconds: Seconds, interval: float, config: TrackingConfig
    ) -> None:
        self.identity: Int32[np.ndarray, " N"] = np.full(len(found), -1, np.int32)
        self._found, self._config = found, config
        self._time, self._interval = seconds, interval
        self._corners = found.boxes.reshape(-1, 2, 2)
        self._size = np.maximum(np.ptp(self._corners, axis=1).max(1), 1.0)
        self._people: list[_Person] = []
        self._count = 0
        self._opposite = opposite_of(found.joint_names)

    def follow(self, rows: np.ndarray) -> None:
        """Give every person of the next frame an identity."""
        now = self._time[rows[0]]
        self._people = [
            p for p in self._people if now - self._time[p.rows[-1]] <= self._patience(p)
        ]
        for established in (True, False):
            group = [p for p in self._people if p.established is established]
            self._pair(group, rows[self.identity[rows] < 0])
        new = rows[self.identity[rows] < 0]
        for row in new[np.argsort(-_area(self._corners[new]), kind="stable")]:
            self._people.append(_Person(self._count, [int(row)]))
            self.identity[row] = self._count
            self._count += 1

    def _patience(self, person: _Person) -> float:
        """How long somebody may be unseen, s; only one frame for somebody who may be nobody."""
        longest = max(self._config.max_gap, self._interval)
        return (longest if person.established else min(longest, 2 * self._interval)) + 1e-6

    def _pair(self, people: list[_Person], rows: np.ndarray) -> None:
        """Pair people with rows so that the sum of likenesses is largest; unlike ones stay
        unpaired."""
        if not people or not len(rows):
            return
        from scipy.optimize import linear_sum_assignment

        alike = np.array([self._alike(person, rows) for person in people])
        alike[alike < self._config.min_similarity] = 0
        missed = (
            self._time[rows[0]] - self._time[[p.rows[-1] for p in people]] > 1.5 * self._interval
        )
        alike[missed] *= _DOUBT
        for i, j in zip(*linear_sum_assignment(alike, maximize=True), strict=True):
            if alike[i, j] > 0:
                people[i].rows.append(int(rows[j]))
                self.identity[rows[j]] = people[i].identity

    def _alike(self, person: _Person, rows: np.ndarray) -> Float[np.ndarray, " P"]:
        """Likeness 0..1: mean of the boxes' overlap (IoU) and of exp(-d^2 / 2 s^2) over the joints.

        d: distance from where the joint should be now, s: tolerance. It is 0 in another shot of the
        camera, and if the median joint is too far away, with left and right exchanged or not.
        """
        found, last = self._found, person.rows[-1]
        passed = self._time[rows[0]] - self._time[last]
        moved = self._velocity(person) * passed
        tolerance = self._size[last] * np.sqrt(_JITTER**2 + _DRIFT**2 * passed)
        expected = found.keypoints[last] + moved
        apart = np.linalg.norm(found.keypoints[rows] - expected, axis=-1) / tolerance
        joints = np.exp(-(apart**2) / 2)
        overlap = _iou(self._corners[last] + moved, self._corners[rows])
        weight = np.minimum(found.scores[rows], found.scores[last])
        total = weight.sum(1)
        mean = (weight * joints).sum(1) / np.maximum(total, 1e-6)
        alike = np.where(total > 1, (mean + overlap) / 2, overlap)  # too few joints tell nothing
        elsewhere = self._off(rows, last, expected) > _ELSEWHERE * tolerance
        return np.where((found.shot[rows] == found.shot[last]) & ~elsewhere, alike, 0)

    def _off(self, rows: np.ndarray, last: int, expected: np.ndarray) -> Float[np.ndarray, " P"]:
        """How far the median joint is from where it should be, px, as it is or with left and right
        exchanged, whichever is nearer. 0 if too few joints are known."""
        found, off = self._found, np.full(len(rows), np.inf)
        for order in (np.arange(len(self._opposite)), self._opposite):
            known = np.minimum(found.scores[rows][:, order], found.scores[last]) > _KNOWN
            apart = np.linalg.norm(found.keypoints[rows][:, order] - expected, axis=-1)
            enough = known.sum(1) >= _FEWEST
            middle = np.nanmedian(np.where(known | ~enough[:, None], apart, np.nan), axis=1)
            off = np.minimum(off, np.where(enough, middle, 0))
        return off

    def _velocity(self, person: _Person) -> Float[np.ndarray, "2"]:
        """Speed in px/s, over the last part of the way."""
        rows, last = person.rows, person.rows[-1]
        if len(rows) < 2:
            return np.zeros(2)
        since = self._time[last] - _SPEED_WINDOW
        recent = bisect_left(rows, since, key=self._time.__getitem__)
        first = rows[min(recent, len(rows) - 2)]
        return self._step(first, last) / (self._time[last] - self._time[first])

    def _step(self, a: int, b: int) -> Float[np.ndarray, "2"]:
        """How far the person moved, px: the median of the joints, which one wrong joint cannot
        pull."""
        found = self._found
        both: Bool[np.ndarray, " K"] = (found.scores[a] > _KNOWN) & (found.scores[b] > _KNOWN)
        if both.sum() < _FEWEST:
            return (self._corners[b] - self._corners[a]).mean(0)
        return np.median(found.keypoints[b, both] - found.keypoints[a, both], axis=0)


def lasting(found: Detections, min_frames: int) -> Bool[np.ndarray, " N"]:
    """Rows of people who are seen in min_frames of the clip, or in all frames that have somebody;
    all rows if there is nobody."""
    _, number = np.unique(found.track, return_inverse=True)
    frames = np.bincount(number)[number]
    lasts = frames >= min(min_frames, len(np.unique(found.frame)))
    return lasts if lasts.any() else np.ones(len(found), bool)


def opposite_of(names: tuple[str, ...]) -> Int[np.ndarray, " K"]:
    """Column of the same joint on the other side; its own if there is none."""
    other = {"left": "right", "right": "left"}
    mirrored = [re.sub("left|right", lambda side: other[side[0]], name) for name in names]
    column = {name: place for place, name in enumerate(names)}
    return np.array([column.get(name, place) for place, name in enumerate(mirrored)], int)


def _iou(one: Float[np.ndarray, "2 2"], many: Float[np.ndarray, "P 2 2"]) -> np.ndarray:
    """Intersection over union (P) of boxes given by their corners."""
    low, high = np.maximum(one[0], many[:, 0]), np.minimum(one[1], many[:, 1])
    both = np.prod((high - low).clip(0), axis=1)
    return both / np.maximum(_area(one[None]) + _area(many) - both, 1e-6)


def _area(corners: Float[np.ndarray, "P 2 2"]) -> Float[np.ndarray, " P"]:
    return np.prod(np.ptp(corners, axis=1), axis=1)
