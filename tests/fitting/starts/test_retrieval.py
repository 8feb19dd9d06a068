"""Starts from the pose library, and the preset that uses them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting import Assets, Camera, Keypoints, fit, load_capsules
from fitting.camera import project
from fitting.fit_config import Lookup
from fitting.joints import LSP_14
from fitting.objective.residuals import Observations
from fitting.rotations import matrix_from_quaternion
from fitting.starts.retrieval import PoseLibrary, _Asked, load_pose_library
from tests.conftest import ROOT

LIBRARY = ROOT / "assets/pose_library.npz"
BODY = ROOT / "assets/bodies/neutral.npz"
FOCAL, CENTER = 800.0, np.array([319.5, 239.5])


@pytest.fixture(scope="module")
def library(body, prior):
    return PoseLibrary(load_pose_library(LIBRARY)[::6], body, prior)


def rendered(library, view, roll=0.0, distance=4.0):
    """Keypoints of one of the library's own views, rolled by `roll`, seen from a distance."""
    points = library.views[view].double().numpy() + np.array([0.3, -0.2, distance])
    cos, sin = np.cos(roll), np.sin(roll)
    points = points @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]).T
    pixels, _ = project(*(torch.as_tensor(a)[None] for a in (points, np.array(FOCAL), CENTER)))
    return pixels[0].numpy(), points


def observations(xy, weight=20.0):
    n = len(xy)
    return Observations(
        xy=torch.as_tensor(xy),
        seen=torch.ones(n, 14, dtype=torch.bool),
        weight=torch.full((n, 14), weight, dtype=torch.float64),
        focal_length=torch.full((n,), FOCAL, dtype=torch.float64),
        center=torch.as_tensor(CENTER).expand(n, 2).clone(),
        scale=torch.ones(n, dtype=torch.float64),
        depth=torch.ones(n, dtype=torch.float64),
        depth_unit=torch.ones(n, dtype=torch.float64),
        target=torch.zeros(n, 14, 4, dtype=torch.float64),
    )


def placed(library, found, rank=0):
    """Joints (B, 14, 3) of the candidates of one rank."""
    pose, root = found.body_pose[:, rank], found.root[:, rank]
    betas = torch.zeros(len(pose), 10, dtype=pose.dtype)
    points = library.kinematics.points(matrix_from_quaternion(root), pose, betas).points
    return (points + found.transl[:, rank, None]).numpy()


@pytest.mark.parametrize("roll", [0.0, 1.4, -2.5])
def test_a_view_of_the_library_is_found_again_where_it_stands(library, roll):
    views = [17, 4001, 9500]
    shown = [rendered(library, view, roll) for view in views]
    found = library.candidates(observations(np.array([xy for xy, _ in shown])), 8, Lookup.image)
    for row, (xy, points) in enumerate(shown):
        errors = [
            np.linalg.norm(placed(library, found, rank)[row] - points, axis=1).mean()
            for rank in range(8)
        ]
        assert min(errors) < 0.12  # m; weak perspective, from 4 m away
        best = placed(library, found)[row]
        seen, _ = project(*(torch.as_tensor(a)[None] for a in (best, np.array(FOCAL), CENTER)))
        assert np.median(np.linalg.norm(seen[0].numpy() - xy, axis=1)) < 12  # px of about 350


def test_candidates_differ_from_each_other(library):
    xy, _ = rendered(library, 4001)
    found = library.candidates(observations(xy[None]), 8, Lookup.image)
    joints = np.array([placed(library, found, rank)[0] for rank in range(8)])
    joints -= joints[:, [2, 3]].mean(1, keepdims=True)
    apart = np.linalg.norm(joints[:, None] - joints[None], axis=-1).mean(-1)
    assert apart[np.triu_indices(8, 1)].min() > 0.08


def test_one_wrong_joint_does_not_lead_astray(library):
    shown = [rendered(library, view) for view in (17, 2500, 4001, 9500, 11111)]
    xy = np.array([xy for xy, _ in shown])
    xy[:, LSP_14.index("left_wrist")] += 100  # of about 350
    found = library.candidates(observations(xy), 8, Lookup.image)
    nearest = [
        min(
            np.linalg.norm(placed(library, found, rank)[row] - points, axis=1).mean()
            for rank in range(8)
        )
        for row, (_, points) in enumerate(shown)
    ]
    assert np.median(nearest) < 0.1
    assert max(nearest) < 0.2


def test_the_misfit_is_what_scale_and_shift_by_least_squares_leave(library):
    rng = np.random.default_rng(0)
    xy = torch.as_tensor(rng.normal(0, 100, (2, 14, 2))).float()
    weight = torch.as_tensor(rng.uniform(100, 900, (2, 14))).float()
    found = library._misfit(_Asked(xy, weight.sqrt(), torch.zeros(2, 14, 4)))
    for person in range(2):
        w = weight[person].double().numpy()
        for view in (5, 1234, 9876):
            flat = library.views[view, :, :2].double().numpy()
            place, target = (a - (w @ a) / w.sum() for a in (flat, xy[person].double().numpy()))
            scale = (w @ (place * target).sum(1)) / (w @ (place**2).sum(1))
            left = w @ ((target - scale * place) ** 2).sum(1) / (scale * 0.55) ** 2
            if scale > 0:
                assert found[person, view].item() == pytest.approx(left, rel=1e-3)


@pytest.fixture(scope="module")
def assets(body, prior, library):
    return Assets(body, prior, library, capsules=load_capsules(BODY))


@pytest.fixture(scope="module")
def people(library):
    shown = [rendered(library, view) for view in (17, 2500, 4001, 9500)]
    n = len(shown)
    keypoints = Keypoints(
        np.zeros(n, np.int32),
        np.arange(n, dtype=np.int32),
        np.array([xy for xy, _ in shown], np.float32),
        np.full((n, 14), 0.9, np.float32),
    )
    return keypoints, Camera(np.full(n, FOCAL), np.tile(CENTER, (n, 1))), shown


def test_multistart_finds_the_bodies(preset, assets, people):
    keypoints, camera, shown = people
    result = fit(keypoints, camera, assets, preset("multistart"))
    truth = np.array([points for _, points in shown])
    relative = [a - a[:, [2, 3]].mean(1, keepdims=True) for a in (result.joints, truth)]
    errors = np.linalg.norm(relative[0] - relative[1], axis=-1).mean(1)
    assert np.median(errors) < 0.06  # m
    assert np.median(result.reprojection_error) < 4  # px
    assert result.fitted.all()


def test_multistart_rows_do_not_depend_on_their_batch_mates(preset, assets, people):
    keypoints, camera, _ = people
    config = preset("multistart", starts=3)
    together = fit(keypoints, camera, assets, config)
    alone = fit(keypoints[2:3], camera[2:3], assets, config)
    assert np.allclose(alone.joints[0], together.joints[2], atol=1e-6)
    assert alone.hypothesis[0] == together.hypothesis[2]


def test_multistart_lives_with_missing_joints(preset, assets, people):
    keypoints, camera, _ = people
    confidence = keypoints.confidence.copy()
    confidence[0, :6] = 0  # half a body
    confidence[1, 6:] = 0  # legs only
    confidence[2] = 0
    partial = replace(keypoints, confidence=confidence)
    result = fit(partial, camera, assets, preset("multistart"))
    assert result.fitted.tolist() == [True, True, False, True]
    assert np.isfinite(result.joints).all()
    assert (result.joints[:2, :, 2] > 0.3).all()


def test_starts_need_a_library(preset, assets, people):
    keypoints, camera, _ = people
    with pytest.raises(ValueError, match="need a pose library"):
        fit(keypoints, camera, replace(assets, library=None), preset("multistart"))


def test_a_library_of_another_shape_is_refused(tmp_path):
    np.savez(tmp_path / "poses.npz", body_pose=np.zeros((5, 72)))
    with pytest.raises(ValueError, match=r"expected finite \(P, 63\) or \(P, 69\)"):
        load_pose_library(tmp_path / "poses.npz")
