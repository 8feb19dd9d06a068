"""What the user gives, as clips: photos, videos (LSP: pipeline/datasets/lsp.py)."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import Enum
from glob import glob
from itertools import chain, count
from pathlib import Path
from typing import TypeVar

from detectors.base import Image
from fitting.fit_config import Gender
from pipeline.inputs.images import ClipError, Facts, Stamp, check_readable, photo_facts, read_photo
from pipeline.inputs.videos import VideoReader

PHOTO_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"))
VIDEO_SUFFIXES = frozenset(
    (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")
)
UNREAD_SUFFIXES = frozenset(
    (".heic", ".heif", ".avif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".psd", ".svg")
)

_DECODING = 1  # part of every key: raise it when the same bytes give different pixels


class NoClipsError(Exception):
    """The data option names nothing to work on; its text says what and what to do."""


class PeopleChoice(Enum):
    """Who is fitted: everybody found, or who has the largest boxes, summed over the clip."""

    # Lower case because OmegaConf reads enums by name, and these are what the YAML says.
    all = "all"
    largest = "largest"


@dataclass(frozen=True)
class Clip:
    """A photo (one frame) or a video, decoded only when asked.

    Args:
        name: readable, safe as a file name, unique in the run.
        path: the file.
        key: sha256 (hex) of its bytes and the options it is decoded with.
        video: which frames are read; None for a photo.
        gender: of the person in it, where the data says so; else fit.gender.
        fit_scale: it is fitted as if it had been enlarged so many times.
        stamp: of the file that the key is of; None where none is looked at.
        alone: it is the only input of the run.
    """

    name: str
    path: Path
    key: str
    video: VideoReader | None = None
    gender: Gender | None = None
    fit_scale: float = 1.0
    stamp: Stamp | None = None
    alone: bool = False

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
        except ClipError:  # being written when it was read, it may be whole in the next run
            self._check_unchanged()
            raise
        self._check_unchanged()

    def _check_unchanged(self) -> None:
        if self.stamp:
            check_readable(self.path, self.stamp)


@dataclass(frozen=True)
class Skipped:
    """A file that was found and not taken; `reason` is one sentence that names it.

    `lasting` is False where the reason is not in its contents, so that it is tried again.
    """

    path: Path
    reason: str
    lasting: bool = True


Found = tuple[list[Clip], list[Skipped]]
_Choice = TypeVar("_Choice", bound=Enum)


@dataclass
class Photos:
    """Photos on disk: `path` is a file, a folder or a glob pattern."""

    path: str
    people: PeopleChoice = PeopleChoice.all

    def __post_init__(self) -> None:
        self.people = choice("data.people", PeopleChoice, self.people)

    def clips(self) -> Found:
        """The photos in natural order (2 before 10), and what was passed over.

        Raises:
            NoClipsError: nothing is there.
        """
        return open_files(*_select(self.path, "photo"), video=None)


@dataclass
class Video:
    """Videos on disk: `path` is a file, a folder or a glob pattern."""

    path: str
    stride: int = 1
    max_frames: int | None = None
    people: PeopleChoice = PeopleChoice.all

    def __post_init__(self) -> None:
        self.people = choice("data.people", PeopleChoice, self.people)
        at_least_one("data.stride", self.stride)
        at_least_one("data.max_frames", self.max_frames)

    def clips(self) -> Found:
        """The videos in natural order, and what was passed over.

        Raises:
            NoClipsError: nothing is there.
        """
        return open_files(*_select(self.path, "video"), VideoReader(self.stride, self.max_frames))


def choice(option: str, kind: type[_Choice], value: _Choice | str) -> _Choice:
    """The member that a value names; ValueError names the option and all members."""
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(member.value for member in kind)
        raise ValueError(f"{option}: expected one of {names}, got {value!r}") from None


def at_least_one(option: str, value: int | None) -> None:
    """Raise ValueError, naming the option, where a number is given and below 1."""
    if value is not None and value < 1:
        raise ValueError(f"{option}: expected 1 or more, got {value}")


def _select(pattern: str, medium: str) -> tuple[list[Path], list[Skipped]]:
    """Files of the medium that a path, folder or glob names; what else there looks like media."""
    path = Path(pattern).expanduser()
    if path.is_file():
        found = [path]
    elif path.is_dir():
        found = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    else:
        found = list(map(Path, glob(str(path))))
    found.sort(key=_natural)
    skipped = [Skipped(entry, why) for entry in found if (why := _not(medium, entry))]
    refused = {skip.path for skip in skipped}
    # In a folder only the suffix tells; who names a file or a pattern may have left it off.
    suffixes = PHOTO_SUFFIXES if medium == "photo" else VIDEO_SUFFIXES
    taken = [
        entry for entry in found
        if entry not in refused and (not path.is_dir() or entry.suffix.lower() in suffixes)
    ]  # fmt: skip
    if not taken:
        raise NoClipsError(_nothing(path, medium, suffixes, skipped))
    return taken, skipped


def _not(medium: str, path: Path) -> str | None:
    """Why a file that looks like media is not of this medium, None where it may be."""
    suffix = path.suffix.lower()
    if path.is_dir():
        known = PHOTO_SUFFIXES | VIDEO_SUFFIXES
        return f"{path}: a folder, expected a file: name it itself" if suffix in known else None
    if suffix in UNREAD_SUFFIXES:
        return f"{path}: {suffix} files are not read: convert it to JPEG"
    if medium == "photo" and suffix in VIDEO_SUFFIXES:
        return f"{path}: is a video: use data=video"
    if medium == "video" and suffix in PHOTO_SUFFIXES:
        return f"{path}: is a photo: use data=photos"
    return None


def _nothing(path: Path, medium: str, suffixes: frozenset[str], skipped: list[Skipped]) -> str:
    if skipped:
        return f"data.path: no {medium} to work on; {skipped[0].reason}"
    if path.is_dir():
        kinds = ", ".join(sorted(suffixes))
        return f"data.path: no {medium} in the folder {path}, expected files ending in {kinds}"
    return f"data.path: nothing is at {path}, expected a file, a folder or a pattern that matches"


def _natural(path: Path) -> tuple:
    parts = re.split(r"(\d+)", path.name.casefold())
    return [int(part) if odd % 2 else part for odd, part in enumerate(parts)], str(path)


def open_files(paths: list[Path], skipped: list[Skipped], video: VideoReader | None) -> Found:
    """Hash and name each file; one that cannot be read is passed over with the others."""
    keys, stamps, skipped = {}, {}, list(skipped)
    for path in paths:
        try:
            stamps[path] = check_readable(path)
            keys[path] = _key(path, video)
            check_readable(path, stamps[path])
        except ClipError as error:
            keys.pop(path, None)
            skipped.append(Skipped(path, str(error)))
    names = _names(keys)
    clips = [Clip(names[path], path, key, video, stamp=stamps[path]) for path, key in keys.items()]
    return clips, skipped


def _key(path: Path, video: VideoReader | None) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    options = asdict(video) if video else None
    return hashlib.sha256(json.dumps([_DECODING, digest, options]).encode()).hexdigest()


def _names(keys: dict[Path, str]) -> dict[Path, str]:
    """The stem of each file made safe; where two would be the same, with a piece of the key."""
    plain = {path: re.sub(r"[^\w.-]+", "_", path.stem).strip("._-")[:60] or "clip" for path in keys}
    # Folded, because a.jpg and A.jpg would overwrite each other's results on some file systems.
    wanted = Counter(name.casefold() for name in plain.values())
    names, used = {}, set()
    for path, name in plain.items():
        name = name if wanted[name.casefold()] == 1 else f"{name}-{keys[path][:6]}"
        numbered = chain([name], (f"{name}-{number}" for number in count(2)))
        names[path] = next(choice for choice in numbered if choice.casefold() not in used)
        used.add(names[path].casefold())
    return names
