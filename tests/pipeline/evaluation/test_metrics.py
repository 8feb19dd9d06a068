"""Errors against numbers made by hand."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fitting import BodyModel, BodyParams
from fitting.joints import LSP_14
from pipeline.evaluation.metrics import (
    area_under_curve,
    body_errors,
    bootstrap_interval,
    knee_flexion,
    mpjpe,
    pa_mpjpe,
    pve,
    shape_error,
)
from tests.pipeline.fake_detector import fit_result


@pytest.fixture
def joints() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.5, (3, 14, 3))


def test_one_joint_moved_by_10_mm(joints: np.ndarray) -> None:
    found = joints.copy()
    found[1, LSP_14.index("left_wrist"), 2] += 0.010
    np.testing.assert_allclose(mpjpe(found, joints), [0, 10 / 14, 0], atol=1e-9)


def test_a_moved_hip_moves_the_root_by_half_of_it(joints: np.ndarray) -> None:
    """The hip itself is off by 5 mm then, and so is every other joint."""
    found = joints.copy()
    found[0, LSP_14.index("right_hip"), 0] += 0.010
    assert mpjpe(found, joints)[0] == pytest.approx(5)


def test_mpjpe_forgives_translation_only(joints: np.ndarray) -> None:
    np.testing.assert_allclose(mpjpe(joints + np.array([1, -2, 3]), joints), 0, atol=1e-9)
    assert (mpjpe(joints @ Rotation.from_euler("y", 5, degrees=True).as_matrix(), joints) > 5).all()


def test_pa_mpjpe_forgives_any_similarity_and_no_mirror(joints: np.ndarray) -> None:
    rotation = Rotation.from_rotvec((0.3, -2.0, 0.9)).as_matrix()
    np.testing.assert_allclose(pa_mpjpe(1.7 * joints @ rotation + (1, 2, 3), joints), 0, atol=1e-9)
    mirrored = joints * (-1, 1, 1)
    assert (pa_mpjpe(mirrored, joints) > 100).all()


def test_pa_mpjpe_by_hand() -> None:
    """A square's corner ratio: a 2 x 4 rectangle's best square, at the same centre, has half the
    side s = sum |found * truth| / sum found^2 = 12 / 8 = 1.5: every corner is off by (.5, .5)."""
    corners = np.array([(1, 1, 0), (-1, 1, 0), (-1, -1, 0), (1, -1, 0)], float)
    apart = pa_mpjpe(corners[None], (corners * (1, 2, 1))[None])
    assert apart[0] == pytest.approx(1000 * np.hypot(0.5, 0.5))


def test_a_bent_knee() -> None:
    joints = np.zeros((1, 14, 3))
    for side, shin in (("right", (0, 1, 0)), ("left", (0, 1, 1))):
        joints[0, LSP_14.index(f"{side}_knee")] = (0, 1, 0)
        joints[0, LSP_14.index(f"{side}_ankle")] = np.add((0, 1, 0), shin)
    np.testing.assert_allclose(knee_flexion(joints), [[0, 45]], atol=1e-5)


@pytest.fixture
def truth() -> Callable[[int], tuple[BodyParams, np.ndarray]]:
    """n bodies, and any joints."""

    def make(n: int) -> tuple[BodyParams, np.ndarray]:
        rng = np.random.default_rng(n)
        sizes = {"betas": 10, "global_orient": 3, "body_pose": 69, "transl": 3}
        params = BodyParams(**{name: rng.normal(0, 0.4, (n, k)) for name, k in sizes.items()})
        return params, rng.normal(size=(n, 14, 3))

    return make


def test_pve_moves_with_the_hips(body: BodyModel, truth: Callable) -> None:
    """More rows than one batch of meshes; both in the same place have no error, and a mesh 30 mm
    off has one of 30 mm unless its joints are off with it."""
    (params, joints), up = truth(34), np.array([0, 0.03, 0])
    result = replace(fit_result(34), params=params, joints=joints)
    np.testing.assert_allclose(pve(result, params, joints, body), 0, atol=1e-9)
    off = replace(params, transl=params.transl + up)
    moved = replace(result, params=off)
    np.testing.assert_allclose(pve(moved, params, joints, body), 30)
    moved = replace(moved, joints=joints + up)
    np.testing.assert_allclose(pve(moved, params, joints, body), 0, atol=1e-9)


def test_shape_error_is_the_distance_of_the_blend_shapes(body: BodyModel, truth: Callable) -> None:
    betas = truth(40)[0].betas
    other = betas.copy()
    other[7, 2] += 0.5
    found = shape_error(other, betas, body)
    assert found[7] == pytest.approx(500 * np.linalg.norm(body.shapedirs[:, :, 2], axis=1).mean())
    assert np.delete(found, 7).max() == 0
    unused = np.pad(betas[:, :2], ((0, 0), (0, 8)))
    np.testing.assert_array_equal(shape_error(betas[:, :2], unused, body), 0)


def test_the_truth_has_no_error_and_its_mirror_has(body: BodyModel, truth: Callable) -> None:
    params, joints = truth(5)
    perfect = replace(fit_result(5), params=params, joints=joints)
    for name, values in body_errors(perfect, params, joints, body).items():
        np.testing.assert_allclose(values, 0, atol=1e-5, err_msg=name)
    mirrored = replace(perfect, joints=joints * (-1, 1, 1))
    errors = body_errors(mirrored, params, joints, body)
    assert min(errors["pa_mpjpe_mm"].min(), errors["mpjpe_mm"].min()) > 100


def test_area_under_curve_by_hand() -> None:
    score = np.array([0.9, 0.4, 0.5, 0.1, 0.4])
    positive = np.array([True, True, False, False, False])
    # 0.9 beats all 3; 0.4 beats 0.1, ties with 0.4, loses against 0.5: (3 + 1.5) / 6
    assert area_under_curve(score, positive) == pytest.approx(0.75)
    assert area_under_curve(-score, positive) == pytest.approx(0.25)
    assert np.isnan(area_under_curve(score, np.ones(5, bool)))


def test_the_interval_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(50, 10, 400)
    low, high = bootstrap_interval(values)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.15)
    assert high == pytest.approx(values.mean() + half, abs=0.15)
    assert bootstrap_interval(values) == (low, high)
    assert bootstrap_interval(np.full(3, 7.0)) == (7, 7)
