"""BlazePose's world landmarks as 3-D keypoints, against rendered people whose pose is known."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detectors.base import Resources
from detectors.blazepose import BlazePose
from detectors.blazepose_landmarks import LandmarkNet, Region
from detectors.skeletons import BLAZEPOSE_33

DEMO = Path(__file__).resolve().parents[2] / "assets/demo"
# SMPL's joints that BlazePose names, too.
LIMBS = {
    "left_shoulder": 16,
    "right_shoulder": 17,
    "left_elbow": 18,
    "right_elbow": 19,
    "left_wrist": 20,
    "right_wrist": 21,
    "left_hip": 1,
    "right_hip": 2,
    "left_knee": 4,
    "right_knee": 5,
    "left_ankle": 7,
    "right_ankle": 8,
}
COLUMNS = [BLAZEPOSE_33.index(name) for name in LIMBS]
HIPS = [BLAZEPOSE_33.index(f"{side}_hip") for side in ("left", "right")]


@pytest.fixture(scope="module")
def truth() -> dict[str, np.ndarray]:
    with np.load(DEMO / "truth.npz", allow_pickle=False) as archive:
        return dict(archive)


def picture(name: str) -> np.ndarray:
    return np.asarray(Image.open(DEMO / name).convert("RGB"))


def true_limbs(truth: dict[str, np.ndarray], name: str) -> np.ndarray:
    """The joints LIMBS (12, 3) about the middle of the hips, of the one person of a picture."""
    (row,) = np.flatnonzero(truth["picture"] == name)
    joints = truth["joints"][row]
    return joints[list(LIMBS.values())] - joints[[1, 2]].mean(0)


def error(lifted: np.ndarray, limbs: np.ndarray) -> float:
    return float(np.linalg.norm(lifted[COLUMNS] - limbs, axis=1).mean())


@pytest.mark.parametrize("refine", [0, 2])
@pytest.mark.parametrize(("name", "bound"), [("wave.jpg", 0.09), ("warrior.jpg", 0.09)])
def test_axes_signs_and_size_are_those_of_the_camera(name, bound, refine, truth, tmp_path):
    found = BlazePose(refine=refine).detect([picture(name)], Resources(weights_dir=tmp_path), "x")
    (lifted,) = found.keypoints_3d
    limbs = true_limbs(truth, name)
    assert error(lifted, limbs) < bound
    for axis in range(3):  # depth least: these two poses are rather flat
        flipped = lifted * np.where(np.arange(3) == axis, -1, 1)
        assert error(flipped, limbs) > 1.3 * error(lifted, limbs)
    np.testing.assert_allclose(lifted[HIPS].mean(0), 0, atol=1e-6)


def test_somebody_who_strides_reaches_into_the_picture(truth, tmp_path):
    """The runner's arms and legs are before and behind the trunk: depth has the right sign."""
    found = BlazePose().detect([picture("runner.jpg")], Resources(weights_dir=tmp_path), "x")
    depth = found.keypoints_3d[0, COLUMNS, 2]
    true = true_limbs(truth, "runner.jpg")[:, 2]
    assert np.corrcoef(depth, true)[0, 1] > 0.8


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("turn", [0, 1])
def test_a_turned_region_and_a_mirrored_look_give_the_same_axes(mirror, turn, truth):
    net = LandmarkNet()
    (row,) = np.flatnonzero(truth["picture"] == "wave.jpg")
    hips = truth["joints"][row, [1, 2]].mean(0)
    x, y = truth["focal_length"][row] * hips[:2] / hips[2] + truth["center"][row]
    width = truth["image_size"][row][0]
    limbs = true_limbs(truth, "wave.jpg")
    image = picture("wave.jpg")
    if turn:  # anticlockwise: the head is to the left, what was right is up
        image = np.ascontiguousarray(np.rot90(image))
        x, y = y, width - 1 - x
        limbs = limbs[:, [1, 0, 2]] * (1, -1, 1)
    region = Region(float(x), float(y), 950.0, -turn * np.pi / 2)
    person, _ = net.find(net.picture(image), region, mirror)
    assert error(person[:, 3:], limbs) < 0.12
