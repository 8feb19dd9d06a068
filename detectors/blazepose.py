"""BlazePose (Bazarevsky et al. 2020) through mediapipe: needs no download and no GPU."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from detectors.base import Detections, Image, People, Resources
from detectors.blazepose_finders import FINDER_INPUT, Face, Finders, Part, squares, views
from detectors.blazepose_landmarks import HIPS, Person, Region
from detectors.blazepose_people import SURE_FACE, distinct, same_face, score_of
from detectors.blazepose_refine import AGREED, ALL_TURNS, Find, Refiner, size_of
from detectors.native_log import without_chatter
from detectors.skeletons import BLAZEPOSE_33

_MOST_PASSES = 10
_LIKELY = 0.5  # score of a person
_SAME = 0.5  # intersection over union
_SMALL = 0.4  # of the picture's shorter side: where there is one small person, there may be more
_SMALL_HEAD = 0.08  # of the same


@dataclass
class BlazePose:
    """Finds people with BlazePose's SSD, then 33 landmarks each; the weights ship with mediapipe.

    mediapipe chooses its number of threads itself: `Resources.threads` has no effect here.

    Args:
        max_people: most people reported per picture.
        person_score: least score of a find, 0..1.
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
        duplicate_iou: finds whose boxes overlap more than this (intersection over union) are the
            same person, unless both faces were seen; the likelier one stays.
    """

    max_people: int = 50
    person_score: float = 0.5
    finder_score: float = 0.5
    face_score: float = 0.5
    padding: float = 0.3
    tile: float = 0.55
    refine: int = 2
    doubt: float = 0.06
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
        """Find the people of each frame, the surest first."""
        people = []
        for frame in frames:
            with without_chatter():  # once per frame, so that an error shows at once
                people.append(_as_people(self._people(frame)))
        return Detections.from_frames(people, BLAZEPOSE_33)

    def _people(self, frame: Image) -> list[Find]:
        self._finders = self._finders or Finders(self.finder_score, self.face_score)
        self._refiner = self._refiner or Refiner(self.refine, self.doubt)
        search = _Search(self._finders, self._refiner, frame)
        height, width = frame.shape[:2]
        short = min(width, height)
        parts = views(width, height, self.padding)
        search.bodies(parts, ALL_TURNS)
        search.faces(parts)
        side = round(self.tile * short)
        if side >= FINDER_INPUT and search.has_small_people(short):
            tiles = squares(width, height, side)
            search.bodies(tiles, (0.0,))
            search.faces(tiles)
        search.below_faces()
        search.whole()
        return distinct(search.found, self.person_score, self.duplicate_iou)[: self.max_people]


class _Search:
    """The finds of a frame as they become known.

    Args:
        finders, refiner: the networks.
        frame: the picture.
    """

    def __init__(self, finders: Finders, refiner: Refiner, frame: Image) -> None:
        self.found: list[Find] = []
        self._finders, self._refiner, self._frame = finders, refiner, frame
        self._picture = refiner.picture(frame)
        self._faces: list[Face] = []
        self._clear: list[Region] = []  # of finds that are not doubtful: none is needed again

    def bodies(self, parts: list[Part], turns: tuple[float, ...]) -> None:
        """Look at whoever the person finder sees in some parts, each once.

        Args:
            turns: turns of the regions to try, rad, if a find is doubtful.
        """
        seen = [one for part in parts for one in self._finders.people(self._frame, part)]
        for proposal in sorted(seen, key=lambda one: -one.score):
            region = proposal.region
            if any(_same_region(region, other) for other in self._clear):
                continue
            person = self._refiner.first(self._picture, region)
            clear = [find for find in self.found if find.apart <= self._refiner.doubt]
            if person is None or any(same_face(person, other.person) for other in clear):
                continue
            # A part of somebody needs no turns.
            sure = [find.person for find in self.found if find.apart <= AGREED]
            within = any(_is_within(region, other) for other in sure)
            find = self._refiner.again(self._picture, person, () if within else turns)
            self.found.append(find)
            if not find.apart > self._refiner.doubt:
                self._clear.append(region)

    def faces(self, parts: list[Part]) -> None:
        """Note the faces in some parts, each once."""
        seen = [face for part in parts for face in self._finders.faces(self._frame, part)]
        for face in sorted(seen, key=lambda one: -one.score):
            if not any(_same_face(face, other) for other in self._faces):
                self._faces.append(face)

    def has_small_people(self, short: int) -> bool:
        """Whether some of the people are small, or nobody is large, in a picture whose shorter side
        is so long: then there may be more of them."""
        people = distinct(self.found, _LIKELY, _SAME)
        sizes = [size_of(find.person) / short for find in people]
        heads = [
            face
            for face in self._faces
            if face.width < _SMALL_HEAD * short and not any(face.of(one.person) for one in people)
        ]
        return not sizes or min(sizes) < _SMALL or len(heads) > 1

    def below_faces(self) -> None:
        """Tell each find about its face, and look below the faces that are nobody's."""
        self.found = [replace(find, face=self._face_of(find)) for find in self.found]
        for face in self._faces:
            own = [find for find in self.found if find.face == face]
            sure = [find.person for find in self.found if find.apart <= AGREED]
            within = any(_is_within(face, other) for other in sure)
            if any(not find.apart > AGREED for find in own) or (within and face.score < SURE_FACE):
                continue
            if find := self._refiner.below(self._picture, face):
                self.found.append(replace(find, face=face))

    def _face_of(self, find: Find) -> Face | None:
        """The nearest of the faces that may be a find's."""
        own = [face for face in self._faces if face.of(find.person)]
        return min(own, key=lambda face: face.away(find.person), default=None)

    def whole(self) -> None:
        """If nobody was found, look for somebody who fills the frame."""
        height, width = self._frame.shape[:2]
        if not self.found and (find := self._refiner.whole(self._picture, width, height)):
            self.found.append(find)


def _same_region(a: Region, b: Region) -> bool:
    near = math.hypot(a.x - b.x, a.y - b.y) < 0.15 * max(a.side, b.side)
    return near and max(a.side, b.side) < 1.4 * min(a.side, b.side)


def _is_within(one: Region | Face, person: Person) -> bool:
    """Whether the middle of a region or face lies in the box about a person's landmarks."""
    low, high = person[:, :2].min(0), person[:, :2].max(0)
    return bool(low[0] < one.x < high[0] and low[1] < one.y < high[1])


def _same_face(a: Face, b: Face) -> bool:
    return math.hypot(a.x - b.x, a.y - b.y) < 0.5 * max(a.width, b.width)


def _as_people(finds: list[Find]) -> People:
    stacked = np.array([find.person for find in finds], np.float32)
    stacked = stacked.reshape(-1, len(BLAZEPOSE_33), 6)
    xy, lifted = stacked[..., :2], stacked[..., 3:]
    return People(
        boxes=np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1),
        keypoints=xy,
        scores=stacked[..., 2].clip(0, 1),
        keypoints_3d=lifted - lifted[:, HIPS].mean(axis=1, keepdims=True),
        person_score=np.array([score_of(find) for find in finds], np.float32),
    )
