"""Turns keypoints in fractions, or of a resized image, into pixels of the image."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from detectors.base import People, UnknownClipError
from detectors.keypoint_files.rows import Seen, around

UNITS = ("pixels", "fractions", "centered")
_TINY = 4.0  # px; keypoints that all lie within this are not a person in pixels
_ASPECT = 0.02  # how much a resized image may differ, because its sides are whole pixels
_MOST_SCALE = 1000.0
_Size = tuple[int, int]


@dataclass(frozen=True)
class Units:
    """What the numbers of a file are.

    Args:
        kind: pixels; fractions, 0..1 of width and height; centered, -1..1 from side to side; or
            auto: fractions if everybody is within a few pixels, else pixels.
        scale: what pixels are multiplied by, one number or x and y; None: told by the image size
            in the file, if it has one, else 1.

    Raises:
        ValueError: the scale is not one positive number or two.
    """

    kind: str
    scale: Any = None

    def __post_init__(self) -> None:
        if self.scale is None:
            return
        try:
            given = np.array(self.scale, np.float64)
        except (TypeError, ValueError):
            given = np.zeros(0)
        if given.shape not in ((), (2,)) or not ((given > 0) & (given <= _MOST_SCALE)).all():
            raise ValueError(
                f"scale: expected a number, or [x, y], from 0 to {_MOST_SCALE:g}, got {self.scale}"
            )

    def in_pixels(self, seen: Seen, size: _Size, name: str) -> Seen:
        """The same keypoints in px of the image, whose width and height are given.

        Raises:
            UnknownClipError: they belong to an image of another shape, or lie outside this one.
            ValueError: a scale is given, and they are fractions.
        """
        xy = _all_joints(seen.frames.values())
        kind = self._kind(xy)
        if kind == "pixels":
            return self._scaled(seen, size, xy)
        if self.scale is not None:
            raise ValueError(
                f"scale: {name} has keypoints in fractions of its image, which have no scale; set "
                "detector.units=pixels if they are pixels"
            )
        half, start = (1.0, 0.0) if kind == "fractions" else (0.5, 1.0)
        factors = np.array(size) * half
        # As in mediapipe, 0 and 1 are the image's edges; our pixel centres are at integers.
        shift = start * factors - 0.5
        return _moved(seen, factors, shift, keep_boxes=False)

    def _kind(self, xy: np.ndarray) -> str:
        if self.kind != "auto":
            return self.kind
        small = len(xy) > 2 and np.abs(xy).max() < _TINY and np.ptp(xy, axis=0).max() < _TINY
        if not small:
            return "pixels"
        if (xy < 0).any(1).mean() > 0.25:
            raise UnknownClipError(
                "its keypoints are fractions, many of them below 0: set detector.units=centered if "
                "they go from -1 to 1 (OpenPose's --keypoint_scale 4), fractions if from 0 to 1"
            )
        return "fractions"

    def _scaled(self, seen: Seen, size: _Size, xy: np.ndarray) -> Seen:
        if self.scale is not None:
            scale = np.ones(2) * self.scale
        elif seen.size is not None:
            scale = _from_its_own_size(seen.size, size)
        else:
            scale = np.ones(2)
            if self.kind == "auto":
                _check_inside(xy, size)
        return seen if (scale == 1).all() else _moved(seen, scale, (scale - 1) / 2, keep_boxes=True)


def _from_its_own_size(given: _Size, size: _Size) -> np.ndarray:
    """The scale of x and y, if the file says how large its image is."""
    scale = np.array(size) / given
    if abs(scale[0] / scale[1] - 1) > _ASPECT:
        raise UnknownClipError(
            f"its keypoints are for an image of {given[0]} x {given[1]}, this one has {size[0]} x "
            f"{size[1]} (upright): they belong to another image, or to this one turned; "
            "detector.scale=1 takes them as they are"
        )
    return scale


def _all_joints(frames: Iterable[People]) -> np.ndarray:
    """(n, 2) of all joints that are not missing."""
    seen = [people.keypoints[people.scores > 0] for people in frames]
    return np.concatenate([np.zeros((0, 2)), *seen])


def _check_inside(xy: np.ndarray, size: _Size) -> None:
    """Refuse keypoints most of which lie outside: they were found on a larger image."""
    outside = ((xy < -1) | (xy > np.array(size))).any(1)
    if len(xy) and outside.mean() > 0.5:
        x, y = np.abs(xy).max(0)
        factor = min(size[0] / max(x, 1), size[1] / max(y, 1))
        raise UnknownClipError(
            f"its keypoints reach to {x:.0f}, {y:.0f} px, most of them outside the image of "
            f"{size[0]} x {size[1]}: if they were found on a larger copy, say how much smaller "
            f"this one is (detector.scale={factor:.2g} or so); detector.units=pixels takes them "
            "as they are"
        )


def _moved(seen: Seen, factors: np.ndarray, shift: np.ndarray, keep_boxes: bool) -> Seen:
    def move(people: People) -> People:
        found = people.scores > 0
        xy = people.keypoints * factors + shift
        boxes = people.boxes * np.tile(factors, 2) + np.tile(shift, 2)
        if not keep_boxes:  # the file's boxes may be fractions too, or not
            boxes = around(xy, found)
        xy = np.where(found[..., None], xy, 0)
        return replace(people, keypoints=xy.astype(np.float32), boxes=boxes.astype(np.float32))

    return replace(seen, frames={at: move(people) for at, people in seen.frames.items()})
