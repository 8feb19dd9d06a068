"""GIF, WebP and PNG files with several pictures, read as clips."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from detectors.base import Image
from pipeline.inputs.images import (
    ClipError,
    Facts,
    Stamp,
    check_readable,
    check_size,
    decoding,
    to_rgb,
)

_log = logging.getLogger(__name__)

_FORMATS = ("GIF", "WEBP", "PNG")
_LEAST = 0.02  # s; a shorter time means that the encoder did not care, ...
_USUAL = 0.1  # ... and browsers show such pictures for this long


@dataclass(frozen=True)
class AnimationReader:
    """Which pictures of an animation are read: every `stride`-th, at most `max_frames`.

    If `fps` is given, it replaces the times in the file.
    """

    stride: int = 1
    max_frames: int | None = None
    fps: float | None = None

    def files(self, path: Path) -> list[Path]:
        """The file itself."""
        return [path]

    def options(self) -> dict[str, Any]:
        """What can change the frames or when they are shown."""
        return {"animation": True, **vars(self)}

    def facts(self, path: Path) -> Facts:
        """Size, length and times.

        Raises:
            ClipError: it cannot be read.
        """
        size, shown = _times(path, check_readable(path))
        if self.fps:
            shown = (1 / self.fps,) * len(shown)
        starts = np.concatenate([[0.0], np.cumsum(shown[:-1])])[:: self.stride][: self.max_frames]
        fps = 1 / float(np.median(shown)) / self.stride
        ticks = starts * fps
        even = np.allclose(ticks, np.arange(len(ticks)), atol=0.01)
        return Facts(
            size,
            len(starts),
            fps,
            stride=self.stride,
            ticks=None if even else tuple(ticks.tolist()),
        )

    def frames(self, path: Path) -> Iterator[Image]:
        """Yield the pictures as they are shown, RGB, one in memory at a time.

        Raises:
            ClipError: not one of them can be decoded.
        """
        with _animation(path) as (image, numbers):
            for kept, number in enumerate(islice(numbers[:: self.stride], self.max_frames)):
                try:
                    with decoding(path):
                        image.seek(number)
                        image.load()
                        pixels = to_rgb(image)
                except ClipError:
                    if not kept:
                        raise
                    _log.warning("%s: ends after %d of %d pictures", path, number, len(numbers))
                    return
                yield pixels


def is_animation(path: Path) -> bool:
    """Whether a file holds several pictures that are shown one after the other."""
    try:
        with _animation(path) as (_, numbers):
            return len(numbers) > 1
    except ClipError:  # decoding it will say what is wrong
        return False


@contextmanager
def _animation(path: Path) -> Iterator[tuple[Pillow.Image, range]]:
    """An opened file and the numbers of its pictures; Pillow's settings are undone before the
    block."""
    check_readable(path)
    with decoding(path):
        image = Pillow.open(path, formats=_FORMATS)
    with image:
        check_size(path, *image.size)
        with decoding(path):
            count = getattr(image, "n_frames", 1)
        # A PNG may begin with a picture for programs that cannot show animations.
        yield image, range(int(image.info.get("default_image", False)), count)


@lru_cache(maxsize=16)  # a WebP must be decoded to know them
def _times(path: Path, stamp: Stamp) -> tuple[tuple[int, int], tuple[float, ...]]:
    """Width and height, and how long each picture is shown, s."""
    shown = []
    with _animation(path) as (image, numbers), decoding(path):
        for number in numbers:
            try:
                image.seek(number)
                if image.format == "WEBP":
                    image.load()
            except (EOFError, SyntaxError, OSError):  # cut short
                break
            seconds = float(image.info.get("duration", 0)) / 1000
            shown.append(seconds if seconds >= _LEAST else _USUAL)
        return image.size, tuple(shown or [_USUAL])
