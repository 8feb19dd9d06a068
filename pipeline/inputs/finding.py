"""The files that a path, a folder or a pattern names, and which of them are taken."""

import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from pipeline.inputs.clips import NoClipsError, Reader, Skipped
from pipeline.inputs.kinds import PHOTO_SUFFIXES, UNREAD_SUFFIXES, VIDEO_SUFFIXES, Kind, kind_of
from pipeline.inputs.numbered import (
    Numbered,
    NumberingError,
    in_order,
    is_pattern,
    matching,
    missing,
    told,
)

_log = logging.getLogger(__name__)
_MEDIA = PHOTO_SUFFIXES | VIDEO_SUFFIXES | UNREAD_SUFFIXES
_FRAMES = re.compile(r"(frame|frm|f)?[-_ ]?\d+", re.IGNORECASE)  # names that cameras do not use
_MANY = 24  # this many pictures with such names are more likely a clip than photos

Taken = tuple[dict[Path, Reader | None], list[Skipped]]
"""Files with how their frames are read (None: a photo), and files that look like media but are not
taken."""


@dataclass(frozen=True)
class Medium:
    """What a data source takes.

    Args:
        name: for messages.
        suffixes: of its files, for messages.
        verdict: how a file of a kind is read, or why it is not taken.
    """

    name: str
    suffixes: frozenset[str]
    verdict: Callable[[Kind], Reader | str | None]


def media_of(path: str, medium: Medium) -> Taken:
    """The files of the medium that a path, folder or pattern names, in natural order.

    Raises:
        NoClipsError: there are none.
    """
    place = place_of(path)
    in_folder = place.is_dir()
    taken: dict[Path, Reader | None] = {}
    skipped = []
    for entry in _entries(path):
        # In a folder only suffixes count; a file or pattern that the user names may have none.
        if (in_folder or entry.is_dir()) and entry.suffix.lower() not in _MEDIA:
            continue
        verdict = _verdict(entry, medium)
        if isinstance(verdict, str):
            skipped.append(Skipped(entry, f"{entry}: {verdict}"))
        else:
            taken[entry] = verdict
    if not taken:
        raise NoClipsError(_nothing(path, medium, skipped))
    if in_folder and medium.name != "photo":
        _hint(place, taken)
    return taken, skipped


def frames_of(path: str, reader: Callable[[Numbered], Reader]) -> Taken:
    """The clips of numbered pictures that a folder, a pattern of folders or files, or a pattern
    such as `frames/%06d.png` names.

    Raises:
        NoClipsError: there are none, or their names give no order.
    """
    place = place_of(path)
    clips: dict[Path, Numbered] = {}
    skipped: list[Skipped] = []
    try:
        if is_pattern(path) and not place.exists():
            clips[place] = matching(path)
        else:
            for folder, pictures in _by_folder(path).items():
                clips[folder], strays = in_order(pictures)
                why = "has no number in its name, so it is not a frame of the clip"
                skipped += [Skipped(stray, f"{stray}: {why}") for stray in strays]
    except NumberingError as error:
        raise NoClipsError(f"the names of the pictures in {path} give no order: {error}") from None
    clips = {folder: pictures for folder, pictures in clips.items() if pictures}
    if not clips:
        raise NoClipsError(
            f"no numbered pictures at {path}, expected a folder of e.g. 000001.png, or a pattern "
            "such as frames/%06d.png"
        )
    for folder, pictures in clips.items():
        if gaps := missing(pictures):
            _log.warning("%s: of its frames %s, which makes gaps in time", folder, told(gaps))
    return {folder: reader(pictures) for folder, pictures in clips.items()}, skipped


def place_of(path: str) -> Path:
    """Where a path leads: `~` is a home folder unless a file has this name."""
    return Path(path if os.path.lexists(path) else os.path.expanduser(path))


def _entries(path: str) -> list[Path]:
    """The file itself, the files of a folder, or those that match a pattern; in natural order."""
    place = place_of(path)
    if not path:
        return []
    if place.is_file():
        return [place]
    if place.is_dir():
        found = [entry for entry in place.iterdir() if not entry.name.startswith(".")]
    else:
        found = list(map(Path, glob(str(place))))
    return sorted(found, key=_natural)


def _natural(path: Path) -> tuple:
    parts = re.split(r"(\d+)", path.name.casefold())
    return [int(part) if odd % 2 else part for odd, part in enumerate(parts)], str(path)


def _verdict(path: Path, medium: Medium) -> Reader | str | None:
    """How a file is read, or why it is not taken."""
    kind = kind_of(path)
    if kind is Kind.folder:
        return "a folder, expected a file: give the folder's own path"
    if kind is Kind.unread:
        named = path.suffix.lower() in UNREAD_SUFFIXES
        what = f"{path.suffix.lower()} files are" if named else "its contents (HEIC or AVIF) are"
        return f"{what} not read: convert it to JPEG"
    return medium.verdict(kind)


def _nothing(path: str, medium: Medium, skipped: list[Skipped]) -> str:
    if skipped:
        return f"found no {medium.name} to work on; {skipped[0].reason}"
    if path and place_of(path).is_dir():
        kinds = ", ".join(sorted(medium.suffixes))
        return f"found no {medium.name} in the folder {path}, expected files ending in {kinds}"
    where = path or "the empty name"
    return f"nothing is at {where}, expected a file, a folder or a pattern that matches"


def _hint(folder: Path, taken: dict[Path, Reader | None]) -> None:
    photos = [path for path, reader in taken.items() if reader is None]
    numbered = [path for path in photos if _FRAMES.fullmatch(path.stem)]
    if len(numbered) >= _MANY:
        _log.warning(
            "%s: %d numbered pictures are taken as photos; data=frames makes them one clip",
            folder,
            len(numbered),
        )


def _by_folder(path: str) -> dict[Path, list[Path]]:
    """Pictures that are frames, by folder."""
    folders: dict[Path, list[Path]] = {}
    place = place_of(path)
    for entry in [place] if place.is_dir() else _entries(path):
        inside = _entries(str(entry)) if entry.is_dir() else [entry]
        pictures = [picture for picture in inside if picture.suffix.lower() in PHOTO_SUFFIXES]
        folders.setdefault(entry if entry.is_dir() else entry.parent, []).extend(pictures)
    return {folder: pictures for folder, pictures in folders.items() if pictures}
