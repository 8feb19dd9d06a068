"""Keypoints that were found or annotated earlier, read from files in place of a detector."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from detectors.base import Detections, Image, Resources
from detectors.keypoint_formats import FORMATS, opened
from detectors.keypoint_rows import Find, nobody
from detectors.skeletons import SKELETONS


@dataclass
class KeypointFile:
    """Gives each image the people that a file, or a folder of files, has for it.

    docs/keypoint_files.md shows every format and how it names its images.

    Args:
        path: LSP's joints.mat, SMPLify's est_joints.npz, our own npz, COCO's annotations or
            results, mmpose's JSON; or a folder with a JSON of OpenPose or mmpose per image.
        format: one of FORMATS, or `auto`: what the content looks like.
        skeleton: one of detectors.skeletons.SKELETONS, for formats that do not say which; or
            `auto`: by the number of joints.
        stride: of the video: files count all its frames, a run reads every `stride`-th.
        confidence_sigma: pairs of a confidence and the error to expect with it, in torso lengths
            (tools/calibrate_confidence.py). The detector does not read it: fits do.
    """

    path: str
    format: str = "auto"
    skeleton: str = "auto"
    stride: int = 1
    confidence_sigma: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._find: Find | None = None
        for option, known in (("format", FORMATS), ("skeleton", SKELETONS)):
            value = getattr(self, option)
            if value not in ("auto", *known):
                choices = ", ".join(("auto", *known))
                raise ValueError(f"KeypointFile.{option}: expected one of {choices}, got {value}")
        if self.stride < 1:
            raise ValueError(f"KeypointFile.stride: expected 1 or more, got {self.stride}")

    def files(self) -> dict[str, Path]:
        """The file or folder itself."""
        return {"path": Path(self.path).expanduser()}

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        """The people of the image or video called `clip_name`.

        Raises:
            UnknownClipError: there is nothing about it.
            FileNotFoundError, ValueError: the file is none of the formats, or damaged.
        """
        if self._find is None:
            self._find = opened(self.files()["path"], self.format, self.skeleton)
        seen = self._find(clip_name)
        empty = nobody(len(seen.joint_names))
        people = [seen.frames.get(i * self.stride, empty) for i, _ in enumerate(frames)]
        return Detections.from_frames(people, seen.joint_names)
