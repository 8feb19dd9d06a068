"""The whole fit: draw a body, project it, get it back; and what must not change a result."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fitting import BodyParams, Camera, Keypoints, Status, fit
from fitting.body.kinematics import Kinematics
from fitting.camera import project
from fitting.joints import LSP_14
from fitting.rotations import rotation_and_left_jacobian

SIZE = 640
FOCAL = 800.0


def facing(roll=0.0, yaw=0.0):
    """Axis-angle of an upright body that faces the camera, turned by yaw, then rolled."""
    from fitting.rotations import vector_from_quaternion
    from fitting.starts.initialize import upright

    angles = (torch.tensor([a], dtype=torch.float64) for a in (roll, yaw))
    return vector_from_quaternion(upright(*angles))[0].numpy()


def people(prior, n=6, seed=0, spread=0.7, **orient):
    """Bodies drawn near the prior's components, in front of the camera."""
    rng = np.random.default_rng(seed)
    component = rng.choice(len(prior.weights), n, p=prior.weights)
    pose = [rng.multivariate_normal(prior.means[k], spread**2 * prior.covars[k]) for k in component]
    return BodyParams(
        betas=rng.normal(0, 0.5, (n, 10)),
        global_orient=np.tile(facing(**orient), (n, 1)),
        body_pose=np.array(pose),
        transl=rng.normal([0, 0.1, 4.0], 0.2, (n, 3)),
    )


def seen(body, params, noise=0.0, seed=0):
    """Keypoints and camera of the bodies, and their 3-D joints."""
    n = len(params)
    root = rotation_and_left_jacobian(torch.as_tensor(params.global_orient))[0]
    tensors = (torch.as_tensor(a) for a in (params.body_pose, params.betas))
    joints = Kinematics(body).points(root, *tensors).points.numpy() + params.transl[:, None]
    camera = Camera(np.full(n, FOCAL), np.full((n, 2), (SIZE - 1) / 2))
    xy, _ = project(*(torch.as_tensor(a) for a in (joints, camera.focal_length, camera.center)))
    xy = xy.numpy() + np.random.default_rng(seed).normal(0, noise or 1e-12, xy.shape)
    keypoints = Keypoints(
        np.zeros(n, np.int32),
        np.arange(n, dtype=np.int32),
        xy.astype(np.float32),
        np.ones((n, 14), np.float32),
    )
    return keypoints, camera, joints


@pytest.fixture(scope="module")
def problem(body, prior):
    return seen(body, people(prior), noise=2.0)


def aligned_error(found, truth):
    """PA-MPJPE (m) of each row: the mean distance after the best similarity."""
    errors = []
    for a, b in zip(found, truth, strict=True):
        a, b = a - a.mean(0), b - b.mean(0)
        u, s, vt = np.linalg.svd(a.T @ b)
        flip = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
        scale = (s * np.diag(flip)).sum() / (a**2).sum()
        errors.append(np.linalg.norm(scale * a @ u @ flip @ vt - b, axis=1).mean())
    return np.array(errors)


def test_clean_joints_are_reproduced(body, prior, assets, preset):
    params = people(prior, n=12)
    keypoints, camera, joints = seen(body, params)
    result = fit(keypoints, camera, assets, preset("smplify"))
    assert np.median(result.reprojection_error) < 3  # px; the priors pull a little to the mean
    assert np.median(aligned_error(result.joints, joints)) < 0.05
    assert result.fitted.all()


def test_without_priors_it_ends_on_the_points_themselves(body, prior, assets, preset):
    """With the priors all but off, what is left is the data: below 1 px."""
    params = people(prior, n=8, spread=0.2)
    keypoints, camera, _ = seen(body, params)
    config = preset("smplify")
    weak = replace(
        config.stages[-1],
        weights={"pose_prior": 0.05, "shape": 0.5, "interpenetration": 1000},
        max_iterations=300,
        tolerance=1e-9,
    )
    config = replace(config, stages=[*config.stages, weak])
    result = fit(keypoints, camera, assets, config)
    assert np.median(result.reprojection_error) < 1


@pytest.mark.parametrize("roll", [0.0, 1.2, np.pi, -2.0])
def test_people_lying_or_upside_down_are_found_that_way(body, prior, assets, preset, roll):
    keypoints, camera, joints = seen(body, people(prior, n=4, roll=roll))
    result = fit(keypoints, camera, assets, preset("smplify"))
    truth = joints[:, LSP_14.index("neck")] - joints[:, [2, 3]].mean(1)
    found = result.joints[:, LSP_14.index("neck")] - result.joints[:, [2, 3]].mean(1)
    cosine = (truth * found).sum(1) / np.linalg.norm(truth, axis=1) / np.linalg.norm(found, axis=1)
    assert cosine.min() > 0.9


@pytest.mark.parametrize("yaw", [0.0, np.pi])
def test_front_and_back_are_told_apart(body, prior, assets, preset, yaw):
    keypoints, camera, joints = seen(body, people(prior, n=4, yaw=yaw))
    result = fit(keypoints, camera, assets, preset("smplify"))

    def left_to_right(points):
        return points[:, LSP_14.index("left_shoulder")] - points[:, LSP_14.index("right_shoulder")]

    agreement = (left_to_right(result.joints) * left_to_right(joints)).sum(1)
    assert (agreement > 0).all()


def test_side_view_runs_both_ways_and_keeps_the_better(body, prior, assets, preset):
    keypoints, camera, _ = seen(body, people(prior, n=8, yaw=np.pi / 2))
    once = fit(keypoints, camera, assets, preset("smplify", starts=0, side_view_threshold=0))
    both = fit(keypoints, camera, assets, preset("smplify", starts=0, side_view_threshold=1000))
    assert (once.hypothesis == 0).all()
    assert (both.hypothesis == 1).any()
    same = both.hypothesis == 0
    assert np.allclose(once.joints[same], both.joints[same], atol=1e-6)


def test_a_row_does_not_depend_on_its_batch_mates(body, prior, assets, preset, problem):
    keypoints, camera, _ = problem
    config = preset("smplify")
    together = fit(keypoints, camera, assets, config)
    for row in range(len(keypoints)):
        rows = slice(row, row + 1)
        alone = fit(keypoints[rows], camera[rows], assets, config)
        assert np.allclose(alone.joints[0], together.joints[row], atol=1e-7)
        assert alone.status[0] == together.status[row]


@settings(max_examples=5, deadline=None)
@given(shift=st.tuples(st.floats(-3000, 3000), st.floats(-3000, 3000)))
def test_shifting_keypoints_and_centre_together_changes_nothing(
    body, prior, assets, preset, problem, shift
):
    keypoints, camera, _ = problem
    config = preset("smplify")
    rows = slice(0, 2)
    plain = fit(keypoints[rows], camera[rows], assets, config)
    moved = replace(keypoints, xy=(keypoints.xy + np.array(shift, np.float32)))
    other = replace(camera, center=camera.center + np.array(shift, np.float32))
    shifted = fit(moved[rows], other[rows], assets, config)
    assert np.allclose(plain.joints, shifted.joints, atol=5e-3)  # float32 pixels far out


def test_the_size_of_the_photo_changes_nothing(body, prior, assets, preset, problem):
    keypoints, camera, _ = problem
    config = preset("smplify")
    plain = fit(keypoints, camera, assets, config)
    larger = replace(keypoints, xy=keypoints.xy * 7)
    wider = replace(camera, focal_length=camera.focal_length * 7, center=camera.center * 7)
    scaled = fit(larger, wider, assets, config)
    assert np.allclose(plain.joints, scaled.joints, atol=1e-4)
    assert np.allclose(7 * plain.reprojection_error, scaled.reprojection_error, rtol=1e-3)


def test_a_missing_joint_has_no_influence(body, prior, assets, preset, problem):
    keypoints, camera, _ = problem
    results = []
    for place in (0.0, 1e4, np.nan):
        xy, confidence = keypoints.xy.copy(), keypoints.confidence.copy()
        xy[:, 0], confidence[:, 0] = place, 0
        changed = replace(keypoints, xy=xy, confidence=confidence)
        results.append(fit(changed, camera, assets, preset("smplify")))
    for other in results[1:]:
        assert np.array_equal(results[0].joints, other.joints)
        assert np.array_equal(results[0].reprojection_error, other.reprojection_error)


def bad_rows(keypoints):
    xy, confidence = keypoints.xy.copy(), keypoints.confidence.copy()
    confidence[0] = 0  # nothing seen
    confidence[1, 3:] = 0  # three joints
    xy[2] = 100  # everything in one place
    confidence[3, 8:12] = 0  # no shoulders, no arms
    xy[4, :, 1] = 200  # flat as a line
    return replace(keypoints, xy=xy, confidence=confidence)


def test_rows_that_cannot_be_fitted_say_so_and_disturb_nobody(body, prior, assets, preset, problem):
    keypoints, camera, _ = problem
    config = preset("smplify")
    result = fit(bad_rows(keypoints), camera, assets, config)
    assert [Status(s).name for s in result.status[:3]] == ["SKIPPED"] * 3
    assert result.fitted[3:].all()
    for name in ("joints", "reprojection_error", "cost"):
        assert np.isfinite(getattr(result, name)).all()
    good = fit(keypoints, camera, assets, config)
    assert np.allclose(result.joints[5], good.joints[5], atol=1e-7)


def test_who_has_no_face_is_not_moved_by_who_has_one(body, prior, assets, preset, problem):
    keypoints, camera, _ = problem
    config = preset("lifted")  # to the bottom: where a row stops depends on rounding
    config = replace(config, stages=[replace(config.stages[0], tolerance=1e-9)])
    alone = fit(keypoints, camera, assets, config)
    extra = keypoints.extra_confidence.copy()
    extra[2, :3] = 1
    place = np.repeat(keypoints.xy[:, 13:14], 11, 1)
    mixed = replace(keypoints, extra_xy=place, extra_confidence=extra)
    result = fit(mixed, camera, assets, config)
    others = [row for row in range(len(keypoints)) if row != 2]
    assert np.abs(result.joints[others] - alone.joints[others]).max() < 1e-7
    assert np.abs(result.joints[2] - alone.joints[2]).max() > 1e-4


def test_nobody_is_a_result_too(body, prior, assets, preset, problem):
    keypoints, camera, _ = problem
    result = fit(keypoints[:0], camera[:0], assets, preset("smplify"))
    assert len(result) == 0


def test_the_release_preset_freezes_the_translation(body, prior, assets, preset, problem):
    keypoints, camera, _ = problem
    config = preset("smplify_release", focal_length="auto")
    camera_only = fit(keypoints, camera, assets, replace(config, stages=config.stages[:1]))
    whole = fit(keypoints, camera, assets, config)
    assert np.allclose(camera_only.params.transl, whole.params.transl, atol=1e-9)
    assert not np.allclose(camera_only.params.body_pose, whole.params.body_pose, atol=1e-3)


def test_the_callers_arrays_are_left_alone(body, prior, assets, preset, problem):
    keypoints, camera, _ = problem
    before = keypoints.xy.copy(), camera.center.copy()
    fit(keypoints, camera, assets, preset("smplify"))
    assert np.array_equal(before[0], keypoints.xy)
    assert np.array_equal(before[1], camera.center)


def test_vertices_lie_where_the_joints_are(body, prior, assets, preset, problem):
    keypoints, camera, _ = problem
    result = fit(keypoints, camera, assets, preset("smplify"))
    vertices = body.vertices(result.params)
    head_top = LSP_14.index("head_top")
    assert np.abs(vertices[:, body.head_top] - result.joints[:, head_top]).max() < 1e-6
