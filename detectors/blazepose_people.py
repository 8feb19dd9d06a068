"""Who of the finds is a person: a score for each, and which of them are the same person."""

import math
from collections.abc import Mapping

import numpy as np

from detectors.blazepose_landmarks import FACE, Person
from detectors.blazepose_refine import FAR, Find, overlap, size_of

_SEEN = 0.5  # visibility of the landmarks that make a person's box
SURE_FACE = 0.75  # score; weaker ones are seen in hands and clothes, too
_INSIDE = 0.7  # of a box; a smaller find that lies so far inside another one is a part of it
_FINEST = 0.01  # of a person's size; looks do not agree better than the landmarks are placed
SIGNS = ("agreement", "face")


def signs_of(find: Find) -> dict[str, float]:
    """What tells that a find is a person; more of each is more likely a person.

    `agreement` of the plain and the mirrored look: minus the logarithm of how far they lie apart,
    of the person's size. `face`: the score of the face that was seen in the head; 0: none was.
    """
    return {
        "agreement": -math.log(min(find.apart, FAR) + _FINEST),
        "face": find.face.score if find.face else 0.0,
    }


def score_of(find: Find, weights: Mapping[str, float]) -> float:
    """How likely a find is a person, 0..1: a logistic model of its signs; NaN if nobody looked at
    it again.

    Args:
        weights: of each of SIGNS, and `constant`.
    """
    if math.isnan(find.apart):
        return math.nan
    value = weights["constant"] + sum(weights[n] * sign for n, sign in signs_of(find).items())
    return 1 / (1 + math.exp(-value))


def distinct(
    found: list[Find], weights: Mapping[str, float], least_score: float, max_iou: float
) -> list[Find]:
    """The finds that are people, the surest first, each person once.

    Args:
        weights: of score_of.
        least_score: finds with a lower score are nobody.
        max_iou: finds whose boxes overlap more than this are the same person, unless the face
            finder saw both their faces.
    """
    scored = [(score_of(find, weights), find) for find in found]
    people = [(_worth(*each), each[1]) for each in scored if not each[0] < least_score]
    kept: list[Find] = []
    for _, find in sorted(people, key=lambda each: -each[0]):
        if not any(_same(find, other, max_iou) for other in kept):
            kept.append(find)
    return [find for find in kept if not any(_is_part(find, other) for other in kept)]


def _worth(score: float, find: Find) -> float:
    return float(find.person[:, 2].clip(0, 1).mean()) if math.isnan(score) else score


def _same(find: Find, kept: Find, max_iou: float) -> bool:
    if same_face(find.person, kept.person):
        return True
    if find.face and kept.face:
        return find.face == kept.face
    return overlap(find.person, kept.person) > max_iou


def _is_part(find: Find, whole: Find) -> bool:
    """Whether a find is a part of a larger one: some limbs, seen as a small body whose face the
    face finder did not see, or was not sure of."""
    if find.face and find.face.score >= SURE_FACE:
        return False
    (low, high), (whole_low, whole_high) = _box(find.person), _box(whole.person)
    both = np.prod((np.minimum(high, whole_high) - np.maximum(low, whole_low)).clip(0))
    area, whole_area = np.prod(high - low), np.prod(whole_high - whole_low)
    return bool(area < whole_area and both > _INSIDE * area)


def same_face(a: Person, b: Person) -> bool:
    """One face belongs to one person, even if the bodies below it were found differently."""
    apart = np.linalg.norm(a[FACE, :2] - b[FACE, :2], axis=1)
    return bool(np.median(apart) < 0.05 * max(size_of(a), size_of(b)))


def _box(person: Person) -> tuple[np.ndarray, np.ndarray]:
    seen = person[:, 2] >= _SEEN
    points = person[seen if seen.sum() >= 3 else slice(None), :2]
    return points.min(0), points.max(0)
