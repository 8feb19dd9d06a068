"""Where fits start: what is seen of each person, and the states of the starts."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting import Camera, Keypoints
from fitting.fit_config import FitConfig, StartPose
from fitting.joints import HIPS, LSP_14, TORSO
from fitting.objective.model import Model
from fitting.rotations import matrix_from_quaternion
from fitting.starts.starts import both_ways, find_starts, observe, rays_of, uses_extras
from tests.fitting.test_smplify import people, seen

TABLE = [[0.2, 0.4], [0.6, 0.1], [1.0, 0.05]]


@pytest.fixture
def config(preset) -> FitConfig:
    """No starts from the library, weights as the detector gives them."""
    return preset("smplify", starts=0, confidence_sigma=[], extra_weight=0.0, joint_weights={})


@pytest.fixture(scope="module")
def given(body, prior) -> tuple[Keypoints, Camera]:
    return seen(body, people(prior, n=4))[:2]


@pytest.fixture(scope="module")
def model(body, prior) -> Model:
    return Model(body, prior)


def looked(given, config: FitConfig, **changes):
    """What is seen, by no lifter."""
    keypoints, camera = given
    return observe(replace(keypoints, **changes), camera, None, None, config, "cpu")


def test_without_a_table_points_weigh_their_confidence(given, config):
    sure = np.tile(np.linspace(0, 1, 14, dtype=np.float32), (4, 1))
    found = looked(given, config, confidence=sure)
    np.testing.assert_array_equal(found.weight.numpy(), sure)
    np.testing.assert_array_equal(found.seen.numpy(), sure > 0)
    np.testing.assert_array_equal(found.focal_length.numpy(), given[1].focal_length)
    assert found.xy.dtype == torch.float64


def test_with_a_table_they_weigh_one_over_the_error_to_expect(given, config):
    sure = np.zeros((4, 14), np.float32)
    sure[:, :5] = 0.1, 0.2, 0.4, 0.8, 1.0
    weights = {"right_ankle": 2.0}  # the first joint
    config = replace(config, confidence_sigma=TABLE, joint_weights=weights)
    found = looked(given, config, confidence=sure).weight[0].tolist()
    assert found[:5] == pytest.approx([2 / 0.4, 1 / 0.4, 1 / 0.25, 1 / 0.075, 1 / 0.05], rel=1e-6)
    assert found[5:] == [0] * 9, "what is missing has no weight"


def test_what_is_missing_may_hold_anything(given, config):
    xy = given[0].xy.copy()
    xy[1, 3], xy[2, 5] = np.nan, np.inf
    found = looked(given, config, xy=xy)
    assert found.xy.isfinite().all()
    assert found.weight[1, 3] == found.weight[2, 5] == 0
    assert not found.seen[1, 3]
    assert found.seen.sum() == 4 * 14 - 2


def test_face_and_feet_are_seen_where_they_are_fitted(given, config):
    sure = np.zeros((4, 11), np.float32)
    sure[1, 2] = 0.5
    keypoints = replace(given[0], extra_confidence=sure)
    with_weight = replace(config, extra_weight=0.25)
    assert uses_extras(keypoints, with_weight).tolist() == [False, True, False, False]
    assert not uses_extras(keypoints, config).any()
    found = looked(given, with_weight, extra_confidence=sure)
    assert found.xy.shape == (4, 25, 2)
    assert found.weight[1, 16].item() == pytest.approx(0.125)
    assert looked(given, config, extra_confidence=sure).xy.shape == (4, 14, 2)


def test_rays_lead_to_the_hips_or_to_all_that_is_seen(given, config):
    sure = np.ones((4, 14), np.float32)
    sure[1, HIPS[0]] = 0
    sure[2] = 0
    found = rays_of(looked(given, config, confidence=sure))
    keypoints, camera = given
    xy = keypoints.xy.astype(float)
    others = [joint for joint in range(14) if joint != HIPS[0]]
    middles = [xy[0, HIPS].mean(0), xy[1, others].mean(0)]
    for row, middle in enumerate(middles):
        ray = (middle - camera.center[row]) / camera.focal_length[row]
        assert found[row].tolist() == pytest.approx([*ray, 1], rel=1e-6)
    assert found.isfinite().all(), "nobody seen is no division by 0"


@pytest.mark.parametrize("pose", StartPose)
def test_without_a_library_a_person_starts_once_over_the_keypoints(
    given, config, model, prior, pose
):
    config = replace(config, camera=replace(config.camera, pose=pose))
    starts = find_starts(model, looked(given, config), None, config)
    assert starts.person.tolist() == [0, 1, 2, 3]
    assert not starts.hypothesis.any()
    _, body_pose, betas, transl = model.split(starts.x)
    expected = prior.mean_pose if pose is StartPose.mean else np.zeros(69)
    np.testing.assert_allclose(body_pose.numpy(), np.tile(expected, (4, 1)))
    assert not betas.any()
    assert (transl[:, 2] > 2).all()
    assert torch.equal(starts.seen.depth, transl[:, 2])
    points = model.pose(starts.x).points + transl[:, None]
    pixels = 800 * points[..., :2] / points[..., 2:] + torch.as_tensor(given[1].center)[:, None]
    assert (pixels - starts.seen.xy).mean(1).norm(dim=1).max() < 25, "their middles, px of 330"


def test_pixels_are_scaled_to_the_reference_size(given, config, model):
    seen_ = looked(given, config)
    reference = replace(config, reference_torso=100.0)
    starts = find_starts(model, seen_, None, reference)
    points = model.pose(starts.x).points
    torso = (points[:, TORSO[0]] - points[:, TORSO[2]]).norm(dim=1)
    in_px = starts.seen.focal_length * torso / starts.seen.depth
    torch.testing.assert_close(starts.seen.scale * in_px, torch.full((4,), 100.0).double())
    plain = find_starts(model, seen_, None, replace(config, reference_torso=0.0))
    assert (plain.seen.scale == 1).all()


def test_depth_refers_to_a_metre_or_to_itself(given, config, model):
    for relative in (False, True):
        changed = replace(config, relative_depth=relative)
        found = find_starts(model, looked(given, changed), None, changed).seen
        assert torch.equal(found.depth_unit, found.depth if relative else torch.ones(4).double())


def test_retrieved_starts_are_numbered_person_by_person(given, config, assets, model):
    config = replace(config, starts=3)
    starts = find_starts(model, looked(given, config), assets.library, config)
    assert starts.person.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert starts.hypothesis.tolist() == [0, 1, 2] * 4
    assert torch.equal(starts.seen.xy, looked(given, config).xy[starts.person])
    poses = model.split(starts.x)[1]
    assert (poses[0] - poses[1]).abs().max() > 0.01


def test_people_seen_from_the_side_start_both_ways(given, config, model):
    """The shoulders of person 1 are 10 px apart, those of person 2 too, but one is not seen."""
    xy, sure = given[0].xy.copy(), given[0].confidence.copy()
    left, right = (LSP_14.index(f"{side}_shoulder") for side in ("left", "right"))
    xy[1:3, left] = xy[1:3, right] + (6, 8)
    sure[2, left] = 0
    plain = replace(config, reference_torso=0.0)
    starts = find_starts(model, looked(given, plain, xy=xy, confidence=sure), None, plain)
    for threshold, twice in ((9.9, []), (10.1, [1])):
        both = both_ways(starts, replace(plain, side_view_threshold=threshold))
        assert both.person.tolist() == [0, 1, 2, 3, *twice]
        assert both.hypothesis.tolist() == [0] * 4 + [1] * len(twice)
    before, after = (matrix_from_quaternion(both.x[[row], :4])[0] for row in (1, 4))
    torch.testing.assert_close(after[:, 1], before[:, 1], atol=1e-6, rtol=0)
    torch.testing.assert_close(after[:, [0, 2]], -before[:, [0, 2]], atol=1e-6, rtol=0)
    assert torch.equal(both.x[4, 4:], both.x[1, 4:])
    numbered = both_ways(
        replace(starts, hypothesis=starts.hypothesis + 2),
        replace(plain, side_view_threshold=10.1, starts=5),
    )
    assert numbered.hypothesis.tolist() == [2, 2, 2, 2, 7], "after all others of the person"


def test_nobody_starts_nowhere(given, config, model):
    nobody = given[0][:0], given[1][:0]
    starts = find_starts(model, looked(nobody, config), None, config)
    assert len(both_ways(starts, config)) == 0
