"""People who walk about as a detector would see them, with their true identities; and the count of
how often a tracker mistakes one for another."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from detectors.skeletons import LSP_14
from pipeline.stages.detect import Detected

# Ankles, knees, hips, wrists, elbows, shoulders, neck, head top of somebody 1 high, feet at 0,
# in LSP's order; what swings while walking, and by how much.
FIGURE = np.array(
    [
        (-0.05, 0),
        (-0.05, 0.26),
        (-0.06, 0.5),
        (0.06, 0.5),
        (0.05, 0.26),
        (0.05, 0),
        (-0.15, 0.46),
        (-0.14, 0.62),
        (-0.11, 0.8),
        (0.11, 0.8),
        (0.14, 0.62),
        (0.15, 0.46),
        (0, 0.86),
        (0, 1),
    ]
)
SWING = np.array([0.2, 0.08, 0, 0, -0.08, -0.2, -0.14, -0.07, 0, 0, 0.07, 0.14, 0, 0])
_OPPOSITE = np.array([5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13])  # joint on the other side
FALSE = -1  # the true identity of a find that is nobody


@dataclass(frozen=True)
class Walker:
    """Feet at (x, y) px in frame 0, `speed` body heights a second; seen in frames first..last."""

    x: float
    speed: float = 0.0
    height: float = 300.0
    y: float = 600.0
    first: int = 0
    last: int = 10**6
    hidden: range = range(0)


@dataclass(frozen=True)
class Eye:
    """How badly the detector sees: noise in body heights, shares of misses, false finds a frame,
    and shares of people whose left and right it swaps."""

    noise: float = 0.01
    missed: float = 0.0
    false: float = 0.0
    swapped: float = 0.0


def filmed(
    walkers: list[Walker],
    frames: int,
    fps: float,
    eye: Eye = Eye(),
    seed: int = 0,
    cuts: tuple[int, ...] = (),
) -> tuple[Detected, np.ndarray]:
    """What is found in each frame, in random order, and who each row truly is.

    Args:
        cuts: frames that start a new shot.
    """
    rng = np.random.default_rng(seed)
    rows: list[tuple[int, int, np.ndarray]] = []
    for frame in range(frames):
        people = [
            (frame, who, _pose(walker, frame / fps, eye, rng))
            for who, walker in enumerate(walkers)
            if walker.first <= frame <= walker.last
            and frame not in walker.hidden
            and rng.random() >= eye.missed
        ]
        for _ in range(rng.poisson(eye.false)):
            ghost = Walker(rng.uniform(0, 1900), height=rng.uniform(100, 500))
            people.append((frame, FALSE, _pose(ghost, rng.uniform(0, 9), eye, rng)))
        rows += [people[k] for k in rng.permutation(len(people))]
    frame = np.array([row[0] for row in rows], np.int32)
    keypoints = np.array([row[2] for row in rows], np.float32)
    found = Detected(
        frame=frame,
        track=np.zeros(len(rows), np.int32),
        boxes=np.concatenate([keypoints.min(1), keypoints.max(1)], 1),
        keypoints=keypoints,
        scores=np.full(keypoints.shape[:2], 0.8, np.float32),
        joint_names=LSP_14,
        shot=np.searchsorted(cuts, frame, side="right").astype(np.int32),
    )
    return found, np.array([row[1] for row in rows])


def switches(truth: np.ndarray, track: np.ndarray) -> int:
    """How often a person's number differs from the one it had when last found."""
    return sum(int((np.diff(track[truth == who]) != 0).sum()) for who in set(truth) - {FALSE})


def idf1(truth: np.ndarray, track: np.ndarray) -> float:
    """Share of finds with the right identity, numbers paired with people as well as can be
    (Ristani et al., 2016); who is not found at all does not count."""
    people, numbers = sorted(set(truth) - {FALSE}), np.unique(track)
    both = np.array([[((truth == w) & (track == n)).sum() for n in numbers] for w in people])
    right = both[linear_sum_assignment(both, maximize=True)].sum()
    # A false find counts as wrong only where it takes a number that a person has.
    paired = numbers[linear_sum_assignment(both, maximize=True)[1]]
    return 2 * right / ((truth != FALSE).sum() + np.isin(track, paired).sum())


def _pose(walker: Walker, time: float, eye: Eye, rng: np.random.Generator) -> np.ndarray:
    xy = FIGURE * (1, -1)
    phase = 2 * np.pi * (0.9 * time + walker.x / 100)
    xy[:, 0] += SWING * np.sin(phase) * min(1.0, 2 * abs(walker.speed))
    xy = xy + rng.normal(scale=eye.noise, size=xy.shape)
    if rng.random() < eye.swapped:
        xy = xy[_OPPOSITE]
    return xy * walker.height + (walker.x + walker.speed * walker.height * time, walker.y)
