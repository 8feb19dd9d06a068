"""A detector without a network, and pictures and results for it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from detectors.base import Detections, Image, People, Resources
from detectors.skeletons import LSP_14
from fitting.body.body_model import BodyParams
from fitting.camera import Camera
from fitting.joints import Keypoints
from fitting.objective.terms import TERMS, names_of
from fitting.result import FitResult
from fitting.trail import Trail
from pipeline.stages.detect import Detected
from pipeline.stages.render import PictureFile

WIDTH, HEIGHT = 96, 128
# The project's neutral body in the prior's mean pose, turned by 0.4 rad, 3.2 m from a camera whose
# focal length is the diagonal of 96 x 128: px of LSP's 14 joints.
JOINTS = (
    (40.1, 103.8),
    (42.2, 85.1),
    (41.8, 67.6),
    (49.9, 67.5),
    (56.1, 84.3),
    (52.4, 102.5),
    (34.8, 57.9),
    (33.0, 54.0),
    (38.6, 43.6),
    (53.9, 44.4),
    (59.8, 54.7),
    (66.7, 58.4),
    (46.1, 39.2),
    (47.3, 26.6),
)


@dataclass
class FakeDetector:
    """Finds JOINTS in every frame that is not black, and notes each call in weights_dir.

    Args:
        score: of every joint.
        broken: fails as detectors do whose weights are missing.
        path, format, skeleton, units, scale, first_frame, stride: not used; so
            that it can take the place of keypoint_file on a command line.
    """

    score: float = 0.9
    broken: bool = False
    path: str = ""
    format: str = "auto"
    skeleton: str = "auto"
    units: str = "auto"
    scale: float | None = None
    first_frame: int | None = None
    stride: int = 1

    def files(self) -> dict[str, Path]:
        return {}

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        if self.broken:
            raise ConnectionError("could not download weights.pth: put it in weights")
        resources.weights_dir.mkdir(parents=True, exist_ok=True)
        with (resources.weights_dir / "calls.txt").open("a", errors="surrogateescape") as file:
            file.write(f"{clip_name}\n")
        return Detections.from_frames([self._people(frame) for frame in frames], LSP_14)

    def _people(self, frame: Image) -> People:
        count = int(frame.max() > 0)
        xy = np.array(JOINTS, np.float32)
        box = np.concatenate([xy.min(0), xy.max(0)])
        return People(
            boxes=np.tile(box, (count, 1)),
            keypoints=np.tile(xy, (count, 1, 1)),
            scores=np.full((count, 14), self.score, np.float32),
        )


def photo(shade: int) -> Image:
    """A plain picture; one of shade 0 has nobody in it."""
    return np.full((HEIGHT, WIDTH, 3), shade, np.uint8)


def detections(n: int) -> Detected:
    rng = np.random.default_rng(n)
    return Detected(
        frame=np.arange(n, dtype=np.int32),
        track=np.zeros(n, np.int32),
        boxes=rng.normal(size=(n, 4)).astype(np.float32),
        keypoints=rng.normal(size=(n, 14, 2)).astype(np.float32),
        scores=rng.uniform(size=(n, 14)).astype(np.float32),
        joint_names=LSP_14,
        shot=np.zeros(n, np.int32),
    )


def lifted_detections(n: int) -> Detected:
    rng = np.random.default_rng(n)
    return replace(detections(n), keypoints_3d=rng.normal(size=(n, 14, 3)).astype(np.float32))


def keypoints(n: int) -> Keypoints:
    found = detections(n)
    return Keypoints(found.frame, found.track, found.keypoints, found.scores)


def fit_result(n: int) -> FitResult:
    rng = np.random.default_rng(n)
    return FitResult(
        frame=np.arange(n, dtype=np.int32),
        track=np.zeros(n, np.int32),
        params=BodyParams(
            betas=rng.normal(size=(n, 10)),
            global_orient=rng.normal(size=(n, 3)),
            body_pose=rng.normal(size=(n, 69)),
            transl=rng.normal(size=(n, 3)),
        ),
        camera=Camera(np.full(n, 160.0), np.full((n, 2), 47.5)),
        joints=rng.normal(size=(n, 14, 3)),
        reprojection_error=rng.uniform(size=n),
        cost=rng.uniform(size=n),
        status=np.zeros(n, np.int32),
        iterations=np.full(n, 12, np.int32),
        hypothesis=np.zeros(n, np.int32),
        spread=rng.uniform(size=n),
        expected_error=rng.uniform(size=n),
        expected_joint_error=rng.uniform(size=(n, 14)),
        term_names=names_of(TERMS),
        stage_terms=rng.uniform(size=(n, 6, 7)),
        stage_on=rng.uniform(size=(n, 6, 7)) < 0.5,
        trail=Trail(*(rng.normal(size=(n, 6, size)).astype(np.float32) for size in (10, 3, 69, 3))),
    )


def picture_file(n: int) -> PictureFile:
    return PictureFile(np.arange(n, dtype=np.uint8), ".jpg")
