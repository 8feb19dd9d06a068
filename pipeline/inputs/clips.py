"""Inputs as clips: what a clip is, and files made into clips (pipeline/inputs/sources.py)."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import chain, count
from pathlib import Path
from typing import Any, Protocol, TypeVar

from detectors.base import Image
from fitting.fit_config import Gender
from pipeline.inputs.images import ClipError, Facts, Stamp, check_readable, photo_facts, read_photo
from pipeline.inputs.intrinsics import Intrinsics

_DECODING = 1  # part of every key; raise it when the same bytes give different pixels


class NoClipsError(Exception):
    """A data option names nothing to work on; the text says which, and what to do."""


class PeopleChoice(Enum):
    """Who is fitted: everybody, or the person with the largest boxes, summed over the clip."""

    # Lower case, because OmegaConf reads enums by name, and the YAML has these names.
    all = "all"
    largest = "largest"


class Reader(Protocol):
    """How a clip of several frames is read: which of them, and from which files."""

    def files(self, path: Path) -> list[Path]:
        """The files that are read, in order."""
        ...

    def options(self) -> dict[str, Any]:
        """What can change the frames or when they are shown; a part of the clip's key."""
        ...

    def facts(self, path: Path) -> Facts:
        """What the files say about the frames."""
        ...

    def frames(self, path: Path) -> Iterator[Image]:
        """The frames, one in memory at a time."""
        ...


@dataclass(frozen=True)
class Clip:
    """A photo (one frame) or a video, decoded only when asked.

    Args:
        name: readable, safe as a file name, unique in the run.
        path: the file, or the folder of its frames.
        key: sha256 (hex) of the bytes and the options that decode them.
        video: how its frames are read; None for a photo.
        gender: of the person in it, if the data says so; None: fit.gender.
        fit_scale: it is fitted as if enlarged by this factor.
        stamps: of the files that the key was made from.
        alone: whether it is the only input of the run.
        intrinsics: what the user knows about its camera; None: nothing.
    """

    name: str
    path: Path
    key: str
    video: Reader | None = None
    gender: Gender | None = None
    fit_scale: float = 1.0
    stamps: tuple[Stamp, ...] = ()
    alone: bool = False
    intrinsics: Intrinsics | None = None

    def facts(self) -> Facts:
        """Size, length, frame rate and focal length, from the header.

        Raises:
            ClipError: the file cannot be read as what it should be, or has changed.
        """
        facts = self.video.facts(self.path) if self.video else photo_facts(self.path)
        self._check_unchanged()
        return facts

    def frames(self) -> Iterator[Image]:
        """Decode: RGB, upright, one frame in memory at a time.

        Raises:
            ClipError: the file cannot be read as what it should be, or has changed.
        """
        try:
            if self.video:
                yield from self.video.frames(self.path)
            else:
                yield read_photo(self.path)
        except ClipError:  # it was still being written; it may be whole in the next run
            self._check_unchanged()
            raise
        self._check_unchanged()

    def _check_unchanged(self) -> None:
        if self.stamps:
            for path, stamp in zip(_files(self.path, self.video), self.stamps, strict=True):
                check_readable(path, stamp)


@dataclass(frozen=True)
class Skipped:
    """A file that was found but not taken; `reason` is one sentence that names it.

    `lasting` is False if the reason is not in its contents; then the next run tries again.
    """

    path: Path
    reason: str
    lasting: bool = True


Found = tuple[list[Clip], list[Skipped]]
_Choice = TypeVar("_Choice", bound=Enum)


def choice(option: str, kind: type[_Choice], value: _Choice | str) -> _Choice:
    """The member that a value names; a ValueError names the option and all members."""
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(member.value for member in kind)
        raise ValueError(f"{option}: expected one of {names}, got {value!r}") from None


def at_least_one(option: str, value: int | None) -> None:
    """Raise a ValueError that names the option, if a number is given and below 1."""
    if value is not None and value < 1:
        raise ValueError(f"{option}: expected 1 or more, got {value}")


def open_files(
    files: Iterable[tuple[Path, Reader | None]], skipped: Iterable[Skipped] = ()
) -> Found:
    """Hash and name inputs, each with how its frames are read; those that cannot be read join the
    skipped ones."""
    readers, keys, stamps, skipped = dict(files), {}, {}, list(skipped)
    for path, reader in readers.items():
        try:
            parts = _files(path, reader)
            stamps[path] = tuple(map(check_readable, parts))
            keys[path] = _key(parts, reader)
            for file, stamp in zip(parts, stamps[path], strict=True):
                check_readable(file, stamp)
        except ClipError as error:
            keys.pop(path, None)
            skipped.append(Skipped(path, str(error)))
    names = _names(keys)
    clips = [
        Clip(names[path], path, key, readers[path], stamps=stamps[path])
        for path, key in keys.items()
    ]
    return clips, skipped


def _files(path: Path, reader: Reader | None) -> list[Path]:
    return reader.files(path) if reader else [path]


def _key(files: list[Path], reader: Reader | None) -> str:
    digests = []
    for path in files:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    content = digests[0] if len(digests) == 1 else digests
    options = reader.options() if reader else None
    return hashlib.sha256(json.dumps([_DECODING, content, options]).encode()).hexdigest()


def _names(keys: dict[Path, str]) -> dict[Path, str]:
    """The stem of each file, made safe; if two would be the same, with a piece of the key."""
    plain = {
        path: re.sub(r"[^\w.-]+", "_", _stem(path)).strip("._-")[:60] or "clip" for path in keys
    }
    # Folded, because on some file systems a.jpg and A.jpg would overwrite each other's results.
    wanted = Counter(name.casefold() for name in plain.values())
    names, used = {}, set()
    for path, name in plain.items():
        name = name if wanted[name.casefold()] == 1 else f"{name}-{keys[path][:6]}"
        numbered = chain([name], (f"{name}-{number}" for number in count(2)))
        names[path] = next(choice for choice in numbered if choice.casefold() not in used)
        used.add(names[path].casefold())
    return names


def _stem(path: Path) -> str:
    """A file's stem; a folder's name; cam1 for `walk/cam1_%06d.png`, walk for `walk/%06d.png`."""
    if path.is_dir():
        return path.name
    if path.exists():
        return path.stem
    return re.sub(r"%0?\d*d", "", path.stem).strip("._- ") or path.parent.name
