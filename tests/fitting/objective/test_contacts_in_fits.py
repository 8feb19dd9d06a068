"""What E_sp does in an objective and to a fit. The data are the projections of the body as it
starts, hand in the belly."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting import Assets
from fitting.camera import project
from fitting.capsules.capsules import spread_spheres
from fitting.objective.interpenetration import Interpenetration
from fitting.objective.model import Model
from fitting.objective.objective import Objective
from fitting.objective.residuals import Loss, Observations
from fitting.objective.terms import TERMS, names_of
from fitting.rotations import quaternion_from_vector
from fitting.solver.levenberg_marquardt import Linearization, minimize
from tests.fitting.objective.touching import FACING, cost_of, posed

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
        costs.append(cost_of(term, posed(model.kinematics, pose, betas), betas, 1.0))
    assert costs[0].max() > 1e-2
    assert costs[1].max() < 1e-4
    assert results[1].fitted.all()
    assert (results[1].stage_terms[..., names_of(TERMS).index("interpenetration")] >= 0).all()
    radius = capsules.radius[[capsules.names.index(n) for n in ("belly", "pelvis")]]
    without, with_term = (r.params.betas @ radius[:, 1:].T + radius[:, 0] for r in results)
    np.testing.assert_allclose(with_term, without, rtol=0.05)
