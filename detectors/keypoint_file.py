"""Keypoints that were found or annotated earlier, read from files in place of a detector."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from detectors.base import Detections, DetectorError, Image, Resources, UnknownClipError
from detectors.keypoint_files.finding import Find
from detectors.keypoint_files.formats import FORMATS, opened
from detectors.keypoint_files.names import Asked
from detectors.keypoint_files.rows import nobody
from detectors.keypoint_files.units import UNITS, Units
from detectors.skeletons import SKELETONS


@dataclass
class KeypointFile:
    """Gives each image the people that a file, or a folder of files, has for it.

    docs/keypoint_files.md shows every format and how it names its images.

    Args:
        path: LSP's joints.mat, SMPLify's est_joints.npz, our own npz, COCO's annotations or
            results, JSON of OpenPose, mmpose or mediapipe, an array; or a folder with such a JSON
            or array per image, video, or frame of a video.
        format: one of FORMATS, or `auto`: told by the content.
        skeleton: one of detectors.skeletons.SKELETONS, for formats that do not say which; or
            `auto`: told by the number of joints.
        units: what the numbers are, one of UNITS; or `auto`: fractions of the image if all are
            within a few pixels, otherwise pixels.
        scale: a number, or [x, y], that turns keypoints in pixels into px of the image; null: told
            by the image size in the file, else 1.
        first_frame: the number of a video's first frame in the file; null: told by the file.
        stride: of the video; files count all its frames, and a run reads every `stride`-th.
        alone: whether the image is the run's only input; then a file about one image is about
            this one, whatever its name. The run sets it.
    """

    path: str
    format: str = "auto"
    skeleton: str = "auto"
    units: str = "auto"
    scale: Any = None
    first_frame: int | None = None
    stride: int = 1
    alone: bool = False

    def __post_init__(self) -> None:
        self._find: Find | None = None
        for option, known in (("format", FORMATS), ("skeleton", SKELETONS), ("units", UNITS)):
            value = getattr(self, option)
            if value not in ("auto", *known):
                choices = ", ".join(("auto", *known))
                raise ValueError(f"KeypointFile.{option}: expected one of {choices}, got {value}")
        if self.stride < 1:
            raise ValueError(f"KeypointFile.stride: expected 1 or more, got {self.stride}")
        if self.first_frame is not None and self.first_frame < 0:
            raise ValueError(
                f"KeypointFile.first_frame: expected 0 or more, got {self.first_frame}"
            )
        try:
            self._units = Units(self.units, self.scale)
        except ValueError as error:
            raise ValueError(f"KeypointFile.{error}") from None

    def files(self) -> dict[str, Path]:
        """The file or folder itself."""
        return {"path": Path(os.path.expanduser(self.path))}

    def when_alone(self) -> "KeypointFile":
        """The same detector; it takes a file about one image to be about the run's only one."""
        return replace(self, alone=True)

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        """The people of the image or video called `clip_name`.

        Raises:
            UnknownClipError: the file has nothing about it, or only for an image of another size;
                or its own file in a folder is damaged.
            FileNotFoundError, ValueError: the file has none of the formats, or is damaged.

        """
        path = self.files()["path"]
        if self._find is None:
            self._find = opened(path, self.format, self.skeleton)
        sizes = [(frame.shape[1], frame.shape[0]) for frame in frames]
        try:
            return self._found(self._find, sizes, clip_name)
        except UnknownClipError:
            raise
        except ValueError as error:
            kind = UnknownClipError if path.is_dir() else DetectorError
            raise kind(str(error)) from error

    def _found(self, find: Find, sizes: list[tuple[int, int]], clip_name: str) -> Detections:
        """What is known of a clip.

        Args:
            sizes: width, height of each frame, px.
        """
        seen = find(Asked(clip_name, max(1, len(sizes)), self.stride, self.first_frame, self.alone))
        if sizes:
            seen = self._units.in_pixels(seen, sizes[0], clip_name)
        empty = nobody(len(seen.joint_names))
        people = [seen.frames.get(at, empty) for at in range(len(sizes))]
        return Detections.from_frames(people, seen.joint_names)
