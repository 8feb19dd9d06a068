"""A detector's view of a clip: errors that last for some frames, exchanged sides, gaps."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool

from fitting.joints import POINTS
from pipeline.datasets.synthetic import NEIGHBOUR, Errors
from pipeline.datasets.synthetic_clips import TrueFrames, keypoints_of, torso_of

_SHORT = 0.6  # of the median: the unit is never shorter, even if a torso points at the camera
_FADE = 0.125  # s from one error pattern to the next
_UNSURE = 3.0  # unsure joints jitter more, by a factor of 1 + this at confidence 0
_EXTRA_CONFIDENCE = 0.9  # share of its neighbour's
_OTHER = {"left": "right", "right": "left"}
_OPPOSITE = [
    POINTS.index("_".join([_OTHER.get(side, side), *rest]))
    for side, *rest in (name.split("_") for name in POINTS)
]
_LEGS = [
    i for i, name in enumerate(POINTS) if name.endswith(("hip", "knee", "ankle", "toe", "heel"))
]
_ARMS = [i for i, name in enumerate(POINTS) if name.endswith(("shoulder", "elbow", "wrist"))]
_SIDED = [i for i, other in enumerate(_OPPOSITE) if i != other]
_SWAPPED, _SWAP_CHANCE = (_SIDED, _LEGS, _ARMS), (0.6, 0.3, 0.1)  # who turns round, crosses legs


@dataclass(frozen=True)
class Faults:
    """How a detector errs over time.

    Args:
        errors: whole patterns; None: the detector is exact and sure.
        hold: how long one pattern lasts on average, s.
        jitter: white noise of each joint when the detector is sure, torso lengths.
        swaps: share of the frames in which left and right are exchanged.
        swap_length: how long this lasts on average, s.
        gaps: share of the frames in which nobody is found.
        gap_length: how long this lasts on average, s.
    """

    errors: Errors | None
    hold: float
    jitter: float
    swaps: float
    swap_length: float
    gaps: float
    gap_length: float


def seen_by(faults: Faults, true: TrueFrames, fps: float, rng: np.random.Generator) -> TrueFrames:
    """The clip as a detector with these faults sees it; the truth is unchanged."""
    if faults.errors is None:
        return true
    frames, clean = len(true), true.keypoints
    offsets, sure = _held(faults.errors, frames, faults.hold * fps, _FADE * fps, rng)
    offsets = np.concatenate([offsets, offsets[:, NEIGHBOUR]], 1)
    sure = np.concatenate([sure, _EXTRA_CONFIDENCE * sure[:, NEIGHBOUR]], 1)
    spread = faults.jitter * (1 + _UNSURE * (1 - sure))
    offsets = offsets + spread[..., None] * rng.normal(0, 1, offsets.shape)
    torso = torso_of(clean.xy)
    torso = np.maximum(torso, _SHORT * np.median(torso))
    pixels = np.concatenate([clean.xy, clean.extra_xy], 1) + offsets * torso[:, None, None]
    sides = _exchanged_sides(frames, faults, fps, rng)
    pixels = np.where(sides[..., None], pixels[:, _OPPOSITE], pixels)
    sure = np.where(sides, sure[:, _OPPOSITE], sure)
    lost = np.zeros(frames, bool)
    for run in _runs(frames, faults.gaps, faults.gap_length * fps, rng):
        lost[run] = True
    keypoints = keypoints_of(pixels, sure)
    return replace(true, keypoints=keypoints, found=~lost, exchanged=sides[:, :14])


def _held(
    errors: Errors, frames: int, hold: float, fade: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (T, 14, 2) and confidences (T, 14): patterns that last for some frames and
    cross-fade."""
    offsets, confidence = [], []
    now = int(rng.integers(len(errors)))
    fading = np.arange(1, round(fade) + 1) / (round(fade) + 1)
    while sum(map(len, offsets)) < frames:
        then = int(rng.integers(len(errors)))
        part = np.concatenate([np.zeros(1 + int(rng.exponential(hold))), fading])
        for list_, values in ((offsets, errors.offsets), (confidence, errors.confidence)):
            share = part.reshape(-1, *[1] * (values.ndim - 1))
            list_.append((1 - share) * values[now] + share * values[then])
        now = then
    return np.concatenate(offsets)[:frames], np.concatenate(confidence)[:frames]


def _runs(frames: int, share: float, length: float, rng: np.random.Generator) -> Iterator[slice]:
    """Runs of frames with a mean length, which make up a share of all frames on average."""
    mean = max(length, 1.0)
    chance = share / (mean * max(1 - share, 1e-9))
    frame = 0
    while frame < frames:
        frame += int(rng.geometric(min(chance, 1.0))) if chance > 0 else frames
        run = int(rng.geometric(1 / mean))
        if frame < frames:
            yield slice(frame, min(frame + run, frames))
        frame += run


def _exchanged_sides(
    frames: int, faults: Faults, fps: float, rng: np.random.Generator
) -> Bool[np.ndarray, "T 25"]:
    """Points whose left and right are exchanged: those of the whole body, the legs or the arms."""
    sides = np.zeros((frames, len(POINTS)), bool)
    for run in _runs(frames, faults.swaps, faults.swap_length * fps, rng):
        part = _SWAPPED[int(rng.choice(len(_SWAPPED), p=_SWAP_CHANCE))]
        sides[run, part] = True
    return sides
