"""Any top-down model of mmpose: boxes of people first, then the joints of each crop."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from detectors import mmcv_ops
from detectors.base import Detections, Image, Resources
from detectors.checkpoints import published_url
from detectors.downloads import fetch_all
from detectors.mmpose_models import (
    Prepare,
    Source,
    infer,
    load_person,
    load_pose,
    torch_threads,
    without_chatter,
)
from detectors.skeletons import names_from_mmpose
from detectors.top_down import Candidates, Found, TopDown


@dataclass
class MMPoseTopDown(TopDown):
    """Finds people with an mmdet model and their joints with a top-down mmpose model.

    Joints have the names in the model's own dataset_meta, so a new skeleton needs no code.

    Args:
        config: of the pose model: a file, or a path below mmpose's own configs.
        checkpoint: its weights; null for those published with the config, downloaded once.
        flip_test: run every person mirrored too and take the mean, in twice the time. null: as the
            config says (mmpose's configs say yes).
        person_config: config of the person detector: a file, or a name among mmpose's.
        person_checkpoint: its weights; null for the published ones.
        person_label: number of the class "person" among the detector's.
    """

    config: str
    checkpoint: str | None = None
    flip_test: bool | None = None
    person_config: str = "rtmdet_nano_320-8xb32_coco-person.py"
    person_checkpoint: str | None = None
    person_label: int = 0

    @property
    def _person(self) -> Source:
        return Source(self.person_config, self.person_checkpoint)

    def files(self) -> dict[str, Path]:
        """The configs, checkpoints and boxes that are the user's own files."""
        named = Source(self.config, self.checkpoint).own_files("")
        if self._finds_people:
            named |= self._person.own_files("person_")
        return named | super().files()

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        """Find the people of each frame, the best box first.

        Raises:
            UnknownClipError: the file of boxes has none for this clip.
        """
        with torch_threads(resources.threads):
            return super().detect(frames, resources, clip_name)

    def _load(self, resources: Resources) -> "_Networks":
        fetch_all(self._published(), resources.weights_dir)
        mmcv_ops.prepare()
        with without_chatter():
            person = prepare_frame = None
            if self._finds_people:
                person, prepare_frame = load_person(self._person, resources)
            pose, prepare_person = load_pose(
                Source(self.config, self.checkpoint), self.flip_test, resources
            )
            return _Networks(pose, prepare_person, person, prepare_frame, self.person_label)

    def _published(self) -> dict[str, str]:
        """The addresses of the weights that are not the user's own, by what they are for. They are
        fetched together, so that one message names all missing files."""
        sources = {"person boxes": self._person} if self._finds_people else {}
        sources["pose"] = Source(self.config, self.checkpoint)
        return {
            role: published_url(source.config)
            for role, source in sources.items()
            if source.checkpoint is None
        }


@dataclass(frozen=True)
class _Networks:
    """See `detectors.top_down.Networks`; `person` is None if the boxes come from elsewhere."""

    pose: Any
    prepare_person: Prepare
    person: Any
    prepare_frame: Prepare | None
    person_label: int

    @property
    def joint_names(self) -> tuple[str, ...]:
        return _joint_names(self.pose.dataset_meta)

    def people(self, pictures: list[Image]) -> list[Candidates]:
        assert self.prepare_frame is not None
        with without_chatter():
            samples = [self.prepare_frame({"img": bgr, "img_id": 0}) for bgr in pictures]
        candidates = []
        for found in infer(self.person, samples):
            found = found[found.labels == self.person_label].cpu()
            candidates.append((found.bboxes.numpy(), found.scores.numpy()))
        return candidates

    def crop(self, picture: Image, box: Float32[np.ndarray, "4"]) -> Any:
        meta = self.pose.dataset_meta
        sample = {"img": picture, "bbox": box[None], "bbox_score": np.ones(1, np.float32), **meta}
        with without_chatter():
            return self.prepare_person(sample)

    def joints(self, crops: list[Any]) -> list[Found]:
        return [(f.keypoints[0], f.keypoint_scores[0]) for f in infer(self.pose, crops)]


def _joint_names(dataset_meta: dict[str, Any]) -> tuple[str, ...]:
    names: dict[int, str] = dataset_meta["keypoint_id2name"]
    return names_from_mmpose(dataset_meta["dataset_name"], (names[i] for i in range(len(names))))
