import math

import numpy as np
import pytest

from detectors.blazepose import PERSON_SIGNS as W
from detectors.blazepose_finders import Face
from detectors.blazepose_landmarks import EYES, MOUTH
from detectors.blazepose_people import SIGNS, distinct, score_of, signs_of
from detectors.blazepose_refine import FAR, Find
from detectors.skeletons import BLAZEPOSE_33

FACE = Face(100.0, 50.0, 20.0, (0.0, -1.0), 0.9)


def find(x=100.0, y=50.0, size=200.0, apart=0.02, face=None):
    """An upright person with the face at x, y."""
    person = np.zeros((33, 6))
    person[:, 0] = x + np.linspace(-0.2, 0.2, 33) * size * np.where(np.arange(33) % 2, 1, -1)
    person[:, 1] = y + np.linspace(0, 1, 33) * size
    person[:11, :2] = x, y
    person[EYES, 1], person[MOUTH, 1] = y - 2, y + 2
    person[:, 2] = 0.9
    return Find(person, apart, face)


def test_agreeing_looks_and_a_face_make_a_person_likely():
    scores = [score_of(find(apart=apart), W) for apart in (0.0, 0.05, 0.1, 0.2, FAR)]
    assert scores == sorted(scores, reverse=True)
    assert scores[1] > 0.85
    assert scores[3] < 0.15
    assert score_of(find(apart=0.15, face=FACE), W) > 0.9
    assert math.isnan(score_of(find(apart=math.nan), W))


def test_signs_are_what_tells_people_from_others():
    signs = signs_of(find(apart=0.09, face=FACE))
    assert tuple(signs) == SIGNS
    assert signs == pytest.approx({"agreement": -math.log(0.1), "face": 0.9})
    assert signs_of(find(apart=2.0)) == signs_of(find(apart=FAR))
    weights = {"constant": -0.2, "agreement": 0.0, "face": 1.0}
    assert score_of(find(face=FACE), weights) == pytest.approx(1 / (1 + math.exp(-0.7)))


def test_unlikely_people_are_left_out_and_unknown_ones_stay():
    unlikely, unknown = find(apart=FAR), find(x=600.0, apart=math.nan)
    assert distinct([unlikely, unknown], W, 0.5, 0.5) == [unknown]
    assert len(distinct([unlikely, unknown], W, 0.0, 0.5)) == 2


def test_the_likelier_of_two_finds_of_a_person_stays():
    rough, good = find(apart=0.06), find(x=101.0, apart=0.01)
    assert distinct([rough, good], W, 0.5, 0.5) == [good]


def test_two_people_who_overlap_are_two_if_both_faces_are_seen():
    other = Face(130.0, 40.0, 20.0, (0.0, -1.0), 0.9)
    front, behind = find(), find(x=130.0, y=40.0)
    assert len(distinct([front, behind], W, 0.5, 0.2)) == 1
    faces = [find(face=FACE), find(x=130.0, y=40.0, face=other)]
    assert len(distinct(faces, W, 0.5, 0.2)) == 2


def test_a_small_body_within_a_person_is_a_part_of_them_unless_a_face_is_seen():
    whole, part = find(apart=0.05), find(x=100.0, y=150.0, size=60.0, apart=0.01)
    assert distinct([whole, part], W, 0.5, 0.5) == [whole]
    child = find(y=150.0, size=60.0, face=Face(100.0, 150.0, 8.0, (0.0, -1.0), 0.9))
    assert len(distinct([whole, child], W, 0.5, 0.5)) == 2


@pytest.mark.parametrize(
    ("y", "up", "own"), [(50, -1.0, True), (50, 1.0, False), (80, -1.0, False)]
)
def test_a_face_belongs_to_a_head_that_is_near_and_as_upright(y, up, own):
    assert Face(100.0, y, 20.0, (0.0, up), 0.9).of(find().person) == own


def test_names_of_the_points_of_a_face():
    assert [BLAZEPOSE_33[k] for k in (*EYES, *MOUTH)] == [
        "left_eye",
        "right_eye",
        "left_mouth",
        "right_mouth",
    ]
