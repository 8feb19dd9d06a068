"""What top-down detectors share: boxes of people first, then the joints of each crop."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from jaxtyping import Float32

from detectors.base import Detections, Image, People, Resources
from detectors.keypoint_files.names import Asked
from detectors.mmcv_ops import nms
from detectors.person_boxes import Boxes, BoxesOf, read_boxes

_PERSON_BOXES = ("detector", "whole_image")
_FRAMES_AT_ONCE = 8  # for the person finder, which holds whole frames and not crops
_Item = TypeVar("_Item")

Found = tuple[Float32[np.ndarray, "_K 2"], Float32[np.ndarray, " _K"]]
"""The joints of a person, px of the picture, and their scores."""

Candidates = tuple[Float32[np.ndarray, "_N 4"], Float32[np.ndarray, " _N"]]
"""Boxes that may be people, px of the picture, and their scores; they may overlap."""


class Networks(Protocol):
    """The networks of a detector, loaded. Their pictures are BGR, as OpenCV has them."""

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The joints of the pose model, in our spelling."""
        ...

    def people(self, pictures: list[Image]) -> list[Candidates]:
        """Who may be in each picture; only called if the boxes come from the detector."""
        ...

    def crop(self, picture: Image, box: Float32[np.ndarray, "4"]) -> Any:
        """What the pose model needs of one person."""
        ...

    def joints(self, crops: list[Any]) -> list[Found]:
        """The joints of several people, in one forward pass."""
        ...


@dataclass(kw_only=True)
class TopDown(ABC):
    """Finds boxes of people, then the joints in each.

    Args:
        person_boxes: `detector`; `whole_image` if every picture shows one cropped person; or a
            JSON file of boxes (detectors.person_boxes).
        box_score: least score of a person's box, 0..1.
        nms_iou: a box that overlaps a better one by more than this is dropped, 0..1.
        max_people: most people per picture; those with the best boxes stay.
        stride: of the video; a file of boxes counts all frames, and a run reads every `stride`-th.
        alone: whether the image is the run's only input; then a file with the boxes of one image
            is about this one, whatever its name. The run sets it.
    """

    person_boxes: str = "detector"
    box_score: float = 0.3
    nms_iou: float = 0.5
    max_people: int = 20
    stride: int = 1
    alone: bool = False

    def __post_init__(self) -> None:
        self._networks: Networks | None = None
        self._known: BoxesOf | None = None
        owner = type(self).__name__
        if not self._from_file and self.person_boxes not in _PERSON_BOXES:
            raise ValueError(
                f"{owner}.person_boxes: expected one of {', '.join(_PERSON_BOXES)} or a "
                f".json file, got {self.person_boxes}"
            )
        for name in ("box_score", "nms_iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{owner}.{name}: expected 0..1, got {getattr(self, name)}")
        for name in ("max_people", "stride"):
            if getattr(self, name) < 1:
                raise ValueError(f"{owner}.{name}: expected >= 1, got {getattr(self, name)}")

    @abstractmethod
    def _load(self, resources: Resources) -> Networks: ...

    @property
    def _from_file(self) -> bool:
        return self.person_boxes.endswith(".json")

    @property
    def _finds_people(self) -> bool:
        return self.person_boxes == "detector"

    def files(self) -> dict[str, Path]:
        """The file of boxes, if there is one."""
        if not self._from_file:
            return {}
        return {"person_boxes": Path(os.path.expanduser(self.person_boxes))}

    def when_alone(self) -> Self | None:
        """The same detector; it takes a file with the boxes of one image to be about the run's
        only one."""
        return replace(self, alone=True) if self._from_file else None

    def together(self) -> bool:
        """Photos share a forward pass, unless a file has boxes for each by its name."""
        return not self._from_file

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        """Find the people of each frame, the best box first.

        Raises:
            UnknownClipError: the file of boxes has none for this clip.
        """
        known = self._boxes_of(clip_name)  # a wrong file is reported before networks load
        self._networks = networks = self._networks or self._load(resources)
        boxes: list[Boxes] = []
        crops = self._crops(networks, frames, known, boxes)
        batches = _batches(crops, resources.batch_size)
        found = [one for batch in batches for one in networks.joints(batch)]
        return _as_detections(boxes, found, networks.joint_names)

    def _boxes_of(self, clip_name: str) -> dict[int, Boxes] | None:
        """A clip's boxes in the file, by frame of the run."""
        if not self._from_file:
            return None
        if self._known is None:
            self._known = read_boxes(TopDown.files(self)["person_boxes"], self.box_score)
        boxes = self._known(Asked(clip_name, alone=self.alone))
        return {at // self.stride: kept for at, kept in boxes.items() if at % self.stride == 0}

    def _crops(
        self,
        networks: Networks,
        frames: Iterable[Image],
        known: dict[int, Boxes] | None,
        boxes: list[Boxes],
    ) -> Iterator[Any]:
        """The pose model's input of every person; appends each frame's boxes to `boxes`."""
        for some in _batches(iter(frames), _FRAMES_AT_ONCE if self._finds_people else 1):
            bgr = [np.ascontiguousarray(frame[..., ::-1]) for frame in some]
            if known is not None:
                found = [known.get(len(boxes), np.zeros((0, 4), np.float32))[: self.max_people]]
            elif self._finds_people:
                found = [self._chosen(*candidates) for candidates in networks.people(bgr)]
            else:
                found = [_whole(some[0])]
            boxes += found
            for picture, people in zip(bgr, found, strict=True):
                for box in people:
                    yield networks.crop(picture, box)

    def _chosen(
        self, boxes: Float32[np.ndarray, "N 4"], scores: Float32[np.ndarray, " N"]
    ) -> Boxes:
        import torch

        sizes = boxes[:, 2:] - boxes[:, :2]
        good = (scores > self.box_score) & (sizes >= 1).all(axis=1)  # there is no crop of less
        boxes, scores = boxes[good], scores[good]
        kept = nms(torch.from_numpy(boxes), torch.from_numpy(scores), self.nms_iou, 0)
        return boxes[kept[: self.max_people].to(torch.long).numpy()].astype(np.float32)


def _batches(items: Iterator[_Item], size: int) -> Iterator[list[_Item]]:
    while batch := list(islice(items, size)):
        yield batch


def _whole(frame: Image) -> Boxes:
    return np.array([[0, 0, frame.shape[1] - 1, frame.shape[0] - 1]], np.float32)


def _as_detections(boxes: list[Boxes], found: list[Found], names: tuple[str, ...]) -> Detections:
    """Give each frame the people whose boxes come from it, out of the flat list."""
    keypoints = np.array([points for points, _ in found], np.float32).reshape(-1, len(names), 2)
    # SimCC's scores may be slightly above 1.
    scores = np.array([scores for _, scores in found], np.float32).clip(0, 1)
    ends = np.cumsum([len(b) for b in boxes])[:-1]
    per_frame = zip(
        boxes,
        np.split(keypoints, ends),
        np.split(scores.reshape(-1, len(names)), ends),
        strict=True,
    )
    return Detections.from_frames([People(*arrays) for arrays in per_frame], names)
