"""Any top-down model of mmpose: boxes of people first, then the joints of each crop."""

import io
import pickle
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from detectors import mmcv_ops
from detectors.base import Detections, Image, People, Resources
from detectors.checkpoints import find_checkpoint, find_config, is_local
from detectors.skeletons import names_from_mmpose

Boxes = Float32[np.ndarray, "P 4"]

_PERSON_BOXES = ("detector", "whole_image")


@dataclass
class MMPoseTopDown:
    """Finds people with an mmdet model and their joints with a top-down mmpose model.

    Args:
        pose_config: config of the pose model: a file, or a path below mmpose's own configs.
        pose_checkpoint: its weights; null for those published with the config, downloaded once.
        person_boxes: `detector`, or `whole_image` where every picture shows one cropped person.
        person_config: config of the person detector: a file, or a name among mmpose's.
        person_checkpoint: its weights; null for the published ones.
        person_label: number of the class "person" among the detector's.
        box_score: least score of a person's box, 0..1.
        nms_iou: boxes overlapping a better one by more than this are dropped, 0..1.
        max_people: most people per picture; those with the best boxes stay.
        confidence_sigma: pairs of a confidence and the error to expect with it, in torso lengths
            (tools/calibrate_confidence.py). The detector does not read it: fits do.
    """

    pose_config: str
    pose_checkpoint: str | None = None
    person_boxes: str = "detector"
    person_config: str = "rtmdet_nano_320-8xb32_coco-person.py"
    person_checkpoint: str | None = None
    person_label: int = 0
    box_score: float = 0.3
    nms_iou: float = 0.5
    max_people: int = 20
    confidence_sigma: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._models: tuple[Any, Any] | None = None
        if self.person_boxes not in _PERSON_BOXES:
            raise ValueError(
                f"MMPoseTopDown.person_boxes: expected one of {', '.join(_PERSON_BOXES)}, "
                f"got {self.person_boxes}"
            )
        for name in ("box_score", "nms_iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"MMPoseTopDown.{name}: expected 0..1, got {getattr(self, name)}")
        if self.max_people < 1:
            raise ValueError(f"MMPoseTopDown.max_people: expected >= 1, got {self.max_people}")

    def files(self) -> dict[str, Path]:
        """The configs and checkpoints that are the user's own files."""
        parts = ["pose"] + (["person"] if self.person_boxes == "detector" else [])
        named = {}
        for part in parts:
            config, checkpoint = self._option(part, "config"), self._option(part, "checkpoint")
            if is_local(config):
                named[f"{part}_config"] = find_config(config)
            if checkpoint is not None:
                named[f"{part}_checkpoint"] = Path(checkpoint)
        return named

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        """Find the people of each frame, the best box first."""
        with _torch_threads(resources.threads):
            if self._models is None:
                with _without_chatter():
                    self._models = self._load(resources)
            pose, person = self._models
            boxes: list[Boxes] = []
            crops = self._crops(frames, boxes, pose, person)
            batches = _batches(crops, resources.batch_size)
            found = [one for batch in batches for one in _infer(pose, batch)]
        return _as_detections(boxes, found, _joint_names(pose.dataset_meta))

    def _option(self, part: str, name: str) -> Any:
        return getattr(self, f"{part}_{name}")

    def _load(self, resources: Resources) -> tuple[Any, Any]:
        mmcv_ops.prepare()
        person = None
        if self.person_boxes == "detector":
            from mmdet.apis import init_detector
            from mmpose.utils import adapt_mmdet_pipeline

            person = self._load_model("person", init_detector, resources, palette="coco")
            person.cfg = adapt_mmdet_pipeline(person.cfg)
        from mmpose.apis import init_model

        return self._load_model("pose", init_model, resources), person

    def _load_model(self, part: str, initialise: Any, resources: Resources, **extra: str) -> Any:
        config = self._option(part, "config")
        checkpoint = find_checkpoint(
            self._option(part, "checkpoint"), config, resources.weights_dir
        )
        settings = _config_without_downloads(config)
        try:
            with mmcv_ops.checkpoint_globals(), redirect_stdout(io.StringIO()):
                model = initialise(settings, str(checkpoint), device=resources.device, **extra)
                _check_complete(model, checkpoint, config)
        except (pickle.UnpicklingError, EOFError) as error:
            raise mmcv_ops.refused(error, checkpoint) from error
        return model

    def _crops(
        self, frames: Iterable[Image], boxes: list[Boxes], pose: Any, person: Any
    ) -> Iterator[dict[str, Any]]:
        """The pose model's input of every person; appends each frame's boxes to `boxes`."""
        from mmengine.dataset import Compose

        pipeline: Any = Compose(pose.cfg.test_dataloader.dataset.pipeline)
        for frame in frames:
            bgr = np.ascontiguousarray(frame[..., ::-1])
            boxes.append(_whole(frame) if person is None else self._find_people(person, bgr))
            for box in boxes[-1]:
                score = np.ones(1, np.float32)
                sample = {"img": bgr, "bbox": box[None], "bbox_score": score, **pose.dataset_meta}
                with _without_chatter():
                    ready = pipeline(sample)
                yield ready

    def _find_people(self, person: Any, bgr: Image) -> Boxes:
        import torch
        from mmdet.apis import inference_detector

        with _without_chatter():
            sample: Any = inference_detector(person, bgr)
        found = sample.pred_instances.cpu()
        found = found[(found.labels == self.person_label) & (found.scores > self.box_score)]
        kept = mmcv_ops.nms(found.bboxes, found.scores, self.nms_iou, 0)[: self.max_people]
        boxes = found.bboxes[kept.to(torch.long)].numpy().astype(np.float32)
        # A box without area has no crop.
        return boxes[((boxes[:, 2:] - boxes[:, :2]) >= 1).all(axis=1)]


def _config_without_downloads(name: str) -> Any:
    """The config with the address of the backbone's pretraining removed: the checkpoint has all."""
    from mmengine.config import Config

    config = Config.fromfile(find_config(name))
    config.model.backbone.init_cfg = None
    return config


def _check_complete(model: Any, checkpoint: Path, config: str) -> None:
    """mmengine only logs what a checkpoint lacks and would go on with random weights."""
    import torch

    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    given = {
        name.removeprefix("module."): weights.shape
        for name, weights in content.get("state_dict", content).items()
    }
    wanted = {name: weights.shape for name, weights in model.state_dict().items()}
    wrong = [
        name
        for name, shape in wanted.items()
        if given.get(name) != shape and not name.endswith("num_batches_tracked")
    ]
    if wrong:
        raise ValueError(
            f"{checkpoint}: expected the weights of {config}, but {len(wrong)} of {len(wanted)} "
            f"are absent or of another shape, the first {wrong[0]}; name the config it belongs to"
        )


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Without deprecations inside mmengine, mmdet and mmpose, and their log below errors.

    Around their calls only: what decoding the next frame warns of is the user's to see.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.showwarning = lambda *_, **__: None  # mmdet sets a filter of its own
        from mmengine.logging import MMLogger

        MMLogger.get_current_instance().setLevel("ERROR")
        yield


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    """Torch's own guess makes it many times slower where other work runs beside it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _batches(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while batch := list(islice(items, size)):
        yield batch


def _infer(pose: Any, batch: list[dict[str, Any]]) -> list[Any]:
    import torch
    from mmengine.dataset import pseudo_collate

    with torch.no_grad(), _without_chatter():
        return [sample.pred_instances for sample in pose.test_step(pseudo_collate(batch))]


def _whole(frame: Image) -> Boxes:
    return np.array([[0, 0, frame.shape[1] - 1, frame.shape[0] - 1]], np.float32)


def _joint_names(dataset_meta: dict[str, Any]) -> tuple[str, ...]:
    names: dict[int, str] = dataset_meta["keypoint_id2name"]
    return names_from_mmpose(dataset_meta["dataset_name"], (names[i] for i in range(len(names))))


def _as_detections(boxes: list[Boxes], found: list[Any], names: tuple[str, ...]) -> Detections:
    """Deal the flat list of people out to the frames their boxes come from."""
    keypoints = np.array([f.keypoints[0] for f in found], np.float32).reshape(-1, len(names), 2)
    # SimCC's scores may pass 1 by a little.
    scores = np.array([f.keypoint_scores[0] for f in found], np.float32).clip(0, 1)
    ends = np.cumsum([len(b) for b in boxes])[:-1]
    per_frame = zip(
        boxes,
        np.split(keypoints, ends),
        np.split(scores.reshape(-1, len(names)), ends),
        strict=True,
    )
    return Detections.from_frames([People(*arrays) for arrays in per_frame], names)
