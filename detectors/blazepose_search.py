"""The search of one picture: who is found, and whether it has to go on."""

import math
from collections.abc import Mapping
from dataclasses import replace

from detectors.base import Image
from detectors.blazepose_finders import Face, Finders, Part
from detectors.blazepose_landmarks import Person, Region
from detectors.blazepose_people import distinct, same_face
from detectors.blazepose_refine import AGREED, Find, Refiner, size_of

_LIKELY = 0.4  # score of a person
_SAME = 0.5  # intersection over union
_SMALL = 0.4  # of the picture's shorter side: where there is one small person, there may be more
_LARGE = 0.5  # of the same: nobody else is looked for beside one so large
_LIKELY_FACE = 0.6  # score; weaker ones that lie within a person are not looked below
_SMALL_HEAD = 0.08  # of the shorter side


class Search:
    """The finds of a frame as they become known.

    Args:
        finders, refiner: the networks.
        frame: the picture.
        weights: of score_of.
    """

    def __init__(
        self, finders: Finders, refiner: Refiner, frame: Image, weights: Mapping[str, float]
    ) -> None:
        self.found: list[Find] = []
        self._weights = weights
        self._finders, self._refiner, self._frame = finders, refiner, frame
        self._picture = refiner.picture(frame)
        self._faces: list[Face] = []
        self._clear: list[Region] = []  # of finds that are not doubtful: none is needed again

    def follow(self, before: list[Find]) -> bool:
        """Find the people of the frame before again. If one of them is in doubt, none is found."""
        found = [self._refiner.follow(self._picture, find) for find in before]
        sure = [find for find in found if find]
        if len(sure) < len(before) or len(self._people(sure)) < len(before):
            return False
        self.found = sure
        return bool(before)

    def _people(self, found: list[Find]) -> list[Find]:
        return distinct(found, self._weights, _LIKELY, _SAME)

    def bodies(self, parts: list[Part], turns: tuple[float, ...]) -> None:
        """Look at whoever the person finder sees in some parts, each once.

        Args:
            turns: turns of the regions to try, rad, if a find is doubtful.
        """
        proposals = [one for part in parts for one in self._finders.people(self._frame, part)]
        for proposal in sorted(proposals, key=lambda one: -one.score):
            region = proposal.region
            if any(_same_region(region, other) for other in self._clear):
                continue
            seen = self._refiner.first(self._picture, region)
            clear = [find for find in self.found if find.apart <= self._refiner.doubt]
            if seen is None or any(same_face(seen[0], other.person) for other in clear):
                continue
            # A part of somebody needs no turns.
            sure = [find.person for find in self.found if find.apart <= AGREED]
            within = any(_is_within(region, other) for other in sure)
            find = self._refiner.again(self._picture, *seen, () if within else turns)
            self.found.append(find)
            if not find.apart > self._refiner.doubt:
                self._clear.append(region)

    def faces(self, parts: list[Part]) -> None:
        """Note the faces in some parts, each once."""
        seen = [face for part in parts for face in self._finders.faces(self._frame, part)]
        for face in sorted(seen, key=lambda one: -one.score):
            if not any(_same_face(face, other) for other in self._faces):
                self._faces.append(face)

    def is_settled(self, short: int) -> bool:
        """Whether one large person and nobody else was found, in a picture whose shorter side is so
        long, and both looks agree: then another search finds nobody else, either."""
        if len(self.found) != 1:
            return False
        (find,) = self.found
        return find.apart <= self._refiner.doubt and size_of(find.person) >= _LARGE * short

    def has_small_people(self, short: int) -> bool:
        """Whether some of the people are small, or nobody is large, in a picture whose shorter side
        is so long: then there may be more of them."""
        people = self._people(self.found)
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
            if any(not find.apart > AGREED for find in own) or (
                within and face.score < _LIKELY_FACE
            ):
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
