"""Any top-down model of mmpose: boxes of people first, then the joints of each crop."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from detectors import mmcv_ops
from detectors.base import Detections, Image, People, Resources
from detectors.checkpoints import published_url
from detectors.downloads import fetch_all
from detectors.keypoint_files.names import Asked
from detectors.mmpose_models import (
    Prepare,
    Source,
    infer,
    load_person,
    load_pose,
    torch_threads,
    without_chatter,
)
from detectors.person_boxes import Boxes, BoxesOf, read_boxes
from detectors.skeletons import names_from_mmpose

_PERSON_BOXES = ("detector", "whole_image")
_FRAMES_AT_ONCE = 8  # for the person detector, which holds whole frames and not crops
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class _Loaded:
    """The networks; `person` is None if the boxes come from elsewhere."""

    pose: Any
    prepare_person: Prepare
    person: Any
    prepare_frame: Prepare | None


@dataclass
class MMPoseTopDown:
    """Finds people with an mmdet model and their joints with a top-down mmpose model.

    Joints have the names in the model's own dataset_meta, so a new skeleton needs no code.

    Args:
        config: of the pose model: a file, or a path below mmpose's own configs.
        checkpoint: its weights; null for those published with the config, downloaded once.
        flip_test: run every person mirrored too and take the mean, in twice the time. null: as the
            config says (mmpose's configs say yes).
        person_boxes: `detector`; `whole_image` if every picture shows one cropped person; or a
            JSON file of boxes (detectors.person_boxes).
        person_config: config of the person detector: a file, or a name among mmpose's.
        person_checkpoint: its weights; null for the published ones.
        person_label: number of the class "person" among the detector's.
        box_score: least score of a person's box, 0..1.
        nms_iou: a box that overlaps a better one by more than this is dropped, 0..1.
        max_people: most people per picture; those with the best boxes stay.
        stride: of the video; a file of boxes counts all frames, and a run reads every `stride`-th.
        alone: whether the image is the run's only input; then a file with the boxes of one image
            is about this one, whatever its name. The run sets it.
    """

    config: str
    checkpoint: str | None = None
    flip_test: bool | None = None
    person_boxes: str = "detector"
    person_config: str = "rtmdet_nano_320-8xb32_coco-person.py"
    person_checkpoint: str | None = None
    person_label: int = 0
    box_score: float = 0.3
    nms_iou: float = 0.5
    max_people: int = 20
    stride: int = 1
    alone: bool = False

    def __post_init__(self) -> None:
        self._loaded: _Loaded | None = None
        self._known: BoxesOf | None = None
        if not self._from_file and self.person_boxes not in _PERSON_BOXES:
            raise ValueError(
                f"MMPoseTopDown.person_boxes: expected one of {', '.join(_PERSON_BOXES)} or a "
                f".json file, got {self.person_boxes}"
            )
        for name in ("box_score", "nms_iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"MMPoseTopDown.{name}: expected 0..1, got {getattr(self, name)}")
        for name in ("max_people", "stride"):
            if getattr(self, name) < 1:
                raise ValueError(f"MMPoseTopDown.{name}: expected >= 1, got {getattr(self, name)}")

    @property
    def _from_file(self) -> bool:
        return self.person_boxes.endswith(".json")

    @property
    def _person(self) -> Source:
        return Source(self.person_config, self.person_checkpoint)

    def files(self) -> dict[str, Path]:
        """The configs, checkpoints and boxes that are the user's own files."""
        named = Source(self.config, self.checkpoint).own_files("")
        if self.person_boxes == "detector":
            named |= self._person.own_files("person_")
        elif self._from_file:
            named["person_boxes"] = Path(os.path.expanduser(self.person_boxes))
        return named

    def when_alone(self) -> "MMPoseTopDown | None":
        """The same detector; it takes a file with the boxes of one image to be about the run's
        only one."""
        return replace(self, alone=True) if self._from_file else None

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        """Find the people of each frame, the best box first.

        Raises:
            UnknownClipError: the file of boxes has none for this clip.
        """
        known = self._boxes_of(clip_name)  # a wrong file is reported before networks load
        with torch_threads(resources.threads):
            self._loaded = self._loaded or self._load(resources)
            pose = self._loaded.pose
            boxes: list[Boxes] = []
            crops = self._crops(self._loaded, frames, known, boxes)
            batches = _batches(crops, resources.batch_size)
            found = [one for batch in batches for one in infer(pose, batch)]
        return _as_detections(boxes, found, _joint_names(pose.dataset_meta))

    def _boxes_of(self, clip_name: str) -> dict[int, Boxes] | None:
        """A clip's boxes in the file, by frame of the run."""
        if not self._from_file:
            return None
        if self._known is None:
            self._known = read_boxes(self.files()["person_boxes"], self.box_score)
        boxes = self._known(Asked(clip_name, alone=self.alone))
        return {at // self.stride: kept for at, kept in boxes.items() if at % self.stride == 0}

    def _load(self, resources: Resources) -> _Loaded:
        fetch_all(self._published(), resources.weights_dir)
        mmcv_ops.prepare()
        with without_chatter():
            person = prepare_frame = None
            if self.person_boxes == "detector":
                person, prepare_frame = load_person(self._person, resources)
            pose = Source(self.config, self.checkpoint)
            return _Loaded(*load_pose(pose, self.flip_test, resources), person, prepare_frame)

    def _published(self) -> dict[str, str]:
        """The addresses of the weights that are not the user's own, by what they are for. They are
        fetched together, so that one message names all missing files."""
        sources = {"person boxes": self._person} if self.person_boxes == "detector" else {}
        sources["pose"] = Source(self.config, self.checkpoint)
        return {
            role: published_url(source.config)
            for role, source in sources.items()
            if source.checkpoint is None
        }

    def _crops(
        self,
        loaded: _Loaded,
        frames: Iterable[Image],
        known: dict[int, Boxes] | None,
        boxes: list[Boxes],
    ) -> Iterator[dict[str, Any]]:
        """The pose model's input of every person; appends each frame's boxes to `boxes`."""
        for some in _batches(iter(frames), _FRAMES_AT_ONCE if loaded.person else 1):
            bgr = [np.ascontiguousarray(frame[..., ::-1]) for frame in some]
            if known is not None:
                found = [known.get(len(boxes), np.zeros((0, 4), np.float32))[: self.max_people]]
            else:
                found = self._find_people(loaded, bgr) if loaded.person else [_whole(some[0])]
            boxes += found
            for picture, people in zip(bgr, found, strict=True):
                for box in people:
                    yield _prepared(loaded, picture, box)

    def _find_people(self, loaded: _Loaded, frames: list[Image]) -> list[Boxes]:
        assert loaded.prepare_frame is not None
        with without_chatter():
            samples = [loaded.prepare_frame({"img": bgr, "img_id": 0}) for bgr in frames]
        return [self._chosen(found.cpu()) for found in infer(loaded.person, samples)]

    def _chosen(self, found: Any) -> Boxes:
        import torch

        found = found[(found.labels == self.person_label) & (found.scores > self.box_score)]
        kept = mmcv_ops.nms(found.bboxes, found.scores, self.nms_iou, 0)[: self.max_people]
        boxes = found.bboxes[kept.to(torch.long)].numpy().astype(np.float32)
        # A box without area has no crop.
        return boxes[((boxes[:, 2:] - boxes[:, :2]) >= 1).all(axis=1)]


def _prepared(loaded: _Loaded, bgr: Image, box: np.ndarray) -> Any:
    meta = loaded.pose.dataset_meta
    sample = {"img": bgr, "bbox": box[None], "bbox_score": np.ones(1, np.float32), **meta}
    with without_chatter():
        return loaded.prepare_person(sample)


def _batches(items: Iterator[_Item], size: int) -> Iterator[list[_Item]]:
    while batch := list(islice(items, size)):
        yield batch


def _whole(frame: Image) -> Boxes:
    return np.array([[0, 0, frame.shape[1] - 1, frame.shape[0] - 1]], np.float32)


def _joint_names(dataset_meta: dict[str, Any]) -> tuple[str, ...]:
    names: dict[int, str] = dataset_meta["keypoint_id2name"]
    return names_from_mmpose(dataset_meta["dataset_name"], (names[i] for i in range(len(names))))


def _as_detections(boxes: list[Boxes], found: list[Any], names: tuple[str, ...]) -> Detections:
    """Give each frame the people whose boxes come from it, out of the flat list."""
    keypoints = np.array([f.keypoints[0] for f in found], np.float32).reshape(-1, len(names), 2)
    # SimCC's scores may be slightly above 1.
    scores = np.array([f.keypoint_scores[0] for f in found], np.float32).clip(0, 1)
    ends = np.cumsum([len(b) for b in boxes])[:-1]
    per_frame = zip(
        boxes,
        np.split(keypoints, ends),
        np.split(scores.reshape(-1, len(names)), ends),
        strict=True,
    )
    return Detections.from_frames([People(*arrays) for arrays in per_frame], names)
