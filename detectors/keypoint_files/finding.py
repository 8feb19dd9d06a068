"""Finds the people of an image or a clip among the entries of a keypoint file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from detectors.base import UnknownClipError
from detectors.keypoint_files.names import Asked, Names, aligned
from detectors.keypoint_files.rows import Seen
from detectors.skeletons import COCO_17

Find = Callable[[Asked], Seen]
"""Finds the people of an image or clip, by frame of the run; may raise UnknownClipError."""


def finder(
    names: Names,
    read: Callable[[str], Seen],
    unknown: Callable[[Asked], UnknownClipError] | None = None,
    first_of: Callable[[str], int | None] = lambda _: None,
) -> Find:
    """A Find over entries that have names.

    Args:
        names: of the entries, each of which is about an image, a clip, or a frame of a clip.
        read: returns the content of an entry.
        unknown: makes the error if no entry belongs to what was asked for.
        first_of: returns the number of the first frame, if the name of an entry tells it.
    """

    def find(asked: Asked) -> Seen:
        name = names.called(asked)
        numbered = {} if name else names.frames_called(asked)
        if not (name or numbered):
            name = names.alike(asked)
        if name:
            return in_run(read(name), asked)
        numbered = numbered or names.frames_alone(asked)
        if not numbered:
            raise (unknown or names.unknown)(asked)
        frames = aligned(numbered, asked, first_of(next(iter(numbered.values()))))
        return _joined({at: read(numbered[number]) for at, number in frames.items()}, names.file)

    return find


def in_run(seen: Seen, asked: Asked) -> Seen:
    """The same people by frame of the run, instead of the numbers in the file."""
    people, first = seen.frames, seen.first
    if asked.frames > 1 and seen.in_order is not None:
        people, first = seen.in_order, None
    frames = {at: people[number] for at, number in aligned(people, asked, first).items()}
    return replace(seen, frames=frames, in_order=None, first=0)


def _joined(frames: dict[int, Seen], file: Path) -> Seen:
    """Entries about single frames as one clip; frames with nobody may have any joints.

    Raises:
        ValueError: people have different joints in different frames.
    """
    some = [seen for seen in frames.values() if seen.frames]
    names = {seen.joint_names for seen in some}
    if len(names) > 1:
        counts = " and ".join(sorted(str(len(n)) for n in names))
        raise ValueError(f"{file}: expected as many joints in every frame, got {counts}")
    if not some:
        return next(iter(frames.values()), Seen(COCO_17, {}))
    return replace(
        some[0], frames={at: next(iter(s.frames.values())) for at, s in frames.items() if s.frames}
    )
