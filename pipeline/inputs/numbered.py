"""Video frames on disk: the numbered pictures of a folder as one clip."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from detectors.base import Image
from pipeline.inputs.images import ClipError, Facts, photo_facts, read_photo

_PATTERN = re.compile(r"%0?(\d*)d")
_MOST_SHOWN = 3

Numbered = tuple[tuple[int, Path], ...]
"""Pictures with their numbers, ascending."""


class NumberingError(Exception):
    """The names of pictures give no order; the text says why."""


@dataclass(frozen=True)
class FrameReader:
    """Numbered pictures as the frames of a clip.

    Args:
        pictures: that exist; missing numbers leave gaps in time.
        fps: pictures per second where none is missing; None if unknown.
        stride: every `stride`-th picture is read.
        max_frames: how many of them at most.
    """

    pictures: Numbered
    fps: float | None = None
    stride: int = 1
    max_frames: int | None = None

    @property
    def _kept(self) -> Numbered:
        return self.pictures[:: self.stride][: self.max_frames]

    def files(self, path: Path) -> list[Path]:
        """The pictures that are read."""
        return [picture for _, picture in self._kept]

    def options(self) -> dict[str, Any]:
        """What can change the frames or when they are shown."""
        return {"numbers": [n for n, _ in self._kept], "fps": self.fps, "stride": self.stride}

    def facts(self, path: Path) -> Facts:
        """Size and EXIF of the first picture; numbers and times of all.

        Raises:
            ClipError: the first picture cannot be read.
        """
        numbers = [number for number, _ in self._kept]
        unit = step(self.pictures) * self.stride
        ticks = tuple((number - numbers[0]) / unit for number in numbers)
        return replace(
            photo_facts(self._kept[0][1]),
            n_frames=len(numbers),
            fps=self.fps / self.stride if self.fps else None,
            stride=self.stride,
            numbers=tuple(numbers),
            ticks=None if ticks == tuple(range(len(ticks))) else ticks,
        )

    def frames(self, path: Path) -> Iterator[Image]:
        """Yield the pictures, RGB, upright, one in memory at a time.

        Raises:
            ClipError: one cannot be read, or is of another size than the first.
        """
        shape = None
        for _, picture in self._kept:
            frame = read_photo(picture)
            shape = shape or frame.shape
            if frame.shape != shape:
                here, first = (f"{width} x {height}" for height, width, _ in (frame.shape, shape))
                raise ClipError(
                    f"{path}: {picture.name} has {here} px, expected {first} like the first "
                    "frame: move pictures of another size elsewhere"
                )
            yield frame


def is_pattern(path: str) -> bool:
    """Whether a path names numbered files in FFmpeg's way: `frames/%06d.png`."""
    return len(_PATTERN.findall(Path(path).name)) == 1


def matching(path: str) -> Numbered:
    """The files of such a pattern; its width is the smallest number of digits, as in C.

    Raises:
        NumberingError: two of them have the same number.
    """
    place = Path(os.path.expanduser(path))
    before, width, after = _PATTERN.split(place.name)
    name = re.compile(
        rf"{re.escape(before)}(\d{{{int(width or 1)},}}){re.escape(after)}", re.DOTALL
    )
    entries = place.parent.iterdir() if place.parent.is_dir() else ()
    found = [(match, entry) for entry in entries if (match := name.fullmatch(entry.name))]
    return _ascending((int(match[1]), entry) for match, entry in found)


def in_order(pictures: Iterable[Path]) -> tuple[Numbered, list[Path]]:
    """Number the pictures of a folder.

    Their names are the same except for one number, the last of those that differ.

    Returns:
        Those with a number, and those without any.

    Raises:
        NumberingError: they belong to several clips, two share a number, or none has one.
    """
    alike: dict[tuple[str, ...], list[tuple[list[int], Path]]] = {}
    for picture in pictures:
        text = re.split(r"(\d+)", picture.name)
        key = (*text[:-1:2], text[-1].lower())
        alike.setdefault(key, []).append((list(map(int, text[1::2])), picture))
    strays = [picture for text, group in alike.items() if len(text) == 1 for _, picture in group]
    series = [one for text, group in alike.items() if len(text) > 1 for one in _series(text, group)]
    if not series:
        raise NumberingError("no name has a number")
    if len(series) > 1:
        shown = ", ".join(label for label, _ in series[:_MOST_SHOWN])
        more = f" and {len(series) - _MOST_SHOWN} more" if len(series) > _MOST_SHOWN else ""
        raise NumberingError(f"they are of {len(series)} clips, {shown}{more}: name one of these")
    return _ascending(series[0][1]), strays


def _series(
    text: tuple[str, ...], group: list[tuple[list[int], Path]]
) -> list[tuple[str, list[tuple[int, Path]]]]:
    """Clips among pictures whose names only differ in numbers: a pattern and its pictures."""
    columns = list(zip(*(numbers for numbers, _ in group), strict=True))
    place = max((i for i, column in enumerate(columns) if len(set(column)) > 1), default=-1)
    clips: dict[str, list[tuple[int, Path]]] = {}
    for numbers, picture in group:
        written = re.findall(r"\d+", picture.name)
        written[place] = "%d"
        label = "".join(part for pair in zip(text, (*written, ""), strict=True) for part in pair)
        clips.setdefault(label, []).append((numbers[place], picture))
    return list(clips.items())


def _ascending(found: Iterable[tuple[int, Path]]) -> Numbered:
    ordered = sorted(found)
    if ordered and ordered[-1][0] >= 2**63:
        raise NumberingError(f"the number of {ordered[-1][1].name} is too large")
    for (number, one), (other, two) in pairwise(ordered):
        if number == other:
            raise NumberingError(f"{one.name} and {two.name} both have the number {number}")
    return tuple(ordered)


def step(pictures: Numbered) -> int:
    """The usual step from one number to the next: 1, or more if not every frame was kept."""
    apart = sorted(b - a for (a, _), (b, _) in pairwise(pictures))
    return apart[(len(apart) - 1) // 2] if apart else 1


def missing(pictures: Numbered) -> list[range]:
    """The numbers that are missing between the first picture and the last."""
    usual = step(pictures)
    return [
        range(a + usual, b, usual) for (a, _), (b, _) in pairwise(pictures) if b - a > 1.5 * usual
    ]


def told(gaps: list[range]) -> str:
    """Gaps in words: `12 are missing (7, 20-30)`."""
    spans = [str(gap[0]) if len(gap) == 1 else f"{gap[0]}-{gap[-1]}" for gap in gaps]
    more = [f"and {len(spans) - _MOST_SHOWN} more gaps"] if len(spans) > _MOST_SHOWN else []
    count = sum(map(len, gaps))
    are = "is" if count == 1 else "are"
    return f"{count} {are} missing ({', '.join(spans[:_MOST_SHOWN] + more)})"
