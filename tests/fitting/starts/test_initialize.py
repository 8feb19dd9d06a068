"""Where a fit starts: the way the body faces, and its place, on points drawn by hand."""

import numpy as np
import pytest
import torch

from fitting.fit_config import Start
from fitting.joints import LSP_14
from fitting.rotations import matrix_from_quaternion
from fitting.starts.initialize import (
    enough_to_fit,
    start_orientation,
    start_translation,
    trunk_roll,
    turned,
    upright,
)

FIGURE = {  # somebody who stands and faces the camera, m: x right, y down
    "right_ankle": (-0.10, 0.90),
    "right_knee": (-0.10, 0.50),
    "right_hip": (-0.10, 0.05),
    "left_hip": (0.10, 0.05),
    "left_knee": (0.10, 0.50),
    "left_ankle": (0.10, 0.90),
    "right_wrist": (-0.75, -0.45),
    "right_elbow": (-0.45, -0.45),
    "right_shoulder": (-0.18, -0.45),
    "left_shoulder": (0.18, -0.45),
    "left_elbow": (0.45, -0.45),
    "left_wrist": (0.75, -0.45),
    "neck": (0.0, -0.50),
    "head_top": (0.0, -0.75),
}
FLAT = torch.tensor([FIGURE[name] for name in LSP_14], dtype=torch.float64)[None]
ALL = torch.ones(1, 14, dtype=torch.float64)


def rolled(angle: float, mirrored: bool = False) -> torch.Tensor:
    """The figure in the image, turned clockwise; seen from behind if mirrored."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = torch.tensor([[cos, sin], [-sin, cos]], dtype=torch.float64)
    return FLAT * torch.tensor([-1.0 if mirrored else 1.0, 1.0], dtype=torch.float64) @ turn


def without(*names: str) -> torch.Tensor:
    weight = ALL.clone()
    weight[:, [LSP_14.index(name) for name in names]] = 0
    return weight


def axes(root: torch.Tensor) -> torch.Tensor:
    """Where the body's own axes (left, up, forward) point in the camera's frame."""
    return matrix_from_quaternion(root)[0].T


def angle(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)


@pytest.mark.parametrize("roll", [0.0, 0.7, -2.0, np.pi])
@pytest.mark.parametrize("yaw", [0.0, np.pi / 2, np.pi])
def test_upright_bodies_are_turned_about_themselves_and_then_rolled(roll, yaw):
    left, up, forward = axes(upright(angle(roll), angle(yaw)))
    assert up.tolist() == pytest.approx([np.sin(roll), -np.cos(roll), 0], abs=1e-12)
    assert forward[2].item() == pytest.approx(-np.cos(yaw), abs=1e-12), "to the camera at 0"
    assert left[2].item() == pytest.approx(np.sin(yaw), abs=1e-12)


def test_turned_by_180_degrees_a_body_looks_the_other_way():
    root = upright(angle(0.4), angle(0.9))
    before, after = axes(root), axes(turned(root))
    torch.testing.assert_close(after[1], before[1])
    torch.testing.assert_close(after[[0, 2]], -before[[0, 2]])
    assert turned(root[:0]).shape == (0, 4)


@pytest.mark.parametrize("roll", [0.0, 1.2, -2.5, 3.0])
@pytest.mark.parametrize(
    "missing",
    [
        (),
        ("left_shoulder", "right_shoulder"),  # head and neck in their place
        ("left_hip", "right_hip"),  # the knees
        ("left_hip", "right_hip", "left_knee", "right_knee"),  # from the shoulders to the head
    ],
    ids=len,
)
def test_the_trunk_leans_as_its_keypoints_do(roll, missing):
    found = trunk_roll(rolled(roll), without(*missing)).item()
    assert found == pytest.approx(roll, abs=1e-9)


def test_one_shoulder_counts_for_both():
    """It is 18 cm beside the middle of the trunk and 50 cm above the hips."""
    found = trunk_roll(rolled(1.0), without("left_shoulder")).item()
    assert found == pytest.approx(1.0 - np.arctan(0.18 / 0.5))


def test_too_little_of_the_trunk_leans_nowhere():
    seen = without(*(name for name in LSP_14 if "knee" not in name and "wrist" not in name))
    assert trunk_roll(rolled(1.0), seen).item() == 0
    assert trunk_roll(torch.zeros(1, 14, 2).double(), ALL).item() == 0, "all in one place"


@pytest.mark.parametrize("roll", [0.0, 1.2, -2.5])
def test_left_on_the_left_of_the_image_is_seen_from_behind(roll):
    for mirrored, forward in ((False, -1), (True, 1)):
        root = start_orientation(rolled(roll, mirrored), ALL, Start.image)
        found = axes(root)
        assert found[2, 2].item() == pytest.approx(forward)
        assert found[1].tolist() == pytest.approx([np.sin(roll), -np.cos(roll), 0], abs=1e-9)
        plain = start_orientation(rolled(roll, mirrored), ALL, Start.upright)
        torch.testing.assert_close(plain, upright(angle(0.0), angle(0.0)))


def test_one_pair_of_sides_is_enough_to_tell_front_from_back():
    for missing in (("left_hip",), ("right_shoulder",)):
        root = start_orientation(rolled(0.0, mirrored=True), without(*missing), Start.image)
        assert axes(root)[2, 2].item() == pytest.approx(1)


def placed(points: torch.Tensor, place: list[float], weight: torch.Tensor = ALL) -> torch.Tensor:
    """The place that is found for points whose keypoints are theirs at `place`."""
    focal_length, center = angle(800.0), torch.tensor([[320.0, 240.0]], dtype=torch.float64)
    there = points + torch.tensor(place, dtype=torch.float64)
    xy = 800 * there[..., :2] / there[..., 2:] + center
    return start_translation(points, xy, weight, focal_length, center)[0]


@pytest.mark.parametrize(
    "missing",
    [
        (),
        ("left_hip",),
        ("left_hip", "right_hip"),  # no side is seen whole: a limb tells the size
        tuple(name for name in LSP_14 if name not in ("left_knee", "left_ankle")),
    ],
    ids=len,
)
def test_a_body_that_lies_in_the_image_plane_is_found_where_it_is(missing):
    points = torch.cat([FLAT, torch.zeros(1, 14, 1, dtype=torch.float64)], -1)
    place = [0.4, -0.2, 3.5]
    assert placed(points, place, without(*missing)).tolist() == pytest.approx(place)


def test_a_trunk_that_points_at_the_camera_says_nothing_about_depth():
    """A dive: hips and shoulders are nearly one behind the other. The arms are across."""
    points = torch.cat([FLAT, torch.zeros(1, 14, 1, dtype=torch.float64)], -1)
    trunk = [i for i, n in enumerate(LSP_14) if n.endswith(("hip", "knee", "ankle"))]
    points[:, trunk, 2] = points[:, trunk, 1] + 0.45
    points[:, trunk, 1] = -0.45 + 0.02
    points[:, trunk, 0] *= 1.8
    found = placed(points, [0.0, 0.0, 6.0])
    assert found[2].item() == pytest.approx(6, rel=0.1)


def test_a_row_is_placed_the_same_alone_and_no_rows_nowhere():
    points = torch.cat([FLAT, torch.zeros(1, 14, 1, dtype=torch.float64)], -1).expand(3, 14, 3)
    xy = 100 * FLAT * torch.tensor([1.0, 2, 3]).double()[:, None, None]
    rows = (
        points,
        xy,
        ALL.expand(3, 14),
        torch.full((3,), 800.0).double(),
        torch.zeros(3, 2).double(),
    )
    together = start_translation(*rows)
    for row in range(3):
        alone = start_translation(*(part[row : row + 1] for part in rows))
        torch.testing.assert_close(alone[0], together[row])
    assert together[:, 2].tolist() == pytest.approx([8, 4, 8 / 3])
    assert start_translation(*(part[:0] for part in rows)).shape == (0, 3)
    assert start_orientation(xy[:0], ALL[:0], Start.image).shape == (0, 4)


def test_four_joints_in_different_places_are_enough():
    xy = 100 * FLAT.numpy().repeat(6, 0)
    confidence = np.ones((6, 14))
    confidence[1, 4:] = 0  # four joints
    confidence[2, 3:] = 0  # three
    xy[3] = 50  # all in one place
    xy[4, :, 0], xy[4, :, 1] = 50, np.linspace(0, 1.5, 14)  # a short line
    xy[5, 4:], confidence[5, 4:] = np.nan, 0  # what is missing may hold anything
    assert enough_to_fit(xy, confidence).tolist() == [True, True, False, False, True, True]
    assert enough_to_fit(xy[:0], confidence[:0]).shape == (0,)
