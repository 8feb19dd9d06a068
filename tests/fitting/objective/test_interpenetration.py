"""E_sp: its numbers by a slow loop over spheres, its derivatives, and what it does to a fit."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from fitting import Assets
from fitting.body.kinematics import Kinematics
from fitting.camera import project
from fitting.capsules.capsules import Capsules, incompatible, load_capsules, spread_spheres
from fitting.objective.interpenetration import Interpenetration
from fitting.objective.model import Model
from fitting.objective.objective import Objective
from fitting.objective.residuals import Loss, Observations
from fitting.objective.terms import TERMS, names_of
from fitting.rotations import matrix_from_quaternion, quaternion_from_vector
from fitting.solver.levenberg_marquardt import Linearization, minimize
from tests.conftest import ROOT

WEIGHT = 3.0
FACING = [np.pi, 0.0, 0.0]
LEFT_SHOULDER, LEFT_ELBOW, RIGHT_SHOULDER, RIGHT_ELBOW = (slice(s, s + 3) for s in (45, 51, 48, 54))
IN_BELLY = ([0.77, 0.0, -1.14], [0.02, -2.01, -0.08])  # left shoulder and elbow


@pytest.fixture(scope="module")
def capsules() -> Capsules:
    return load_capsules(ROOT / "assets/bodies/neutral.npz")


@pytest.fixture(scope="module")
def kinematics(body) -> Kinematics:
    return Kinematics(body)


@pytest.fixture(scope="module")
def term(capsules, kinematics) -> Interpenetration:
    return Interpenetration(capsules, kinematics.skeleton)


@pytest.fixture(scope="module")
def poses(prior) -> torch.Tensor:
    """(4, 69): a hand in the belly, both hands in, legs crossed, arms and legs apart."""
    poses = np.tile(prior.mean_pose, (4, 1))
    poses[:3, LEFT_SHOULDER], poses[:3, LEFT_ELBOW] = IN_BELLY
    mirrored = np.array([1, -1, -1])
    poses[1, RIGHT_SHOULDER] = mirrored * IN_BELLY[0]
    poses[1, RIGHT_ELBOW] = mirrored * IN_BELLY[1]
    poses[2, [2, 5]] = -0.25, 0.25  # both thighs inwards
    poses[3] = 0
    poses[3, [2, 5]] = 0.4, -0.4
    return torch.as_tensor(poses)


@pytest.fixture(scope="module")
def betas(poses) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(0).normal(0, 0.8, (len(poses), 10)))


def posed(kinematics, poses, betas, root=FACING):
    turn = torch.as_tensor([root], dtype=poses.dtype).expand(len(poses), 3)
    return kinematics.points(matrix_from_quaternion(quaternion_from_vector(turn)), poses, betas)


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
            term.cost(
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


# The whole objective. The data are the projections of the body as it starts, hand in the belly.


def weights(e_sp: float) -> dict[str, float]:
    others = {"pose_prior": 2, "bending": 0.2, "shape": 20, "depth": 100}
    return others | {"interpenetration": e_sp}


def state(pose: torch.Tensor) -> torch.Tensor:
    """(1, 86): facing the camera from 4 m away, mean shape."""
    root = quaternion_from_vector(torch.tensor(FACING, dtype=pose.dtype))
    rest = pose.new_zeros(13)
    rest[-1] = 4
    return torch.cat([root, pose, rest])[None]


@pytest.fixture(scope="module")
def model(body, prior, capsules) -> Model:
    return Model(body, prior, capsules)


def observed(model: Model, x: torch.Tensor) -> Observations:
    one = torch.ones(1, dtype=x.dtype)
    points = model.pose(x).points + model.split(x)[3][:, None]
    xy, _ = project(points, 800 * one, 320 * one.expand(1, 2))
    return Observations(
        xy=xy,
        seen=torch.ones(1, 14, dtype=torch.bool),
        weight=torch.ones(1, 14, dtype=x.dtype),
        focal_length=800 * one,
        center=320 * one.expand(1, 2),
        scale=one,
        depth=4 * one,
        depth_unit=one,
        target=torch.zeros(1, 14, 4, dtype=x.dtype),
    )


def objective_of(model: Model, x: torch.Tensor, e_sp: float, free: str = "all") -> Objective:
    everything = ["global_orient", "body_pose", "betas", "transl"]
    unknowns = model.unknowns(everything if free == "all" else [free], interpenetration=True)
    return Objective(model, unknowns, observed(model, x), weights(e_sp), Loss(100))


def apart(one: Linearization, other: Linearization) -> tuple[torch.Tensor, torch.Tensor]:
    return one.gradient - other.gradient, one.hessian - other.hessian


def test_in_the_objective_it_acts_on_the_pose_alone(model, poses):
    x = state(poses[0])
    x[:, 73:83] = torch.linspace(-1, 1, 10)
    on, off = (objective_of(model, x, e_sp) for e_sp in (1000.0, 0.0))
    with_term, without = on.linearize(x), off.linearize(x)
    gradient, hessian = apart(with_term, without)
    pose = torch.zeros(on.unknowns.size, dtype=torch.bool)
    pose[on.unknowns.pose] = True
    assert gradient[:, pose].abs().max() > 1e3
    assert not gradient[:, ~pose].any()
    assert not hessian[:, ~pose].any()
    values = on.values(x)[0]
    assert values.sum().item() == pytest.approx(with_term.cost.item(), rel=1e-12)
    contacts = values[names_of(TERMS).index("interpenetration")].item()
    assert contacts == pytest.approx((with_term.cost - without.cost).item(), rel=1e-9)
    assert contacts > 0


def test_in_the_objective_its_gradient_by_the_pose_is_the_costs(model, poses):
    x = state(poses[0])
    whole, h = objective_of(model, x, 1000.0), 1e-6
    gradient = whole.linearize(x).gradient[0]
    columns = torch.arange(whole.unknowns.size)[whole.unknowns.pose]
    steps = h * torch.eye(whole.unknowns.size, dtype=x.dtype)[columns]
    many = whole.select(torch.zeros(len(columns), dtype=torch.long))
    states = x.expand(len(columns), -1)
    plus, minus = (many.linearize(many.retract(states, s * steps)).cost for s in (1, -1))
    numeric = (plus - minus) / (2 * h)
    assert torch.allclose(numeric, gradient[columns], rtol=1e-5, atol=1e-2)


def belly_to_hand(capsules, model, x):
    """Distance of the hand's nearest sphere from the belly's nearest, and the belly's radius."""
    term = Interpenetration(capsules, model.kinematics.skeleton)
    centers = term._spheres(model.pose(x), model.split(x)[2])[0][..., 0].T.numpy()
    at = spread_spheres(capsules).capsule
    hand, belly = (centers[at == capsules.names.index(n)] for n in ("left_hand", "belly"))
    betas = np.concatenate([[1], model.split(x)[2][0].numpy()])
    radius = capsules.radius[capsules.names.index("belly")] @ betas
    return np.linalg.norm(hand[:, None] - belly[None], axis=-1).min(), radius


@pytest.mark.parametrize("precision", [torch.float64, torch.float32])
def test_a_hand_in_the_belly_is_pushed_out(body, prior, capsules, model, poses, precision):
    """The keypoints are those of the start: only E_sp has a reason to move the hand."""
    start, ends = state(poses[0]), {}
    lower = Model(body, prior, capsules, dtype=precision)
    for e_sp in (0.0, 1000.0):
        exact = objective_of(model, start, e_sp)
        seen = exact.observations.to(precision)
        solved = Objective(lower, exact.unknowns, seen, weights(e_sp), Loss(100))
        found = minimize(solved, start.to(precision), 200, 1e-6).x.double()
        ends[e_sp] = found, *belly_to_hand(capsules, model, found)
        pixels = (observed(model, found).xy - exact.observations.xy).norm(dim=-1)
        assert pixels.max() < 5  # px of about 330: the image is not contradicted
    _, inside, radius = ends[0.0]
    assert inside < radius, "without the term the hand stays inside"
    _, outside, same = ends[1000.0]
    assert outside > 1.15 * same, "with it the hand's middle is out of the belly"
    assert same == pytest.approx(radius, rel=0.02), "and the belly is no thinner"
    betas = [model.split(ends[e][0])[2] for e in ends]
    assert (betas[0] - betas[1]).abs().max() < 0.15


def test_shape_alone_does_not_answer_to_it(model, poses):
    """Were there a derivative by betas, a hand inside would thin the belly."""
    x = state(poses[0])
    ends = [minimize(objective_of(model, x, e, "betas"), x, 50, 1e-9).x for e in (0.0, 1e5)]
    assert torch.equal(*ends)


def test_a_fit_with_it_keeps_hands_out_and_shape_the_same(
    body, prior, capsules, preset, model, poses
):
    """Through fit(): people with one hand or both in the belly, whose keypoints allow it."""
    from fitting import Camera, Keypoints, fit

    seen = torch.cat([observed(model, state(pose)).xy for pose in poses[:3]]).numpy()
    n = len(seen)
    keypoints = Keypoints(
        np.zeros(n, np.int32),
        np.arange(n, dtype=np.int32),
        seen.astype(np.float32),
        np.ones((n, 14), np.float32),
    )
    camera = Camera(np.full(n, 800.0), np.full((n, 2), 320.0))
    config = preset("smplify", starts=0, side_view_threshold=50)
    results = [
        fit(
            keypoints,
            camera,
            Assets(body, prior, capsules=capsules),
            replace(config, interpenetration=on),
        )
        for on in (False, True)
    ]
    term = Interpenetration(capsules, model.kinematics.skeleton)
    costs = []
    for result in results:
        pose, betas = (torch.as_tensor(a) for a in (result.params.body_pose, result.params.betas))
        costs.append(term.cost(posed(model.kinematics, pose, betas), betas, 1.0))
    assert costs[0].max() > 1e-2
    assert costs[1].max() < 1e-4
    assert results[1].fitted.all()
    assert (results[1].stage_terms[..., names_of(TERMS).index("interpenetration")] >= 0).all()
    radius = capsules.radius[[capsules.names.index(n) for n in ("belly", "pelvis")]]
    without, with_term = (r.params.betas @ radius[:, 1:].T + radius[:, 0] for r in results)
    np.testing.assert_allclose(with_term, without, rtol=0.05)
