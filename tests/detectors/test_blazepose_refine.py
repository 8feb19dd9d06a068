import math

import numpy as np
import pytest
from PIL import Image

from detectors.base import Resources
from detectors.blazepose import PERSON_SIGNS, BlazePose
from detectors.blazepose_landmarks import MIRRORED, LandmarkNet, Region
from detectors.blazepose_people import score_of
from detectors.blazepose_refine import Refiner, _apart, _mean, overlap
from detectors.skeletons import BLAZEPOSE_33

# On the photo of the yoga pose, checked by eye (test_blazepose.py).
EXPECTED = {
    "nose": (463, 286),
    "left_shoulder": (544, 321),
    "left_wrist": (695, 315),
    "right_wrist": (301, 308),
    "left_ankle": (701, 616),
    "right_ankle": (351, 607),
}
COLUMNS = [BLAZEPOSE_33.index(name) for name in EXPECTED]
PLACES = np.array(list(EXPECTED.values()))


@pytest.fixture(scope="module")
def net():
    return LandmarkNet()


@pytest.fixture
def yoga(shared):
    image = Image.open(shared / "photos/01_full_body_yoga_landscape.jpg").convert("RGB")
    return np.asarray(image)


def farthest(person, places=PLACES):
    return np.linalg.norm(person[COLUMNS, :2] - places, axis=1).max()


def test_mirrored_landmarks_are_those_of_the_other_side():
    assert [BLAZEPOSE_33[MIRRORED[k]] for k in (0, 11, 12, 31)] == [
        "nose",
        "right_shoulder",
        "left_shoulder",
        "right_big_toe",
    ]
    assert sorted(MIRRORED) == list(range(33))
    assert [MIRRORED[k] for k in MIRRORED] == list(range(33))


def test_region_about_a_person_lying_with_the_head_to_the_right():
    person = np.zeros((33, 6))
    for side in ("left", "right"):
        person[BLAZEPOSE_33.index(f"{side}_hip"), :2] = 100, 50
        person[BLAZEPOSE_33.index(f"{side}_shoulder"), :2] = 150, 50
    person[:, :2] = np.where(person[:, :2] == 0, (100, 50), person[:, :2])
    person[BLAZEPOSE_33.index("left_heel"), :2] = 20, 50
    region = Region.about(person)
    assert (region.x, region.y) == (100, 50)
    assert region.side == pytest.approx(2 * 80 * 1.25)
    assert region.turn == pytest.approx(math.pi / 2)
    assert Region.aligned(np.array([[100.0, 50.0], [100.0, -30.0]])).turn == 0


@pytest.mark.parametrize("mirror", [False, True])
def test_landmarks_of_a_region_are_in_the_pictures_own_pixels(net, yoga, mirror):
    person, following = net.find(net.picture(yoga), Region(510, 460, 560, 0.0), mirror)
    assert farthest(person) < 15
    assert abs(following.turn) < 0.2
    assert 400 < following.side < 700


def test_a_turned_picture_needs_a_turned_region(net, yoga):
    turned = np.ascontiguousarray(np.rot90(yoga))  # anticlockwise: heads to the left
    height = yoga.shape[1]
    places = np.stack([PLACES[:, 1], height - 1 - PLACES[:, 0]], 1)
    person, _ = net.find(net.picture(turned), Region(460, height - 1 - 510, 560, -math.pi / 2))
    assert farthest(person, places) < 15


def test_nobody_is_seen_where_nobody_is(net, yoga):
    assert net.find(net.picture(np.full_like(yoga, 128)), Region(300, 300, 400, 0.0)) is None


def test_a_badly_placed_person_is_put_right(yoga):
    rough = np.zeros((33, 6))
    places = {"left_hip": (522, 471), "right_hip": (470, 471), **EXPECTED}
    places["right_shoulder"] = (449, 325)
    rough[:, :2] = places["left_hip"]
    for name, place in places.items():
        rough[BLAZEPOSE_33.index(name), :2] = place
    rough[:, :2] = (rough[:, :2] - 500) * 0.8 + 520  # a fifth too small and beside it
    assert farthest(rough) > 40
    refiner = Refiner(passes=2, doubt=0.06)
    again = refiner.again(refiner.picture(yoga), rough, Region.about(rough))
    assert farthest(again.person) < 15
    assert again.apart < 0.05


def test_who_fills_the_picture_is_seen_though_nobody_was_found(yoga, shared):
    refiner = Refiner(passes=2, doubt=0.06)
    cut = yoga[250:650, 270:740]
    alone = refiner.whole(refiner.picture(cut), cut.shape[1], cut.shape[0])
    assert farthest(alone.person, PLACES - (270, 250)) < 15
    assert score_of(alone, PERSON_SIGNS) > 0.9
    for name in ("14_no_person_landscape.jpg", "24_no_person_coffee.png"):
        empty = np.asarray(Image.open(shared / "photos" / name).convert("RGB"))
        guess = refiner.whole(refiner.picture(empty), empty.shape[1], empty.shape[0])
        assert guess is None or score_of(guess, PERSON_SIGNS) < 0.4


def test_mean_leans_to_what_is_seen_and_apart_is_in_sizes():
    a = np.zeros((33, 6))
    a[:, 0], a[:, 1], a[:, 2] = np.arange(33), np.arange(33), 0.9
    b = a + np.array([3, 0, 0, 0, 0, 0])
    b[:, 2] = 0.0
    assert np.abs(_mean(a, b)[:, :2] - a[:, :2]).max() < 0.01
    assert _mean(a, b)[0, 2] == pytest.approx(0.45)
    assert _apart(a, a) == 0
    assert _apart(a, b) == pytest.approx(3 / 32)
    assert _apart(a, a + np.array([1000, 0, 0, 0, 0, 0])) == pytest.approx(0.3)
    assert overlap(a, a) == pytest.approx(1)
    assert overlap(a, a + np.array([100, 0, 0, 0, 0, 0])) == 0


def test_refining_moves_nobody_onto_somebody_else(yoga, tmp_path):
    """Two people side by side stay two, searched for in one frame and followed to the next."""
    pair = np.concatenate([yoga, yoga], axis=1)
    detector, resources = BlazePose(), Resources(weights_dir=tmp_path)
    (first,) = detector.detect([yoga], resources, "x").keypoints
    found = detector.detect([pair, np.roll(pair, 4, axis=1)], resources, "x")
    assert np.bincount(found.frame).tolist() == [2, 2]
    for frame, shift in ((0, 0), (1, 4)):
        rows = found[found.frame == frame]
        left, right = rows.keypoints[np.argsort(rows.boxes[:, 0])] - (shift, 0)
        assert np.median(np.linalg.norm(left - first, axis=1)) < 10
        assert np.median(np.linalg.norm(right - (1000, 0) - first, axis=1)) < 10
