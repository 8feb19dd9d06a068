"""Which camera shot each frame of a video belongs to, from the frames as they go by."""

from collections import deque

import numpy as np
from jaxtyping import Float, Int32

from detectors.base import Image

# Frames of one shot correlate by 0.98 and more at their own rate, and by 0.6 and more at one a
# second
# (phone clips, moving camera). Of 100 pairs of unrelated photos, one correlates by more than 0.5.
_SAME_SHOT = 0.5
_MEMORY = 3  # frames: a flash or a damaged frame between them does not end a shot
_SIDE = 32  # about so many pixels each way are compared
_FLAT = 2.0  # grey levels: a plain frame (fade to black) tells nothing


class Shots:
    """Numbers the shots of one video; a cut starts a new one.

    Exposure and contrast do not change a correlation, so switching on a light is not a cut.
    """

    def __init__(self) -> None:
        self._number: list[int] = []
        self._recent: deque[tuple[int, Float[np.ndarray, " n"]]] = deque(maxlen=_MEMORY)
        self._count = 0

    def see(self, frame: Image) -> None:
        """Take the next frame in."""
        look = _look(frame)
        if look is None:
            self._number.append(self._number[-1] if self._number else 0)
            return
        shots = [shot for shot, seen in reversed(self._recent) if look @ seen >= _SAME_SHOT]
        if not shots:
            self._count += 1
        shot = shots[0] if shots else self._count - 1
        self._number.append(shot)
        self._recent.append((shot, look))

    def of(self, frames: Int32[np.ndarray, " N"]) -> Int32[np.ndarray, " N"]:
        """The shot of each of these frames; a frame that was never seen (a photo, or a detector
        that needs no pixels) belongs to the last shot."""
        numbers = np.array(self._number or [0], np.int32)
        return numbers[np.minimum(frames, len(numbers) - 1)]


def _look(frame: Image) -> Float[np.ndarray, " n"] | None:
    """A few pixels of the frame with mean 0 and length 1, None where it is plain."""
    height, width = frame.shape[:2]
    # 4 x 4 samples a cell average noise and fine texture out at a hundredth of the cost of all.
    rows, columns = (max(1, side // (4 * _SIDE)) for side in (height, width))
    some = frame[::rows, ::columns]
    rows, columns = (max(1, side // _SIDE) for side in some.shape[:2])
    some = some[: len(some) // rows * rows, : some.shape[1] // columns * columns]
    cells = some.reshape(len(some) // rows, rows, -1, columns, 3).mean((1, 3)).ravel()
    cells -= cells.mean()
    length = np.linalg.norm(cells)
    return cells / length if length > _FLAT * np.sqrt(len(cells)) else None
