"""Looks at a place where somebody may be: again in a region of their own, and mirrored.

A finder places a region only roughly. Landmarks in a region made from earlier landmarks are
better (BlazePose's video mode does the same). The network is not symmetric, so the distance between
what it sees in the mirrored and in the plain picture tells how sure it is. On 250 LSP train photos,
PCK@0.2 is .97 where they agree within 0.02 of the person's size, .66 where they are 0.04 to 0.08
apart, and .07 beyond 0.15.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from detectors.base import Image
from detectors.blazepose_finders import Face
from detectors.blazepose_landmarks import LandmarkNet, Person, Picture, Region
from detectors.skeletons import BLAZEPOSE_33

_COMPARED = [
    BLAZEPOSE_33.index(name)
    for name in (
        "nose",
        "left_ear",
        "right_ear",
        *(
            f"{side}_{joint}"
            for side in ("left", "right")
            for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        ),
    )
]
ALL_TURNS = (0.0, 0.5 * math.pi, math.pi, 1.5 * math.pi)
_AROUND = 1.3  # size of a new region, relative to the person or the picture
# Of the person's size: nearer than this, a third and a fourth look change nothing that matters.
CLEAR = 0.03
AGREED = 0.12  # of the person's size; finds whose two looks lie farther apart are doubtful
FAR = 0.3  # of the person's size; joints farther apart count as this far
_FIRST_IS_BETTER_BY = 0.03  # of the person's size; another turn must agree better by more
_SAME = 0.3  # intersection over union; with less overlap it is another person
_STRIDE = 0.15  # of the person's size; who moves more from a frame to the next is searched for
_LEAST_SEEN = 0.02
_LEAST_BODY = 4.5  # widths of the face; people who sit are larger


@dataclass(frozen=True)
class Find:
    """Somebody who may be there.

    Args:
        person: mean of the plain and the mirrored look.
        apart: how far these lie from each other, of the person's size; FAR if nobody is seen
            mirrored, NaN if nobody looked.
        face: the face that the face finder saw in this head; None if it saw none.
    """

    person: Person
    apart: float
    face: Face | None = None


class Refiner:
    """Looks at people again.

    Args:
        passes: how many regions follow the first one, each made of the last look's landmarks; 0:
            nobody is looked at again, nor mirrored.
        doubt: where plain and mirrored differ by more than this, regions with other turns are
            tried, and the one that agrees best is taken; of the person's size.
    """

    def __init__(self, passes: int, doubt: float) -> None:
        self._net = LandmarkNet()
        self._passes = passes
        self.doubt = doubt

    def picture(self, frame: Image) -> Picture:
        """A frame, prepared once for all looks at it."""
        return self._net.picture(frame)

    def first(self, picture: Picture, region: Region) -> tuple[Person, Region] | None:
        """A first look at the person in a region, and the region that it suggests; None if nobody
        is seen."""
        return self._net.find(picture, region)

    def again(
        self,
        picture: Picture,
        before: Person,
        suggested: Region,
        turns: tuple[float, ...] = ALL_TURNS,
    ) -> Find:
        """A person seen again; as before if the network sees nobody or somebody else.

        Args:
            before: what a first look saw, and `suggested` the region that it suggests.
            turns: turns of the regions to try, rad, if the find is doubtful.
        """
        if not self._passes:
            return Find(before, math.nan)
        mirrored = self._mirrored(picture, before, suggested)
        if mirrored.apart <= CLEAR and overlap(mirrored.person, before) >= _SAME:
            return mirrored
        first = self._look(picture, Region.about(before))
        views = [(first.apart - _FIRST_IS_BETTER_BY, first)] if first else []
        if first is None or first.apart > self.doubt:
            for turn in turns:
                if view := self._look(picture, _upright(before, turn)):
                    views.append((view.apart, view))
        same = [one for one in views if overlap(one[1].person, before) >= _SAME]
        return min(same, key=lambda one: one[0])[1] if same else Find(before, FAR)

    def follow(self, picture: Picture, before: Find) -> Find | None:
        """Somebody of the frame before, in a region made of their landmarks there; None if the
        find is doubtful, or if they have moved so far that it may be somebody else."""
        seen = self._net.find(picture, Region.about(before.person))
        if seen is None:
            return None
        find = self._mirrored(picture, *seen)
        near = _apart(find.person, before.person) <= _STRIDE
        return replace(find, face=before.face) if near and find.apart <= self.doubt else None

    def below(self, picture: Picture, face: Face) -> Find | None:
        """The person whose face it is, seen in the region whose two looks agree, or agree best;
        None if the network sees nobody with this face."""
        finds: list[Find] = []
        for region in face.regions():
            seen = self._net.find(picture, region)
            if seen is None or not face.of(seen[0]):
                continue
            again = self.again(picture, *seen, turns=())
            finds.append(again if face.of(again.person) else Find(seen[0], FAR))
            if not (finds[-1].apart > AGREED or _squeezed(finds[-1], face)):
                break
        return min(finds, key=lambda find: (_squeezed(find, face), find.apart), default=None)

    def whole(self, picture: Picture, width: int, height: int) -> Find | None:
        """The person who fills a frame; None if nobody is seen."""
        if not self._passes:
            return None
        return self._look(picture, _upright(np.array([[0, 0], [width - 1, height - 1]])))

    def _look(self, picture: Picture, region: Region) -> Find | None:
        person = None
        for _ in range(self._passes):
            found = self._net.find(picture, region)
            if found is None:
                return None
            person, region = found
        return None if person is None else self._mirrored(picture, person, region)

    def _mirrored(self, picture: Picture, person: Person, region: Region) -> Find:
        """A person together with what the network sees in the mirrored region."""
        mirrored = self._net.find(picture, region, mirror=True)
        if mirrored is None:
            return Find(person, FAR)
        return Find(_mean(person, mirrored[0]), _apart(person, mirrored[0]))


def overlap(a: Person, b: Person) -> float:
    """Intersection over union of the boxes, not of the joints: those of a left/right swap lie far
    apart."""
    low = np.maximum(a[:, :2].min(axis=0), b[:, :2].min(axis=0))
    high = np.minimum(a[:, :2].max(axis=0), b[:, :2].max(axis=0))
    inside = np.prod((high - low).clip(0))
    both = np.prod(np.ptp(a[:, :2], axis=0)) + np.prod(np.ptp(b[:, :2], axis=0)) - inside
    return float(inside / max(both, 1e-6))


def size_of(person: Person) -> float:
    """Longer side of the box about the landmarks, px."""
    return float(np.ptp(person[:, :2], axis=0).max())


def _squeezed(find: Find, face: Face) -> bool:
    """Whether a whole body is seen where only a head and shoulders are."""
    return size_of(find.person) < _LEAST_BODY * face.width


def _upright(points: np.ndarray, turn: float = 0.0) -> Region:
    """The region around the box of some points, for a person with the head up, or turned by
    `turn`."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    x, y = (low + high) / 2
    return Region(float(x), float(y), _AROUND * max(float((high - low).max()), 1.0), turn)


def _mean(a: Person, b: Person) -> Person:
    """Each landmark between its two positions, nearer to the one that is seen better."""
    weights = np.stack([a[:, 2], b[:, 2]]).clip(_LEAST_SEEN, 1) ** 2
    weights = (weights / weights.sum(axis=0))[..., None]
    mean = weights[0] * a + weights[1] * b
    mean[:, 2] = (a[:, 2] + b[:, 2]) / 2
    return mean


def _apart(a: Person, b: Person) -> float:
    """Mean distance of the compared landmarks, as a fraction of the person's size."""
    size = math.sqrt(max(float(np.prod(np.ptp(a[:, :2], axis=0))), 1.0))
    distance = np.linalg.norm(a[_COMPARED, :2] - b[_COMPARED, :2], axis=1) / size
    return float(np.minimum(distance, FAR).mean())
