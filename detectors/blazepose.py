"""BlazePose (Bazarevsky et al. 2020) through mediapipe: needs no download and no GPU."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detectors.base import Detections, Image, People, Resources
from detectors.blazepose_bundle import build_bundle
from detectors.blazepose_landmarks import HIPS, Person, person_of
from detectors.blazepose_refine import Refiner, overlap
from detectors.native_log import without_chatter
from detectors.skeletons import BLAZEPOSE_33

_FACE = slice(0, 11)  # BLAZEPOSE_33 begins with nose, eyes, ears and mouth
_MOST_PASSES = 10
_FINDER_INPUT = 224  # px: the person finder scales every picture to this square


@dataclass
class BlazePose:
    """Finds people with BlazePose's SSD, then 33 landmarks each; the weights ship with mediapipe.

    mediapipe chooses its number of threads itself: `Resources.threads` has no effect here.

    Args:
        max_people: most people reported per picture.
        person_score: least score of the person finder, 0..1.
        presence_score: least score that a pose is really there, 0..1.
        padding: search again with a black border of this fraction of the longer side, because the
            finder misses people who fill the picture; of two finds of a person, the one that is
            seen more clearly stays. PCK@0.2 on 240 LSP train photos is .79 without, .85 with 0.3.
            0: never.
        tile: if no large person is found, also search overlapping squares of this fraction of the
            shorter side, because the finder sees 224 x 224 px and misses small people. 0: never.
        refine: look at each person again this many times, in a region made of their own landmarks,
            as BlazePose's video mode does, and once mirrored. 0: never.
        doubt: where the mirrored look differs by more than this (of the person's size), regions
            with other turns are tried too.
        duplicate_iou: finds whose boxes overlap more than this (intersection over union) are the
            same person; the one that is seen more clearly stays.
    """

    max_people: int = 20
    person_score: float = 0.5
    presence_score: float = 0.5
    padding: float = 0.3
    tile: float = 0.55
    refine: int = 2
    doubt: float = 0.06
    duplicate_iou: float = 0.5

    def __post_init__(self) -> None:
        self._landmarker: Any = None
        self._refiner: Refiner | None = None
        if self.max_people < 1:
            raise ValueError(f"BlazePose.max_people: expected 1 or more, got {self.max_people}")
        for name in ("person_score", "presence_score", "tile", "doubt", "duplicate_iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"BlazePose.{name}: expected 0..1, got {getattr(self, name)}")
        if not 0 <= self.refine <= _MOST_PASSES:
            raise ValueError(f"BlazePose.refine: expected 0..{_MOST_PASSES}, got {self.refine}")
        if not 0 <= self.padding <= 2:
            raise ValueError(f"BlazePose.padding: expected 0..2, got {self.padding}")

    def files(self) -> dict[str, Path]:
        """No files: the weights are part of the pinned mediapipe."""
        return {}

    def frame_by_frame(self) -> bool:
        """Yes: it follows nobody from frame to frame."""
        return True

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        """Find the people of each frame, the most clearly visible first."""
        with without_chatter():
            self._landmarker = self._landmarker or self._load(build_bundle(resources.weights_dir))
        people = []
        for frame in frames:
            with without_chatter():  # once per frame, so that an error shows at once
                people.append(self._people(frame))
        return Detections.from_frames(people, BLAZEPOSE_33)

    def _people(self, frame: Image) -> People:
        height, width = frame.shape[:2]
        found = self._search(frame)
        if self.padding:
            found += self._search(frame, border=math.ceil(self.padding * max(width, height)))
        side = round(self.tile * min(width, height))
        if side >= _FINDER_INPUT and not _has_large_person(found, width, height):
            for x, y in _tile_corners(width, height, side):
                part = frame[y : y + side, x : x + side]
                found += self._search(part, x, y, border=math.ceil(self.padding * side))
        people = _without_duplicates(found, self.duplicate_iou)[: self.max_people]
        if self.refine:
            self._refiner = self._refiner or Refiner(self.refine, self.doubt)
            people = _without_duplicates(self._refiner.people(frame, people), self.duplicate_iou)
        return _as_people(people)

    def _load(self, bundle: Path) -> Any:
        from mediapipe.tasks.python import BaseOptions, vision

        options = vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(bundle)),
            running_mode=vision.RunningMode.IMAGE,  # frames do not influence each other
            num_poses=self.max_people,
            min_pose_detection_confidence=self.person_score,
            min_pose_presence_confidence=self.presence_score,
        )
        return vision.PoseLandmarker.create_from_options(options)

    def _search(self, part: Image, x0: int = 0, y0: int = 0, border: int = 0) -> list[Person]:
        """People of one part of the frame, whose upper left pixel is (x0, y0), in frame px."""
        import mediapipe

        padded = np.pad(part, ((border, border), (border, border), (0, 0)))
        height, width = padded.shape[:2]
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=padded)
        # mediapipe's 0..1 spans the whole pixels' area; our pixel centres are at integers.
        scale, shift = (width, height), (x0 - border - 0.5, y0 - border - 0.5)
        found = self._landmarker.detect(image)
        return [
            person_of(marks, world, scale, shift)
            for marks, world in zip(found.pose_landmarks, found.pose_world_landmarks, strict=True)
        ]


def _has_large_person(found: list[Person], width: int, height: int) -> bool:
    """Whether somebody is half as large as the frame; if so, it is not a picture of a crowd."""
    return any(_size(person) > 0.5 * min(width, height) for person in found)


def _size(person: Person) -> float:
    return float(np.ptp(person[:, :2], axis=0).max())


def _tile_corners(width: int, height: int, side: int) -> list[tuple[int, int]]:
    """Upper left corners of squares that cover the frame and overlap by a third or more."""

    def starts(length: int) -> list[int]:
        count = math.ceil((length - side) / (side * 2 / 3)) + 1
        return np.linspace(0, length - side, count).round().astype(int).tolist()

    return [(x, y) for y in starts(height) for x in starts(width)]


def _without_duplicates(found: list[Person], max_iou: float) -> list[Person]:
    """Best seen first, without those who share face or box with somebody better seen."""
    kept: list[Person] = []
    for person in sorted(found, key=lambda p: -p[:, 2].clip(0, 1).mean()):
        if not any(_same_face(person, k) or overlap(person, k) > max_iou for k in kept):
            kept.append(person)
    return kept


def _same_face(a: Person, b: Person) -> bool:
    """One face belongs to one person, even if the bodies below it were found differently."""
    apart = np.linalg.norm(a[_FACE, :2] - b[_FACE, :2], axis=1)
    return bool(np.median(apart) < 0.05 * max(_size(a), _size(b)))


def _as_people(persons: list[Person]) -> People:
    stacked = np.array(persons, np.float32).reshape(-1, len(BLAZEPOSE_33), 6)
    xy, lifted = stacked[..., :2], stacked[..., 3:]
    return People(
        boxes=np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1),
        keypoints=xy,
        scores=stacked[..., 2].clip(0, 1),
        keypoints_3d=lifted - lifted[:, HIPS].mean(axis=1, keepdims=True),
    )
