"""What `data` can be on disk: photos, videos, numbered frames, or files of any kind.

`path` is a file, a folder, a pattern, or a list of these. If a file has exactly this name, it is
meant, whatever characters the name has.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.inputs.animations import AnimationReader
from pipeline.inputs.clips import (
    Clip,
    Found,
    NoClipsError,
    PeopleChoice,
    Reader,
    Skipped,
    at_least_one,
    choice,
    open_files,
)
from pipeline.inputs.finding import Medium, Taken, frames_of, media_of, place_of
from pipeline.inputs.intrinsics import CameraOptions
from pipeline.inputs.kinds import ANIMATION_SUFFIXES, PHOTO_SUFFIXES, VIDEO_SUFFIXES, Kind
from pipeline.inputs.numbered import FrameReader, Numbered, is_pattern
from pipeline.inputs.videos import MAX_FPS, VideoReader


@dataclass
class OnDisk:
    """Files by their paths.

    Args:
        path: a file, a folder, a pattern, or a list of these.
        people: who is fitted.
        focal_length, center, intrinsics: what is known about the camera (CameraOptions).
    """

    path: Any
    people: PeopleChoice = PeopleChoice.all
    focal_length: Any = None
    center: Any = None
    intrinsics: str | None = None

    def __post_init__(self) -> None:
        self._camera = CameraOptions(self.focal_length, self.center, self.intrinsics)
        self.people = choice("data.people", PeopleChoice, self.people)
        given = self.path if isinstance(self.path, list) else [self.path]
        if not given or not all(isinstance(path, str | int | float) for path in given):
            raise ValueError(f"data.path: expected a path or a list of paths, got {self.path!r}")
        self.path = [str(path) for path in given] if isinstance(self.path, list) else str(self.path)

    def _found(self, medium: str, take: Callable[[str], Taken]) -> Found:
        """The clips of every path, in the order of the paths.

        Args:
            medium: what to look for, for messages.
            take: returns the files that a path names.
        """
        paths = self.path if isinstance(self.path, list) else [self.path]
        files: dict[Path, Reader | None] = {}
        skipped: list[Skipped] = []
        for path in paths:
            try:
                taken, refused = take(path)
            except NoClipsError as error:
                if len(paths) == 1:
                    raise NoClipsError(f"data.path: {error}") from None
                taken, refused = {}, [Skipped(Path(path), str(error))]
            files |= {path: reader for path, reader in taken.items() if path not in files}
            skipped += refused
        if not files:
            raise NoClipsError(f"data.path: found no {medium} to work on; {skipped[0].reason}")
        return self._with_cameras(*open_files(files.items(), skipped))

    def _with_cameras(self, clips: list[Clip], skipped: list[Skipped]) -> Found:
        """The clips with what is known about their cameras; those with an unusable file are
        skipped."""
        known: list[Clip] = []
        for clip in clips:
            try:
                known.append(replace(clip, intrinsics=self._camera.of(clip.path)))
            except ValueError as error:
                skipped.append(Skipped(clip.path, f"{clip.path}: {error}", lasting=False))
        return known, skipped


@dataclass
class Moving(OnDisk):
    """Inputs that have several frames.

    Args:
        stride: every `stride`-th frame is read.
        max_frames: how many of them at most; None: all.
        fps: frames per second of the source, if the files do not say or are wrong.
    """

    stride: int = 1
    max_frames: int | None = None
    fps: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least_one("data.stride", self.stride)
        at_least_one("data.max_frames", self.max_frames)
        if self.fps is not None and not 0 < self.fps <= MAX_FPS:
            raise ValueError(f"data.fps: expected more than 0, up to {MAX_FPS}, got {self.fps}")

    def _reader(self, kind: Kind) -> Reader:
        reader = AnimationReader if kind is Kind.animation else VideoReader
        return reader(self.stride, self.max_frames, self.fps)

    def _frames(self, pictures: Numbered) -> Reader:
        return FrameReader(pictures, self.fps, self.stride, self.max_frames)


@dataclass
class Photos(OnDisk):
    """Photos only; an animation counts as its first picture."""

    def clips(self) -> Found:
        """The photos in natural order (2 before 10), and the files that were skipped.

        Raises:
            NoClipsError: nothing is there.
        """

        def verdict(kind: Kind) -> Reader | str | None:
            return "is a video: use data=video" if kind is Kind.video else None

        medium = Medium("photo", PHOTO_SUFFIXES, verdict)
        return self._found(medium.name, partial(media_of, medium=medium))


@dataclass
class Video(Moving):
    """Videos and animations only."""

    def clips(self) -> Found:
        """The videos in natural order, and the files that were skipped.

        Raises:
            NoClipsError: nothing is there.
        """

        def verdict(kind: Kind) -> Reader | str | None:
            return "is a photo: use data=photos" if kind is Kind.photo else self._reader(kind)

        medium = Medium("video", VIDEO_SUFFIXES | ANIMATION_SUFFIXES, verdict)
        return self._found(medium.name, partial(media_of, medium=medium))


@dataclass
class Frames(Moving):
    """Folders of numbered pictures, each a clip; or patterns such as `frames/%06d.png`."""

    def clips(self) -> Found:
        """A clip for each folder or pattern, and the files that were skipped.

        Raises:
            NoClipsError: nothing is there.
        """
        return self._found("numbered pictures", partial(frames_of, reader=self._frames))


@dataclass
class Files(Moving):
    """Photos, videos and animations in one run; a pattern such as `frames/%06d.png` is a clip."""

    def clips(self) -> Found:
        """The inputs in the order given, those of a folder or pattern in natural order (2 before
        10), and the files that were skipped.

        Raises:
            NoClipsError: nothing is there.
        """

        def verdict(kind: Kind) -> Reader | str | None:
            if kind is Kind.other:
                return "is neither a picture nor a video, expected e.g. a JPEG or an mp4"
            return None if kind is Kind.photo else self._reader(kind)

        medium = Medium("photo or video", PHOTO_SUFFIXES | VIDEO_SUFFIXES, verdict)

        def take(path: str) -> Taken:
            if is_pattern(path) and not place_of(path).exists():
                return frames_of(path, self._frames)
            return media_of(path, medium)

        return self._found(medium.name, take)
