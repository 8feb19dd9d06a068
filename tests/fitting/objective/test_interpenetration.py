"""E_sp: its numbers by a slow loop over spheres, its derivatives, and rows by themselves."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from fitting.capsules.capsules import incompatible, spread_spheres
from fitting.objective.interpenetration import Interpenetration
from tests.fitting.objective.touching import FACING, cost_of, posed

WEIGHT = 3.0


@pytest.fixture(scope="module")
def term(capsules, kinematics) -> Interpenetration:
    return Interpenetration(capsules, kinematics.skeleton)


@pytest.fixture(scope="module")
def betas(poses) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(0).normal(0, 0.8, (len(poses), 10)))


def residuals_one_by_one(capsules, body, pose, betas):
    """exp(-d^2 / (2 (s_a^2 + s_b^2))) of every pair of spheres; no torch, no code of the term."""
    one = np.concatenate([[1], betas])
    rest = body.J_regressor @ (body.v_template + body.shapedirs @ betas)
    turns, places = [Rotation.from_rotvec(FACING)], [rest[0]]
    for joint in range(1, 24):
        parent = body.parents[joint]
        turns.append(turns[parent] * Rotation.from_rotvec(pose[3 * joint - 3 : 3 * joint]))
        places.append(places[parent] + turns[parent].apply(rest[joint] - rest[parent]))
    spread, spheres = spread_spheres(capsules), []
    for c, name in enumerate(capsules.names):
        turn, place = turns[capsules.joint[c]], places[capsules.joint[c]]
        sigma = (0.36 if name.endswith("hand") else 0.3) * max(capsules.radius[c] @ one, 0.005)
        rod = max(capsules.length[c] @ one, 0) * capsules.axis[c]
        alongs = spread.along[spread.capsule == c]
        centers = [place + turn.apply(capsules.center[c] @ one + along * rod) for along in alongs]
        spheres.append((np.array(centers), sigma))
    values = []
    for a, b in np.concatenate(incompatible(capsules)):
        (first, s_a), (second, s_b) = spheres[a], spheres[b]
        squared = ((first[:, None] - second[None]) ** 2).sum(-1)
        values.append(np.exp(-squared / (2 * (s_a**2 + s_b**2))).ravel())
    return np.concatenate(values)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_it_is_the_sum_over_pairs_of_spheres(capsules, body, term, kinematics, poses, betas, row):
    """Cost, gradient J'r and Hessian J'J, J by finite differences of a slow loop."""
    pose, shape, h = poses[row].numpy(), betas[row].numpy(), 1e-5

    def residuals(pose):
        return WEIGHT * residuals_one_by_one(capsules, body, pose, shape)

    steps = h * np.eye(69)
    jacobian = np.stack([residuals(pose + s) - residuals(pose - s) for s in steps], 1) / (2 * h)
    r = residuals(pose)
    assert r.max() > 0.1, "the pose is one that touches itself"
    found = term(posed(kinematics, poses, betas), betas, WEIGHT)[[row]]
    gradient, hessian = jacobian.T @ r, jacobian.T @ jacobian
    assert found.cost.item() == pytest.approx(0.5 * r @ r, rel=1e-9)
    np.testing.assert_allclose(found.gradient[0], gradient, atol=1e-7 * np.abs(gradient).max())
    np.testing.assert_allclose(found.hessian[0], hessian, atol=1e-6 * np.abs(hessian).max())


def test_gradient_is_the_derivative_of_the_cost(term, kinematics, poses, betas):
    found, h = term(posed(kinematics, poses, betas), betas, WEIGHT).gradient, 1e-6
    steps = h * torch.eye(69, dtype=poses.dtype)
    for row, (pose, shape) in enumerate(zip(poses, betas, strict=True)):
        plus, minus = (
            cost_of(
                term,
                posed(kinematics, pose + s * steps, shape.expand(69, -1)),
                shape.expand(69, -1),
                WEIGHT,
            )
            for s in (1, -1)
        )
        numeric = (plus - minus) / (2 * h)
        assert torch.allclose(numeric, found[row], rtol=1e-6, atol=1e-7), row


def test_hessian_is_symmetric_and_never_negative(term, kinematics, poses, betas):
    hessian = term(posed(kinematics, poses, betas), betas, WEIGHT).hessian
    assert torch.equal(hessian, hessian.mT)
    values = torch.linalg.eigvalsh(hessian)
    assert (values.amin(1) >= -1e-12 * values.amax(1)).all()
    # one residual a contact, not one for all of a body: contacts are told apart
    assert (values[1] > 1e-3 * values[1].max()).sum() >= 3


def test_a_body_that_touches_nothing_costs_nothing(term, kinematics, poses, betas):
    found = term(posed(kinematics, poses[3:], betas[3:]), betas[3:], WEIGHT)
    assert found.cost.item() == 0
    assert not found.gradient.any()
    assert not found.hessian.any()
    rows, near = term.near(posed(kinematics, poses, betas), betas, WEIGHT)
    assert rows.tolist() == [0, 1, 2]
    assert len(near) == 3


def test_a_batch_is_its_rows(term, kinematics, poses, betas):
    together = term(posed(kinematics, poses, betas), betas, WEIGHT)
    for row in range(len(poses)):
        at = slice(row, row + 1)
        alone = term(posed(kinematics, poses[at], betas[at]), betas[at], WEIGHT)
        for name in ("cost", "gradient", "hessian"):
            one, all_rows = getattr(alone, name)[0], getattr(together, name)
            np.testing.assert_allclose(one, all_rows[row], rtol=1e-9, atol=1e-9)


def test_turning_the_whole_body_changes_nothing(term, kinematics, poses, betas):
    one = term(posed(kinematics, poses, betas), betas, WEIGHT)
    other = term(posed(kinematics, poses, betas, root=[0.3, -1.9, 0.8]), betas, WEIGHT)
    for name in ("cost", "gradient", "hessian"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-7, atol=1e-7)


def test_by_fewer_joints_it_is_the_same_cut_down(capsules, term, kinematics, poses, betas):
    joints = (3, 16, 18, 20)
    entries = [3 * (j - 1) + axis for j in joints for axis in range(3)]
    few = Interpenetration(capsules, kinematics.skeleton, joints=joints)
    body = posed(kinematics, poses, betas)
    found, whole = few(body, betas, WEIGHT), term(body, betas, WEIGHT)
    np.testing.assert_allclose(found.cost, whole.cost, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.gradient, whole.gradient[:, entries], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        found.hessian, whole.hessian[:, entries][:, :, entries], rtol=1e-9, atol=1e-9
    )


def test_more_betas_than_the_capsules_follow_are_refused(capsules, kinematics):
    with pytest.raises(ValueError, match=r"n_betas: expected 0\.\.10, got 11"):
        Interpenetration(capsules, kinematics.skeleton, n_betas=11)
