"""Who is who in a video: the same rows with `track` = the person's identity in the clip.

People are followed frame by frame as in SORT (Bewley et al., ICIP 2016): each moves on with the
speed it had, and the Hungarian method pairs those predictions with the people found. Alike are two
whose joints and boxes lie close, as OKS measures it (COCO; joints tell people apart whose boxes
overlap), with a tolerance that grows with the time since a person was last seen.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int32

from detectors.base import Detections
from pipeline.config import TrackingConfig
from pipeline.detect import Detected

_FPS = 25.0  # where the file does not say
_JITTER = 0.1  # of a person's size: joints move against the body as a whole
_DRIFT = 0.3  # of a person's size in 1 s; grows with the square root of time, as a random walk
_SPEED_MEMORY = 0.2  # s: time constant of the mean that a speed is
_ESTABLISHED = 3  # frames: who was seen in fewer waits until the others have chosen


@dataclass
class _Person:
    """Somebody who is followed, as last seen."""

    identity: int
    row: int
    seen: int = 1
    velocity: Float[np.ndarray, "2"] | None = None  # px/s


def identify(found: Detected, fps: float | None, config: TrackingConfig) -> Detections:
    """Follow the people of a clip; a photo's stay as they are, each with its place as its track.

    Args:
        found: the people of each frame; `track` is not read.
        fps: frames per second; None where unknown.
        config: how long and how far people are followed.

    Returns:
        The same rows with a number per person, by first appearance, the largest box first.
        A cut of the camera ends everybody.
    """
    if not len(found) or found.frame[0] == found.frame[-1]:
        return found
    tracker = _Tracker(found, fps or _FPS, config)
    for rows in np.split(np.arange(len(found)), np.flatnonzero(np.diff(found.frame)) + 1):
        tracker.follow(rows)
    return replace(found, track=tracker.identity)


class _Tracker:
    """The people being followed; `identity` (N) grows row by row."""

    def __init__(self, found: Detected, fps: float, config: TrackingConfig) -> None:
        self.identity: Int32[np.ndarray, " N"] = np.full(len(found), -1, np.int32)
        self._found, self._config = found, config
        self._time = found.frame / fps
        self._corners = found.boxes.reshape(-1, 2, 2)
        self._size = np.maximum(np.ptp(self._corners, axis=1).max(1), 1.0)
        self._people: list[_Person] = []
        self._count = 0

    def follow(self, rows: np.ndarray) -> None:
        """Give every person of the next frame an identity."""
        limit = self._time[rows[0]] - self._config.max_gap - 1e-6
        self._people = [p for p in self._people if self._time[p.row] > limit]
        known = [p for p in self._people if p.seen >= _ESTABLISHED]
        for group in (known, [p for p in self._people if p.seen < _ESTABLISHED]):
            self._pair(group, rows[self.identity[rows] < 0])
        new = rows[self.identity[rows] < 0]
        for row in new[np.argsort(-np.prod(np.ptp(self._corners[new], axis=1), axis=1))]:
            self._people.append(_Person(self._count, int(row)))
            self.identity[row] = self._count
            self._count += 1

    def _pair(self, people: list[_Person], rows: np.ndarray) -> None:
        """The pairs that are most alike in sum, without those that are not alike enough."""
        if not people or not len(rows):
            return
        from scipy.optimize import linear_sum_assignment

        alike = np.array([self._alike(person, rows) for person in people])
        alike[alike < self._config.min_similarity] = 0
        for i, j in zip(*linear_sum_assignment(alike, maximize=True), strict=True):
            if alike[i, j] > 0:
                self._move(people[i], int(rows[j]))

    def _alike(self, person: _Person, rows: np.ndarray) -> Float[np.ndarray, " P"]:
        """0..1: mean of exp(-d^2 / 2 s^2) over joints that both have, and over the boxes' corners.

        d: distance from where the person should be now, s: tolerance; 0 in another shot.
        """
        found, last = self._found, person.row
        passed = self._time[rows[0]] - self._time[last]
        moved = 0 if person.velocity is None else person.velocity * passed
        tolerance = self._size[last] * np.sqrt(_JITTER**2 + _DRIFT**2 * passed)
        joints = _closeness(found.keypoints[rows] - found.keypoints[last] - moved, tolerance)
        corners = _closeness(self._corners[rows] - self._corners[last] - moved, tolerance).mean(1)
        weight = np.minimum(found.scores[rows], found.scores[last])
        total = weight.sum(1)
        mean = (weight * joints).sum(1) / np.maximum(total, 1e-6)
        alike = np.where(total > 1, (mean + corners) / 2, corners)  # too few joints tell nothing
        return np.where(found.shot[rows] == found.shot[last], alike, 0)

    def _move(self, person: _Person, row: int) -> None:
        """The person is this one now; its speed is a mean over its steps, later ones count more."""
        passed = self._time[row] - self._time[person.row]
        step = self._step(person.row, row) / passed
        share = max(1 / person.seen, 1 - np.exp(-passed / _SPEED_MEMORY))
        before = np.zeros(2) if person.velocity is None else person.velocity
        person.velocity = before + share * (step - before)
        person.row, person.seen = row, person.seen + 1
        self.identity[row] = person.identity

    def _step(self, a: int, b: int) -> Float[np.ndarray, "2"]:
        """How far the person moved, px: the median joint, which one swapped or lost cannot pull."""
        found = self._found
        both: Bool[np.ndarray, " K"] = (found.scores[a] > 0.1) & (found.scores[b] > 0.1)
        if both.sum() < 4:
            return (self._corners[b] - self._corners[a]).mean(0)
        return np.median(found.keypoints[b, both] - found.keypoints[a, both], axis=0)


def _closeness(apart: Float[np.ndarray, "P n 2"], tolerance: float) -> Float[np.ndarray, "P n"]:
    return np.exp(-(apart**2).sum(-1) / (2 * tolerance**2))
