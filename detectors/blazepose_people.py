"""Who of the finds is a person: a score for each, and which of them are the same person."""

import math

import numpy as np

from detectors.blazepose_landmarks import FACE, Person
from detectors.blazepose_refine import FAR, Find, overlap, size_of

_SEEN = 0.5  # visibility of the landmarks that make a person's box
SURE_FACE = 0.75  # score; weaker ones are seen in hands and clothes, too
_INSIDE = 0.7  # of a box; a smaller find that lies so far inside another one is a part of it


def score_of(find: Find) -> float:
    """How likely a find is a person, 0..1: a logistic model of its signs; NaN if nobody looked at
    it again."""
    if math.isnan(find.apart):
        return math.nan
    value = 6.0 - 45.0 * min(find.apart, FAR) + 11.5 * (find.face.score if find.face else 0.0)
    return 1 / (1 + math.exp(-value))


def distinct(found: list[Find], least_score: float, max_iou: float) -> list[Find]:
    """The finds that are people, the surest first, each person once.

    Args:
        least_score: finds with a lower score are nobody.
        max_iou: finds whose boxes overlap more than this are the same person, unless the face
            finder saw both their faces.
    """
    people = [find for find in found if not score_of(find) < least_score]
    kept: list[Find] = []
    for find in sorted(people, key=_worth, reverse=True):
        if not any(_same(find, other, max_iou) for other in kept):
            kept.append(find)
    return [find for find in kept if not any(_is_part(find, other) for other in kept)]


def _worth(find: Find) -> float:
    score = score_of(find)
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
