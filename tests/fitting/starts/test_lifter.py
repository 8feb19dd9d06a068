"""What holds for any network: what it may not look at, and how it moves with the camera."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting.joints import HIPS, LSP_14, POINTS
from fitting.starts.lifter import MIRRORED, Lifter, load_lifter, upright_view

PEOPLE, WIDTH = 6, 24
FOCAL = torch.full((PEOPLE,), 900.0, dtype=torch.float64)
CENTER = torch.tensor([[319.5, 239.5]], dtype=torch.float64).expand(PEOPLE, 2)
STANDING = np.array(
    [
        [-20, 90],
        [-18, 50],
        [-12, 5],
        [12, 0],
        [22, 45],
        [25, 88],
        [-60, 20],
        [-45, -15],
        [-22, -55],
        [20, -58],
        [40, -20],
        [62, 15],
        [0, -65],
        [3, -95],
    ]
)


def random_lifter(seed=0):
    """A network of random weights, some 0.3 m large in its output."""
    torch.manual_seed(seed)
    return Lifter(
        first_weight=0.3 * torch.randn(WIDTH, 77),
        first_bias=0.1 * torch.randn(WIDTH),
        hidden_weight=0.2 * torch.randn(4, WIDTH, WIDTH),
        hidden_bias=0.1 * torch.randn(4, WIDTH),
        last_weight=0.02 * torch.randn(56, WIDTH),
        last_bias=0.1 * torch.randn(56),
    )


@pytest.fixture(scope="module")
def lifter():
    return random_lifter()


@pytest.fixture
def keypoints():
    """People beside the middle of the image (6, 25, 2), with confidences."""
    rng = np.random.default_rng(3)
    face_and_feet = STANDING[[13, 13, 13, 13, 13, 5, 5, 5, 0, 0, 0]] + rng.normal(0, 6, (11, 2))
    points = np.concatenate([STANDING, face_and_feet])
    xy = points + rng.normal(0, 8, (PEOPLE, 25, 2)) + rng.uniform(150, 400, (PEOPLE, 1, 2))
    return torch.as_tensor(xy), torch.as_tensor(rng.uniform(0.3, 1, (PEOPLE, 25)))


def same(found, expected, tolerance=1e-5):
    torch.testing.assert_close(found.joints, expected.joints, atol=tolerance, rtol=0)
    torch.testing.assert_close(found.sigma, expected.sigma, atol=tolerance, rtol=0)


@pytest.mark.parametrize("n", [14, 25])
def test_lifts_to_joints_about_the_middle_of_the_hips(lifter, keypoints, n):
    xy, confidence = keypoints
    found = lifter.lift(xy[:, :n], confidence[:, :n], FOCAL, CENTER)
    assert found.joints.shape == (PEOPLE, 14, 3)
    assert found.sigma.shape == (PEOPLE, 14)
    assert found.joints.dtype == torch.float64
    assert (found.sigma > 0).all()
    assert found.joints.std() > 0.01, "a network that says nothing would pass every test"
    assert found.joints[:, HIPS].mean(1).abs().max() < 1e-12
    same(found[2:4], lifter.lift(xy[2:4, :n], confidence[2:4, :n], FOCAL[2:4], CENTER[2:4]))


def test_missing_points_have_no_influence(lifter, keypoints):
    xy, confidence = keypoints
    gone = [0, 1, 13, 14, 20]
    confidence[:, gone] = 0
    expected = lifter.lift(xy, confidence, FOCAL, CENTER)
    for value in (0.0, 1e6, float("nan")):
        other = xy.clone()
        other[:, gone] = value
        same(lifter.lift(other, confidence, FOCAL, CENTER), expected)


def test_lsp_alone_is_all_points_with_face_and_feet_missing(lifter, keypoints):
    xy, confidence = keypoints
    expected = lifter.lift(xy[:, :14], confidence[:, :14], FOCAL, CENTER)
    with_extras = lifter.lift(xy, confidence, FOCAL, CENTER)
    assert (with_extras.joints - expected.joints).abs().max() > 1e-3
    confidence[:, 14:] = 0
    same(lifter.lift(xy, confidence, FOCAL, CENTER), expected)


def test_a_mirrored_photo_gives_the_mirrored_person(lifter, keypoints):
    xy, confidence = keypoints
    expected = lifter.lift(xy, confidence, FOCAL, CENTER)
    mirrored = xy[:, MIRRORED]
    mirrored[..., 0] = 2 * CENTER[0, 0] - mirrored[..., 0]
    found = lifter.lift(mirrored, confidence[:, MIRRORED], FOCAL, CENTER)
    sides = MIRRORED[:14]
    joints = expected.joints[:, sides] * torch.tensor([-1.0, 1.0, 1.0])
    same(found, replace(expected, joints=joints, sigma=expected.sigma[:, sides]))


def test_mirrored_names_the_other_side():
    assert POINTS[MIRRORED[POINTS.index("left_heel")]] == "right_heel"
    assert POINTS[MIRRORED[POINTS.index("nose")]] == "nose"
    assert sorted(MIRRORED[:14]) == list(range(14))


@pytest.mark.parametrize(("scale", "shift"), [(3.0, 0.0), (0.25, 0.0), (1.0, 500.0)])
def test_a_larger_or_cropped_photo_changes_nothing(lifter, keypoints, scale, shift):
    xy, confidence = keypoints
    found = lifter.lift(scale * xy + shift, confidence, scale * FOCAL, scale * CENTER + shift)
    same(found, lifter.lift(xy, confidence, FOCAL, CENTER))


@pytest.mark.parametrize("angle", [0.7, np.pi / 2, np.pi, -2.4])
def test_a_rolled_photo_gives_the_rolled_person(lifter, keypoints, angle):
    """But for what the network is told of the lean, which lets it know who stands and who lies."""
    first = lifter.first_weight.clone()
    first[:, -2:] = 0
    lifter = replace(lifter, first_weight=first)
    xy, confidence = keypoints
    cos, sin = np.cos(angle), np.sin(angle)
    turn = torch.tensor([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], dtype=torch.float64)
    expected = lifter.lift(xy, confidence, FOCAL, CENTER)
    rolled = (xy - CENTER[:, None]) @ turn[:2, :2].mT + CENTER[:, None]
    found = lifter.lift(rolled, confidence, FOCAL, CENTER)
    same(found, replace(expected, joints=expected.joints @ turn.mT), tolerance=1e-3)


def test_a_camera_turned_away_gives_the_turned_person(lifter, keypoints):
    xy, confidence = keypoints
    angle = np.deg2rad(20)  # to the person's right: they move to the left of the image
    turn = torch.tensor(
        [[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]]
    )
    rays = torch.cat([(xy - CENTER[:, None]) / 900, torch.ones_like(xy[..., :1])], -1) @ turn.mT
    turned = 900 * rays[..., :2] / rays[..., 2:] + CENTER[:, None]
    before = lifter.lift(xy, confidence, FOCAL, CENTER)
    found = lifter.lift(turned, confidence, FOCAL, CENTER)
    assert (found.joints - before.joints).abs().max() > 0.03
    same(found, replace(before, joints=before.joints @ turn.mT), tolerance=0.01)


def test_one_wild_keypoint_hardly_moves_the_others(keypoints):
    xy, confidence = keypoints
    confidence = torch.ones_like(confidence)
    before = upright_view(xy[:, :14], confidence[:, :14], FOCAL, CENTER).points
    wild = LSP_14.index("left_ankle")
    xy[:, wild] += 2000
    after = upright_view(xy[:, :14], confidence[:, :14], FOCAL, CENTER).points
    others = [i for i in range(14) if i != wild]
    assert (after - before)[:, others].norm(dim=-1).mean() < 0.3
    assert after[:, wild].norm(dim=-1).max() < 5.01


def test_nothing_seen_is_finite(lifter):
    xy = torch.full((PEOPLE, 14, 2), float("nan"), dtype=torch.float64)
    found = lifter.lift(xy, torch.zeros(PEOPLE, 14, dtype=torch.float64), FOCAL, CENTER)
    assert found.joints.isfinite().all()
    assert found.sigma.isfinite().all()


def test_refuses_a_wrong_number_of_points(lifter, keypoints):
    xy, confidence = keypoints
    with pytest.raises(ValueError, match="expected 14 or 25 points, got 17"):
        lifter.lift(xy[:, :17], confidence[:, :17], FOCAL, CENTER)


def test_a_file_is_read_back_and_a_wrong_one_refused(lifter, keypoints, tmp_path):
    arrays = {name: value.numpy() for name, value in vars(lifter).items()}
    path = tmp_path / "lifter.npz"
    np.savez(path, **arrays)
    xy, confidence = keypoints
    expected = lifter.lift(xy, confidence, FOCAL, CENTER)
    same(load_lifter(path).lift(xy, confidence, FOCAL, CENTER), expected)
    np.savez(path, **{**arrays, "last_bias": np.zeros(42)})
    with pytest.raises(ValueError, match=r"last_bias: expected shape \(56,\), got \(42,\)"):
        load_lifter(path)
    np.savez(path, **{**arrays, "first_bias": np.full(WIDTH, np.nan)})
    with pytest.raises(ValueError, match="finite"):
        load_lifter(path)
    del arrays["first_bias"]
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="lacks first_bias"):
        load_lifter(path)
