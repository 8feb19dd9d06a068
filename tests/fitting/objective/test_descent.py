"""The solver on bodies: it only goes down, gets drawn bodies back, and stands any rotation."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from fitting.camera import project
from fitting.capsules.capsules import load_capsules
from fitting.fit_config import Kernel
from fitting.objective.model import Model
from fitting.objective.objective import Objective
from fitting.objective.residuals import Loss, Observations
from fitting.rotations import quaternion_from_vector, quaternion_product
from fitting.solver.levenberg_marquardt import minimize
from tests.conftest import ROOT

FACING = (np.pi, 0.0, 0.0)
EVERYTHING = ["global_orient", "body_pose", "betas", "transl"]
SMPLIFY = {"pose_prior": 7, "bending": 0.75, "shape": 20, "depth": 100}
OBJECTIVES = {
    "smplify": (SMPLIFY, Loss(100)),
    "smplify, E_sp": (SMPLIFY | {"interpenetration": 1000}, Loss(100)),
    "student": ({"pose_prior": 1.41, "shape": 1, "depth": 6.3}, Loss(3, Kernel.student)),
}


@pytest.fixture(scope="module")
def model(body, prior) -> Model:
    capsules = load_capsules(ROOT / "assets/bodies/neutral.npz")
    return Model(body, prior, capsules)


def states(model, n, spread, seed=0, root=FACING):
    """(n, 86): about the prior's mean pose, `spread` rad and betas and a third of it in m away."""
    rng = np.random.default_rng(seed)
    turn = quaternion_from_vector(torch.as_tensor(rng.normal(0, spread, (n, 3))))
    facing = quaternion_from_vector(torch.tensor([root] * n, dtype=torch.float64))
    pose = model.prior.mean_pose + rng.normal(0, spread, (n, 69))
    betas, transl = rng.normal(0, spread, (n, 10)), rng.normal([0, 0, 4], spread / 3, (n, 3))
    rest = torch.as_tensor(np.concatenate([pose, betas, transl], 1))
    return torch.cat([quaternion_product(turn, facing), rest], 1)


def placed(model, x):
    return model.pose(x).points + model.split(x)[3][:, None]


def observed(model, x, noise=0.0, sure=1.0) -> Observations:
    """The projections of states, with errors in px; the joints themselves as targets."""
    n, one = len(x), torch.ones(len(x), dtype=x.dtype)
    points = placed(model, x)
    focal_length, center = 800 * one, 320 * torch.ones(n, 2, dtype=x.dtype)
    xy = project(points, focal_length, center)[0]
    rng = np.random.default_rng(1)
    target = points - points[:, [2, 3]].mean(1, keepdim=True)
    return Observations(
        xy=xy + noise * torch.as_tensor(rng.standard_t(2, xy.shape)),
        seen=torch.ones(n, 14, dtype=torch.bool),
        weight=torch.full((n, 14), sure, dtype=x.dtype),
        focal_length=focal_length,
        center=center,
        scale=one,
        depth=4 * one,
        depth_unit=one,
        target=torch.cat([target, torch.ones(n, 14, 1, dtype=x.dtype)], -1),
    )


@pytest.mark.parametrize("name", OBJECTIVES)
def test_cost_never_rises_over_accepted_steps(model, name):
    truth, start = states(model, 6, 0.4, seed=2), states(model, 6, 0.4, seed=3)
    seen = observed(model, truth, noise=8, sure=0.2 if name == "student" else 1.0)
    unknowns = model.unknowns(EVERYTHING, interpenetration=True)
    problem = Objective(model, unknowns, seen, *OBJECTIVES[name])
    solutions = [minimize(problem, start, n, 1e-8) for n in range(12)]
    for before, after in pairwise(solutions):
        assert (after.cost <= before.cost).all()
        same = after.cost == before.cost  # a refused step, or a row that has ended
        assert torch.equal(after.x[same], before.x[same])
    last = solutions[-1]
    assert (last.cost < 0.5 * solutions[0].cost).all()
    torch.testing.assert_close(problem.linearize(last.x).cost, last.cost)


def test_place_and_turn_are_found_to_the_millimetre(model):
    """The camera stage's unknowns, from half a radian and 30 cm away: 14 clean points fix them."""
    truth = states(model, 8, 0.2, seed=4)
    start = truth.clone()
    rng = np.random.default_rng(5)
    turn = quaternion_from_vector(torch.as_tensor(rng.normal(0, 0.3, (8, 3))))
    start[:, :4] = quaternion_product(turn, truth[:, :4])
    start[:, -3:] += torch.as_tensor(rng.normal(0, 0.3, (8, 3)))
    unknowns = model.unknowns(["global_orient", "transl"])
    problem = Objective(model, unknowns, observed(model, truth), {}, Loss(torch.inf))
    found = minimize(problem, start, 100, 1e-12).x
    assert (placed(model, found) - placed(model, truth)).norm(dim=-1).max() < 1e-4  # m


def test_a_body_near_the_start_is_recovered(model):
    """All unknowns, clean 2-D joints, a start 0.012 rad away: < 1 px and < 5 mm.

    What one view does not tell, the depth of limbs, stays as far off as the start is.
    """
    truth = states(model, 12, 0.3, seed=6)
    start = truth + 0
    rng = np.random.default_rng(7)
    start[:, 4:73] += torch.as_tensor(rng.normal(0, 0.012, (12, 69)))
    start[:, 73:83] += torch.as_tensor(rng.normal(0, 0.012, (12, 10)))
    unknowns = model.unknowns(EVERYTHING)
    problem = Objective(model, unknowns, observed(model, truth), {}, Loss(100))
    before = (placed(model, start) - placed(model, truth)).norm(dim=-1).mean(1)
    found = minimize(problem, start, 200, 1e-10).x
    apart = observed(model, found).xy - problem.observations.xy
    assert apart.norm(dim=-1).max() < 1  # px
    error = (placed(model, found) - placed(model, truth)).norm(dim=-1).mean(1)
    assert error.max() < 0.005
    assert error.mean() < 0.7 * before.mean()


def test_with_joints_in_3d_it_is_recovered_from_afar(model):
    """Where depth is told, too, the start is 0.3 rad away: < 1 px and < 5 mm."""
    truth, start = states(model, 8, 0.3, seed=8), states(model, 8, 0.1, seed=9)
    weights, unknowns = {"shape": 0.01, "joints_3d": 300}, model.unknowns(EVERYTHING)
    problem = Objective(model, unknowns, observed(model, truth), weights, Loss(100))
    found = minimize(problem, start, 300, 1e-10).x
    apart = observed(model, found).xy - problem.observations.xy
    assert apart.norm(dim=-1).max() < 1  # px
    assert (placed(model, found) - placed(model, truth)).norm(dim=-1).mean(1).max() < 0.005


ANGLES = [0.0, 1e-9, 9e-4, 1.1e-3, np.pi - 1e-7, np.pi, np.pi + 1e-3, 2 * np.pi - 1e-3]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("angle", ANGLES)
def test_any_angle_of_root_and_joints_is_regular(body, prior, model, angle, dtype):
    """Gradient against differences of the cost in double precision; both precisions descend."""
    axis = np.array([0.48, -0.6, 0.64])
    truth = states(model, 1, 0.3, seed=10)
    x = states(model, 1, 0.0, root=tuple(axis * angle))
    x[0, 4 + 45 : 4 + 48] = torch.as_tensor(axis * angle)  # left shoulder
    x[0, 4 + 9 : 4 + 12] = torch.as_tensor(axis[::-1] * angle)  # left knee
    unknowns = model.unknowns(EVERYTHING)
    seen, loss = observed(model, truth), Loss(torch.inf)
    problem = Objective(model, unknowns, seen, {"shape": 5}, loss)
    gradient = problem.linearize(x).gradient[0]
    steps = 1e-6 * torch.eye(unknowns.size, dtype=x.dtype)
    many = problem.select(torch.zeros(unknowns.size, dtype=torch.long))
    ahead, back = (many.retract(x.expand(len(steps), -1), s * steps) for s in (1, -1))
    numeric = (many.linearize(ahead).cost - many.linearize(back).cost) / 2e-6
    scale = gradient.abs().max()
    assert torch.allclose(numeric / scale, gradient / scale, atol=1e-6)

    other = Model(body, prior, dtype=dtype)
    seen, weights = problem.observations.to(dtype), {"pose_prior": 1, "shape": 5, "depth": 10}
    lower = Objective(other, unknowns, seen, weights, Loss(100))
    ends = minimize(lower, x.to(dtype), 30, 1e-4)
    assert ends.x.isfinite().all()
    assert ends.cost[0] < 0.2 * lower.linearize(x.to(dtype)).cost[0]
