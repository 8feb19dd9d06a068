import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from detectors.base import Resources
from detectors.blazepose import PERSON_SIGNS, BlazePose
from detectors.native_log import without_chatter
from detectors.skeletons import BLAZEPOSE_33
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def resources(tmp_path_factory):
    return Resources(weights_dir=tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def detector():
    return BlazePose()


def photo(shared, name):
    return np.asarray(Image.open(shared / "photos" / name).convert("RGB"))


@pytest.mark.parametrize(
    ("option", "value"),
    [("max_people", 0), ("person_score", 2), ("tile", -1), ("padding", -0.1), ("padding", np.nan)],
)
def test_bad_option_is_named(option, value):
    with pytest.raises(ValueError, match=rf"BlazePose\.{option}: expected .*got"):
        BlazePose(**{option: value})


def test_joints_of_the_yoga_pose(shared, detector, resources):
    found = detector.detect([photo(shared, "01_full_body_yoga_landscape.jpg")], resources, "x")
    assert found.joint_names == BLAZEPOSE_33
    assert len(found) == 1
    # Checked by eye on an overlay of the photo; his left arm points to the picture's right.
    expected = {
        "nose": (463, 286),
        "left_shoulder": (544, 321),
        "right_shoulder": (449, 325),
        "left_wrist": (695, 315),
        "right_wrist": (301, 308),
        "left_hip": (522, 471),
        "left_knee": (611, 549),
        "right_knee": (356, 491),
        "left_ankle": (701, 616),
        "right_ankle": (351, 607),
        "right_big_toe": (308, 632),
    }
    for name, position in expected.items():
        k = BLAZEPOSE_33.index(name)
        assert np.linalg.norm(found.keypoints[0, k] - position) < 15, name
        assert found.scores[0, k] > 0.8, name
    assert found.boxes[0] == pytest.approx([279, 275, 731, 633], abs=20)


@pytest.mark.parametrize(
    ("signs", "said"),
    [
        ({"face": 5.0}, "expected the keys"),
        (PERSON_SIGNS | {"face": -1.0}, "face: expected a finite number, 0 or more"),
        (PERSON_SIGNS | {"constant": np.inf}, "constant: expected a finite number, got inf"),
    ],
)
def test_weights_of_signs_that_make_no_sense_are_refused(signs, said):
    with pytest.raises(ValueError, match=said):
        BlazePose(person_signs=signs)


def test_a_frame_gives_the_same_numbers_wherever_it_stands(shared, detector, resources):
    yoga = photo(shared, "01_full_body_yoga_landscape.jpg")
    other = photo(shared, "08_skier_full_body.jpg")
    found = detector.detect([other, yoga, other, yoga], resources, "x")
    assert found.frame.tolist() == [0, 1, 2, 3]
    assert np.array_equal(found.keypoints[0], found.keypoints[2])
    again = BlazePose().detect([yoga], resources, "x")
    assert np.array_equal(found.keypoints[1], found.keypoints[3])
    assert np.array_equal(found.keypoints[1], again.keypoints[0])


def test_two_people_side_by_side(shared, detector, resources):
    yoga = photo(shared, "01_full_body_yoga_landscape.jpg")
    alone = detector.detect([yoga], resources, "x").keypoints[0]
    found = detector.detect([np.concatenate([yoga, yoga], axis=1)], resources, "x")
    assert len(found) == 2
    left, right = found.keypoints[np.argsort(found.boxes[:, 0])]
    assert np.median(np.linalg.norm(left - alone, axis=1)) < 10
    assert np.median(np.linalg.norm(right - (1000, 0) - alone, axis=1)) < 10


def test_couple_and_crowd(shared, detector, resources):
    couple = photo(shared, "05_couple_walking_dog_small.jpg")
    crowd = photo(shared, "15_large_group_1927.jpg")  # 29 people, too small for a single search
    found = detector.detect([couple, crowd], resources, "x")
    counts = np.bincount(found.frame)
    assert counts[0] == 2
    assert 20 <= counts[1] <= 29
    assert len(BlazePose(tile=0).detect([crowd], resources, "x")) < counts[1]


def test_each_row_says_how_likely_it_is_a_person(shared, detector, resources):
    yoga = photo(shared, "01_full_body_yoga_landscape.jpg")
    assert detector.detect([yoga], resources, "x").person_score == pytest.approx([1], abs=0.02)
    once = BlazePose(refine=0).detect([yoga], resources, "x")
    assert len(once) == 1
    assert np.isnan(once.person_score).all()


def test_furniture_is_nobody(shared, detector, resources):
    """The first frame of this clip had a second person, on the chairs behind the first one."""
    import cv2

    video = cv2.VideoCapture(str(shared / "videos/v2_pose_576_30fps.mp4"))
    frame = np.ascontiguousarray(video.read()[1][..., ::-1])
    video.release()
    assert len(detector.detect([frame], resources, "x")) == 1


def test_least_person_score_decides_who_is_reported(shared, detector, resources):
    coffee = photo(shared, "24_no_person_coffee.png")
    assert len(detector.detect([coffee], resources, "x")) == 0
    unlikely = BlazePose(person_score=0).detect([coffee], resources, "x").person_score
    assert len(unlikely) > 0
    assert (unlikely < 0.4).all()


@pytest.mark.parametrize("name", ["14_no_person_landscape.jpg", "24_no_person_coffee.png"])
def test_nobody_in_a_picture_without_people(shared, detector, resources, name):
    assert len(detector.detect([photo(shared, name)], resources, "x")) == 0


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 3000), (3000, 1), (10, 2000)])
def test_odd_sizes_have_nobody(detector, resources, size):
    assert len(detector.detect([np.full((*size, 3), 200, np.uint8)], resources, "x")) == 0


def test_someone_who_fills_the_picture_needs_the_border(shared, resources):
    yoga = photo(shared, "01_full_body_yoga_landscape.jpg")[270:640, 275:735]
    found = BlazePose().detect([yoga], resources, "x")
    assert len(found) == 1
    left_wrist = found.keypoints[0, BLAZEPOSE_33.index("left_wrist")]
    assert np.linalg.norm(left_wrist - (695 - 275, 315 - 270)) < 15


def test_chatter_is_dropped_and_errors_are_not(capfd):
    with without_chatter():
        os.write(2, b"I0000 00:00:1795387489.67 1 a.cc:85] hello\nE0000 00:00:17 1 a.cc] broken\n")
    assert capfd.readouterr().err == "E0000 00:00:17 1 a.cc] broken\n"


def test_everything_is_shown_when_it_fails(capfd):
    def fail():
        with without_chatter():
            os.write(2, b"I0000 00:00:1795387489.67 1 a.cc:85] hello\n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert "hello" in capfd.readouterr().err


def test_mediapipe_comes_without_pyplot_which_still_comes_when_asked_for():
    code = (
        "import sys\n"
        "from detectors.blazepose_landmarks import LandmarkNet\n"
        "LandmarkNet()\n"
        "assert 'mediapipe' in sys.modules and 'matplotlib' not in sys.modules\n"
        "import matplotlib.pyplot as plt; assert plt.figure\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
