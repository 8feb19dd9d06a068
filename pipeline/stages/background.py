"""How the camera of a video moves, told by what lies behind the people: from the frames as they go
by, so that nothing is decoded twice.

Corners are followed from a frame on (pyramidal Lucas-Kanade) for as long as most of them are in
view and near their place, so that a camera that stands still does not drift. When the people have
been found, what is inside their boxes is left out, and a turn, a growth and a shift of the picture
are fitted to the rest (RANSAC).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8

from detectors.base import Image

_SIDE = 320  # px, the longer side of the pictures that are compared
_CELLS = 5  # each way; corners come from all parts of the picture, or a person may have them all
_CORNERS = 6  # in each cell
_CLEAR = 0.02  # of the clearest corner of the cell
_APART = 7  # px between corners
_THERE_AND_BACK = 0.5  # px; a corner that is followed back must come this near to where it began
_STILL_SEEN = 0.6  # share of the corners; when fewer are left, others are followed
_FAR = 8.0  # px; so far from their places, corners look different and others are followed
_TOGETHER = 1.0  # px; corners that go with the rest are this near to where it takes them
_FEWEST = 12  # corners that go together, else nothing is known
_AROUND = 0.1  # of a box's sides: hair and hands stick out of it

Grey = UInt8[np.ndarray, "h w"]


@dataclass(frozen=True)
class _Way:
    """Where corners of an earlier frame are in this one, px of the small pictures.

    Args:
        since: number of that frame.
        start, end: their places there and here.
    """

    since: int
    start: Float32[np.ndarray, "P 2"]
    end: Float32[np.ndarray, "P 2"]


class Background:
    """Follows the background of one video."""

    def __init__(self) -> None:
        self._ways: list[_Way] = []
        self._since = 0
        self._key = self._last = np.zeros((0, 0), np.uint8)
        self._corners = self._end = np.zeros((0, 2), np.float32)
        self._scale, self._size = 1.0, (1, 1)

    def see(self, frame: Image) -> None:
        """Take the next frame in."""
        grey, number = self._small(frame), len(self._ways)
        if not number:
            self._follow_from(number, grey)
        way = self._way(grey)
        if len(way.end) < _STILL_SEEN * len(self._corners) and self._since < number - 1:
            self._follow_from(number - 1, self._last)
            way = self._way(grey)
        self._ways.append(way)
        self._last = grey
        if len(way.end) < _FEWEST or np.median(_lengths(way.end - way.start)) > _FAR:
            self._follow_from(number, grey)

    def of(
        self, frame: Int32[np.ndarray, " N"], boxes: Float32[np.ndarray, "N 4"]
    ) -> tuple[Float32[np.ndarray, "N 4"], Float32[np.ndarray, " N"]]:
        """How the background has moved since the video began, without what is inside the boxes.

        Args:
            frame: of each box, ascending.
            boxes: of everybody who was found, xyxy, px of the frames.

        Returns:
            For each row, the shift of the picture's middle to the right and down, in diagonals of
            the picture, the turn from right to down, rad, and the logarithm of the growth: sums
            over small motions. And the share of the background's corners that go with it: a camera
            that only turns takes all of them along; one that goes somewhere takes near ones
            farther. NaN where nothing is known, and for frames that were never seen.
        """
        count = len(self._ways)
        moved, together = np.zeros((count + 1, 4)), np.full(count + 1, np.nan)
        own = [boxes[frame == number] / self._scale for number in range(count)]
        for number, way in enumerate(self._ways):
            free = _outside(way.start, own[way.since]) & _outside(way.end, own[number])
            found = _motion(way.start[free], way.end[free], self._size)
            moved[number] = moved[number - 1]
            if found is not None:
                moved[number] = moved[way.since] * (way.since < number) + found[0]
                together[number] = found[1]
        moved[np.isnan(together)] = np.nan
        rows = np.minimum(frame, count)
        return moved[rows].astype(np.float32), together[rows].astype(np.float32)

    def _small(self, frame: Image) -> Grey:
        import cv2

        height, width = frame.shape[:2]
        self._scale = max(height, width, _SIDE) / _SIDE
        step = max(1, int(self._scale / 2))  # reading every pixel of a large frame takes longest
        green = np.ascontiguousarray(frame[::step, ::step, 1])
        self._size = max(1, round(width / self._scale)), max(1, round(height / self._scale))
        return cv2.resize(green, self._size, interpolation=cv2.INTER_AREA)

    def _follow_from(self, number: int, grey: Grey) -> None:
        """Follow the corners of this frame from now on."""
        self._since, self._key = number, grey
        self._corners = self._end = _corners(grey)

    def _way(self, grey: Grey) -> _Way:
        """Those corners that are found again in this frame."""
        import cv2

        if not len(self._corners):
            return _Way(self._since, self._corners, self._corners)
        options = {"winSize": (13, 13), "maxLevel": 2, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
        guess, start = self._end.copy(), self._corners
        end, there, _ = cv2.calcOpticalFlowPyrLK(self._key, grey, start, guess, **options)
        back, again, _ = cv2.calcOpticalFlowPyrLK(grey, self._key, end, start.copy(), **options)
        good = (there[:, 0] > 0) & (again[:, 0] > 0)
        good &= _lengths(back - start) < _THERE_AND_BACK
        shift = np.median((end - start)[good], axis=0) if good.any() else 0
        self._end = np.where(good[:, None], end, start + shift).astype(np.float32)
        return _Way(self._since, start[good], end[good])


def _corners(grey: Grey) -> Float32[np.ndarray, "P 2"]:
    """The clearest corners of each part of a picture."""
    import cv2

    found = [np.zeros((0, 2), np.float32)]
    for rows in np.array_split(np.arange(len(grey)), _CELLS):
        for columns in np.array_split(np.arange(grey.shape[1]), _CELLS):
            cell = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            corners = cv2.goodFeaturesToTrack(cell, _CORNERS, _CLEAR, _APART)
            if corners is not None:
                found.append(corners[:, 0] + np.array([columns[0], rows[0]], np.float32))
    return np.concatenate(found)


def _motion(
    start: Float[np.ndarray, "P 2"], end: Float[np.ndarray, "P 2"], size: tuple[int, int]
) -> tuple[np.ndarray, float] | None:
    """Shift in diagonals, turn and growth from a picture to another, and the share of the points
    that go with them; None if too few do."""
    import cv2

    if len(start) < _FEWEST:
        return None
    matrix, inliers = cv2.estimateAffinePartial2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=_TOGETHER, confidence=0.999
    )
    if matrix is None or inliers.sum() < _FEWEST:
        return None
    middle = (np.array(size) - 1) / 2
    shift = (matrix[:, :2] @ middle + matrix[:, 2] - middle) / np.hypot(*size)
    growth = np.log(np.hypot(matrix[0, 0], matrix[1, 0]))
    turn = np.arctan2(matrix[1, 0], matrix[0, 0])
    return np.array([*shift, turn, growth]), float(inliers.mean())


def _outside(points: Float[np.ndarray, "P 2"], boxes: Float[np.ndarray, "B 4"]) -> np.ndarray:
    """Which points are in none of the boxes."""
    margin = _AROUND * (boxes[:, 2:] - boxes[:, :2])
    low, high = boxes[:, :2] - margin, boxes[:, 2:] + margin
    inside = (points[:, None] >= low) & (points[:, None] <= high)
    return ~inside.all(-1).any(1)


def _lengths(ways: Float[np.ndarray, "P 2"]) -> np.ndarray:
    return np.linalg.norm(ways, axis=-1)
