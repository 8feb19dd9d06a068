"""Which entries of a file belong to an image or clip: by name, by number, or as the only one."""

import logging
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from detectors.base import UnknownClipError

_log = logging.getLogger(__name__)
# What tools put before and after the name of the image.
_BEFORE = re.compile(r"^(?:results|predictions|keypoints|openpose)[_-]")
_AFTER = re.compile(
    r"[_-](?:keypoints?|kpts|poses?|pose2d|2d|openpose|results|predictions|landmarks|joints)$"
)
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
# A frame's number has at least three digits: `walk_2` is another video, not a frame of `walk`.
_FRAME = re.compile(r"(.*)[ _-](\d{3,18})")
_FEW = 500  # how many names are searched for the most similar one


@dataclass(frozen=True)
class Asked:
    """Whose keypoints are wanted.

    Args:
        name: of the image or video file, of a folder of frames, or of its pattern.
        frames: how many the run reads; 1 for a photo.
        stride: the run reads every `stride`-th frame, and files count all of them.
        first: the number of its first frame in files; None: what the file says or suggests.
        alone: whether it is the only input of the run.
    """

    name: str
    frames: int = 1
    stride: int = 1
    first: int | None = None
    alone: bool = False

    @property
    def stem(self) -> str:
        """The name without its suffix, and without the number that a pattern has."""
        return re.sub(r"[ _.-]*%0?\d*d", "", Path(self.name).stem)


@dataclass(frozen=True)
class Names:
    """The names of a file's entries; messages say that they are from `file`."""

    names: tuple[str, ...]
    file: Path

    def called(self, asked: Asked) -> str | None:
        """The entry that has the name of the image or clip, with whatever tools add to it.

        Raises:
            ValueError: two entries have it.
        """
        if asked.name in self._exact:
            return asked.name
        stem = asked.stem
        return self._only(asked, self._by_stem.get(stem), self._by_plain.get(stem.casefold()))

    def alike(self, asked: Asked) -> str | None:
        """The entry whose name only differs in the zeros before its number; for a photo, the entry
        with its number; or the only entry, if the image or clip is the only input too.

        Raises:
            ValueError: two do.
        """
        number = last_number(asked.stem) if asked.frames == 1 else None
        unpadded = self._by_unpadded.get(_unpadded(asked.stem))
        found = self._only(asked, unpadded, self._by_number.get(number))
        if found is None and asked.alone and len(self.names) == 1:
            (found,) = self.names
            _log.warning("%s: its only entry is used for the only input, %s", self.file, asked.name)
        return found

    def frames_called(self, asked: Asked) -> dict[int, str]:
        """The entries named after the clip and a number, by that number. OpenPose writes
        `clip_000000000012_keypoints.json`."""
        return self._by_clip.get(asked.stem.casefold(), {})

    def frames_alone(self, asked: Asked) -> dict[int, str]:
        """All entries by number, if the clip is the run's only input and their names differ in the
        last number alone."""
        if not asked.alone or asked.frames == 1:
            return {}
        shortest = {name: min(_plain(name), key=len) for name in self.names}
        rests = {re.sub(r"\d+$", "", short) for short in shortest.values()}
        numbers = {last_number(short): name for name, short in shortest.items()}
        if len(rests) != 1 or len(numbers) != len(self.names):
            return {}
        return {number: name for number, name in numbers.items() if number is not None}

    def _only(self, asked: Asked, *groups: list[str] | None) -> str | None:
        """The one name of the first group that has any."""
        found = next((group for group in groups if group), [])
        if len(found) > 1:
            first, second = found[:2]
            raise ValueError(
                f"{self.file}: expected one entry for {asked.name}, got two: {first} and {second}"
            )
        return found[0] if found else None

    def unknown(self, asked: Asked) -> UnknownClipError:
        """The error for an image without an entry, with the most similar name."""
        near = get_close_matches(asked.name, self.names[:_FEW], n=1, cutoff=0.0)
        example = f", e.g. {near[0]}" if near else ""
        return UnknownClipError(
            f"{self.file.name} has no image of that name; it has {len(self.names)}{example}"
        )

    @cached_property
    def _exact(self) -> frozenset[str]:
        return frozenset(self.names)

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        return _grouped((Path(name).stem, name) for name in self.names)

    @cached_property
    def _by_plain(self) -> dict[str, list[str]]:
        return _grouped((plain, name) for name in self.names for plain in _plain(name))

    @cached_property
    def _by_unpadded(self) -> dict[str, list[str]]:
        pairs = ((_unpadded(plain), n) for plain, some in self._by_plain.items() for n in some)
        return _grouped(dict.fromkeys(pairs))

    @cached_property
    def _by_number(self) -> dict[int | None, list[str]]:
        """The entry with this number among those whose name is a number and nothing else."""
        numbers = ((last_number(plain), plain) for plain in self._by_unpadded if plain.isdecimal())
        return {n: self._by_unpadded[plain] for n, plain in numbers if n is not None}

    @cached_property
    def _by_clip(self) -> dict[str, dict[int, str]]:
        """Entries that are named after a clip and a frame number."""
        clips: dict[str, dict[int, str]] = defaultdict(dict)
        for plain, (name, *_) in self._by_plain.items():
            if matched := _FRAME.fullmatch(plain):
                clips[matched[1]][int(matched[2])] = name
        return clips


def number_of(image: str, file: Path, pattern: str = r"(?:im)?(\d+)") -> int:
    """The number in the name of an image file.

    Raises:
        UnknownClipError: it has none.
    """
    matched = re.fullmatch(pattern, Path(image).stem)
    if matched is None:
        raise UnknownClipError(
            f"{file.name} counts its images, and this name has no number: expected e.g. im0001.jpg"
        )
    return int(matched[1])


def last_number(text: str) -> int | None:
    """The number that a name ends with; None if it has more than 18 digits."""
    matched = re.search(r"(?<!\d)(\d{1,18})$", text)
    return int(matched[1]) if matched else None


def aligned(numbers: Collection[int], asked: Asked, first: int | None) -> dict[int, int]:
    """Frame of the run -> number of the entry about it, where there is one.

    Args:
        numbers: of the entries.
        asked: the clip.
        first: the number of the clip's first frame, unless `asked` has one. If it is None, the
            entries tell: if there are as many as frames, they follow each other; otherwise it is
            the first of 0, 1 and the least number that puts all entries inside the clip.
    """
    known = set(numbers)
    if not known:
        return {}
    if asked.first is not None and asked.frames > 1:
        first = asked.first
    low, high = min(known), max(known)
    if first is None:
        if asked.stride == 1 and len(known) == asked.frames:
            return dict(enumerate(sorted(known)))
        length = asked.frames * asked.stride
        first = next((s for s in (0, 1, low) if s <= low and high - s < length), min(1, low))
    at = {frame: first + frame * asked.stride for frame in range(asked.frames)}
    return {frame: number for frame, number in at.items() if number in known}


def _grouped(pairs: Iterable[tuple]) -> dict:
    groups = defaultdict(list)
    for key, name in pairs:
        groups[key].append(name)
    return groups


def _plain(name: str) -> set[str]:
    """The names that an image or clip may have if its keypoints have this name, folded."""
    stem = Path(name).stem.casefold()
    if "_" not in stem and "-" not in stem:
        return {stem}
    cut = _AFTER.sub("", stem)
    return {stem, cut, _BEFORE.sub("", stem), _BEFORE.sub("", cut)}


def _unpadded(text: str) -> str:
    """The same, folded, without zeros before numbers."""
    return _ZEROS.sub("", text.casefold())
