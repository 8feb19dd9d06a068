"""What every keypoint file comes down to: the people of each image, checked and found by name."""

import re
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float64

from detectors.base import People, UnknownClipError
from detectors.skeletons import SKELETONS

_FARTHEST = 1e6  # px; what lies farther out is a broken number, not a joint
# The data set that a number of joints speaks for. 14 are LSP's, AI Challenger's or CrowdPose's.
_BY_COUNT = {
    len(SKELETONS[name]): name
    for name in (
        "coco17", "halpe26", "wholebody133", "mpii16", "openpose18", "openpose25", "blazepose33"
    )
}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What a file says of one image (frame 0) or video: the people by frame, in these joints."""

    joint_names: tuple[str, ...]
    frames: dict[int, People]


Find = Callable[[str], Seen]
"""Name of an image or video file -> what is known about it; raises UnknownClipError."""

_Value = TypeVar("_Value")


def nobody(joints: int) -> People:
    """Nobody, in a skeleton of that many joints."""
    return People(np.zeros((0, 4)), np.zeros((0, joints, 2)), np.zeros((0, joints)))


def people_of(
    points: Float64[np.ndarray, "P K 3"], boxes: Float64[np.ndarray, "P 4"] | None = None
) -> People:
    """People from x px, y px and score of each joint.

    A joint is missing where a number is not finite or its place is absurd. Scores below 0 count as
    0 = missing, those above 1 as 1. Who has no joint at all is left out.

    Args:
        points: of all people of an image.
        boxes: x0, y0, x1, y1; where one is not given, not finite or empty: around the joints.
    """
    seen = np.isfinite(points).all(-1) & (np.abs(points[..., :2]) < _FARTHEST).all(-1)
    seen &= np.where(seen, points[..., 2], 0) > 0
    points, seen = points[kept := seen.any(-1)], seen[kept]
    xy = np.where(seen[..., None], points[..., :2], 0)
    around = _around(points[..., :2], seen)
    given = np.full((len(kept), 4), np.nan) if boxes is None else boxes
    given = given[kept]
    usable = (np.abs(given) < _FARTHEST).all(-1)  # nor is NaN
    given = np.where(usable[:, None], given, 0)
    usable &= (given[:, 2:] > given[:, :2]).all(-1)
    return People(
        boxes=np.where(usable[:, None], given, around).astype(np.float32),
        keypoints=xy.astype(np.float32),
        scores=np.where(seen, points[..., 2].clip(0, 1), 0).astype(np.float32),
    )


def _around(xy: np.ndarray, seen: np.ndarray) -> np.ndarray:
    low = np.where(seen[..., None], xy, np.inf).min(1)
    high = np.where(seen[..., None], xy, -np.inf).max(1)
    return np.concatenate([low, high], 1)


def numbers(value: Any, where: str) -> np.ndarray:
    """A list of numbers, or of such lists, as float64; null is NaN.

    Raises:
        ValueError: it is none.
    """
    try:
        return np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        # Unlike repr, it goes only a few lists deep.
        raise ValueError(f"{where}: expected numbers, got {reprlib.repr(value)}") from None


def triplets(value: Any, where: str) -> np.ndarray:
    """x, y, score, x, y, score, ... as (K, 3).

    Raises:
        ValueError: not a flat list of triplets.
    """
    flat = numbers(value, where)
    if flat.ndim != 1 or flat.size % 3 or not flat.size:
        got = f"{flat.size} numbers" if flat.ndim == 1 else f"shape {flat.shape}"
        raise ValueError(f"{where}: expected a flat list x, y, score, x, y, score, ..., got {got}")
    return flat.reshape(-1, 3)


def joint_names(count: int, skeleton: str, where: str) -> tuple[str, ...]:
    """The joints of the skeleton that is asked for, or that a number of joints speaks for.

    Raises:
        ValueError: it has another number of joints, or `auto` cannot tell.
    """
    if skeleton == "auto":
        if count not in _BY_COUNT:
            fitting = [name for name, names in SKELETONS.items() if len(names) == count]
            known = " or ".join(fitting or SKELETONS)
            raise ValueError(
                f"{where}: {count} joints do not say which: expected detector.skeleton={known}"
            )
        skeleton = _BY_COUNT[count]
    names = SKELETONS[skeleton]
    if len(names) != count:
        raise ValueError(f"{where}: expected the {len(names)} joints of {skeleton}, got {count}")
    return names


def stacked(people: list[np.ndarray], names: tuple[str, ...], where: str) -> np.ndarray:
    """(K, 3) of each person -> (P, K, 3).

    Raises:
        ValueError: somebody has another number of joints.
    """
    for person in people:
        if len(person) != len(names):
            raise ValueError(f"{where}: expected {len(names)} joints, got {len(person)}")
    return np.array(people, np.float64).reshape(-1, len(names), 3)


def by_name(values: dict[str, _Value], image: str, file: Path) -> _Value:
    """What belongs to an image file: under its name, or its name up to the suffix.

    Raises:
        UnknownClipError: nothing does.
        ValueError: two do.
    """
    if image in values:
        return values[image]
    stem = Path(image).stem
    found = [name for name in values if Path(name).stem == stem]
    if len(found) > 1:
        raise ValueError(f"{file}: both {found[0]} and {found[1]} could be {image}")
    if not found:
        example = f", e.g. {next(iter(values))}" if values else ""
        raise UnknownClipError(
            f"{file.name} has no image of that name; it has {len(values)}{example}"
        )
    return values[found[0]]


def number_of(image: str, file: Path, pattern: str = r"(?:im)?(\d+)") -> int:
    """The number that an image file is named by.

    Raises:
        UnknownClipError: it has none.
    """
    matched = re.fullmatch(pattern, Path(image).stem)
    if matched is None:
        raise UnknownClipError(
            f"{file.name} counts its images, and this name has no number: expected e.g. im0001.jpg"
        )
    return int(matched[1])
