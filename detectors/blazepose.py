"""BlazePose (Bazarevsky et al. 2020) through mediapipe: needs no download and no GPU."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from detectors.base import Detections, Image, People, Resources
from detectors.blazepose_finders import FINDER_INPUT, Finders, squares, views
from detectors.blazepose_landmarks import HIPS
from detectors.blazepose_people import SIGNS, distinct, score_of
from detectors.blazepose_refine import ALL_TURNS, Find, Refiner
from detectors.blazepose_search import Search
from detectors.native_log import without_chatter
from detectors.skeletons import BLAZEPOSE_33

_MOST_PASSES = 10
_LONGEST = 32  # frames: processes get them in one piece
PERSON_SIGNS = {"constant": -7.96, "agreement": 3.84, "face": 4.71}
"""python -m tools.calibrate_person_score"""


@dataclass
class BlazePose:
    """Finds people with BlazePose's SSD, then 33 landmarks each; the weights ship with mediapipe.

    mediapipe chooses its number of threads itself: `Resources.threads` has no effect here.

    Args:
        max_people: most people reported per picture.
        person_score: least score of a find, 0..1.
        person_signs: what the signs of a find are worth for its score, and `constant`
            (detectors.blazepose_people.signs_of).
        finder_score: least score of the person finder, 0..1.
        face_score: least score of the face finder, 0..1.
        padding: search again with a black border of this fraction of the longer side, because the
            finder misses people who fill the picture. PCK@0.2 on 240 LSP train photos is .79
            without, .85 with 0.3. 0: never.
        tile: if nobody large is found, or somebody small, also search overlapping squares of this
            fraction of the shorter side, because the finder sees 224 x 224 px and misses small
            people. 0: never.
        refine: look at each person again this many times, in a region made of their own landmarks,
            as BlazePose's video mode does, and once mirrored. 0: never; then it is not known how
            likely a find is a person, and all of them are reported.
        doubt: where the mirrored look differs by more than this (of the person's size), regions
            with other turns are tried too.
        follow: frames of a video from one search to the next. In those between, people are looked
            at where the frame before has them, so that somebody who comes in is found later, by so
            many frames at most. If anyone is in doubt, the frame is searched. 1: every frame is.
        duplicate_iou: finds whose boxes overlap more than this (intersection over union) are the
            same person, unless both faces were seen; the likelier one stays.
    """

    max_people: int = 50
    person_score: float = 0.4
    person_signs: dict[str, float] = field(default_factory=lambda: dict(PERSON_SIGNS))
    finder_score: float = 0.5
    face_score: float = 0.5
    padding: float = 0.3
    tile: float = 0.55
    refine: int = 2
    doubt: float = 0.06
    follow: int = 8
    duplicate_iou: float = 0.5

    def __post_init__(self) -> None:
        self._finders: Finders | None = None
        self._refiner: Refiner | None = None
        if self.max_people < 1:
            raise ValueError(f"BlazePose.max_people: expected 1 or more, got {self.max_people}")
        shares = ("person_score", "finder_score", "face_score", "tile", "doubt", "duplicate_iou")
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"BlazePose.{name}: expected 0..1, got {getattr(self, name)}")
        self._check_signs()
        if not 0 <= self.refine <= _MOST_PASSES:
            raise ValueError(f"BlazePose.refine: expected 0..{_MOST_PASSES}, got {self.refine}")
        if not 1 <= self.follow <= _LONGEST:
            raise ValueError(f"BlazePose.follow: expected 1..{_LONGEST}, got {self.follow}")
        if not 0 <= self.padding <= 2:
            raise ValueError(f"BlazePose.padding: expected 0..2, got {self.padding}")

    def _check_signs(self) -> None:
        expected = ("constant", *SIGNS)
        if set(self.person_signs) != set(expected):
            given = sorted(self.person_signs)
            raise ValueError(f"BlazePose.person_signs: expected the keys {expected}, got {given}")
        for name, weight in self.person_signs.items():
            if not math.isfinite(weight) or (weight < 0 and name in SIGNS):
                raise ValueError(
                    f"BlazePose.person_signs.{name}: expected a finite number"
                    f"{', 0 or more' if name in SIGNS else ''}, got {weight}"
                )

    def files(self) -> dict[str, Path]:
        """No files: the weights are part of the pinned mediapipe."""
        return {}

    def window(self) -> int:
        """People are followed through so many frames; without `refine` they are not."""
        return self.follow if self.refine else 1

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        """Find the people of each frame, the surest first."""
        people: list[list[Find]] = []
        found: list[Find] = []
        for index, frame in enumerate(frames):
            with without_chatter():  # once per frame, so that an error shows at once
                found = self.rows_of(frame, found if index % self.window() else [])
            people.append(found)
        return as_detections(people, self.person_signs)

    def rows_of(self, frame: Image, before: Sequence[Find] = ()) -> list[Find]:
        """The people of a frame, the surest first.

        Args:
            before: those of the frame before, where they may be followed.
        """
        self._finders = self._finders or Finders(self.finder_score, self.face_score)
        self._refiner = self._refiner or Refiner(self.refine, self.doubt)
        search = Search(self._finders, self._refiner, frame, self.person_signs)
        if search.follow(list(before)):
            return search.found
        self._search(search, *frame.shape[:2])
        people = distinct(search.found, self.person_signs, self.person_score, self.duplicate_iou)
        return people[: self.max_people]

    def _search(self, search: Search, height: int, width: int) -> None:
        short = min(width, height)
        whole, padded = views(width, height, self.padding)
        search.bodies(whole, ALL_TURNS)
        if not search.is_settled(short):
            search.bodies(padded, ALL_TURNS)
            search.faces([*whole, *padded])
            side = round(self.tile * short)
            if side >= FINDER_INPUT and search.has_small_people(short):
                tiles = squares(width, height, side)
                search.bodies(tiles, (0.0,))
                search.faces(tiles)
            search.below_faces()
            search.whole()


def as_detections(frames: Sequence[list[Find]], signs: Mapping[str, float]) -> Detections:
    """The people of each frame.

    Args:
        signs: BlazePose.person_signs.
    """
    return Detections.from_frames([_as_people(found, signs) for found in frames], BLAZEPOSE_33)


def _as_people(finds: list[Find], signs: Mapping[str, float]) -> People:
    stacked = np.array([find.person for find in finds], np.float32)
    stacked = stacked.reshape(-1, len(BLAZEPOSE_33), 6)
    xy, lifted = stacked[..., :2], stacked[..., 3:]
    return People(
        boxes=np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1),
        keypoints=xy,
        scores=stacked[..., 2].clip(0, 1),
        keypoints_3d=lifted - lifted[:, HIPS].mean(axis=1, keepdims=True),
        person_score=np.array([score_of(find, signs) for find in finds], np.float32),
    )
