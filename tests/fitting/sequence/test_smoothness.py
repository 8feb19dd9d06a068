"""What a motion costs: exact derivatives, seconds and not frames, nothing across an open gap."""

import numpy as np
import pytest
import torch

from fitting.fit_config import PARAMETERS
from fitting.objective.bodies import Bodies
from fitting.objective.model import Model
from fitting.objective.objective import Objective
from fitting.objective.residuals import Loss, Observations
from fitting.rotations import quaternion_from_vector
from fitting.sequence.smoothness import Smoothness, Stiffness
from fitting.solver.chain import ChainLinearization

PLAIN = Stiffness(joints=2.0, kernel=float("inf"), rotations=50.0)
ROBUST = Stiffness(joints=2.0, kernel=2.0, rotations=50.0)


@pytest.fixture(scope="module")
def objective(body, prior) -> Objective:
    """Of nothing but bodies: all weights 0."""
    model, n = Model(body, prior), 1
    seen = Observations(
        torch.zeros(n, 14, 2),
        torch.zeros(n, 14, dtype=torch.bool),
        torch.zeros(n, 14),
        torch.ones(n),
        torch.zeros(n, 2),
        torch.ones(n),
        torch.ones(n),
        torch.ones(n),
        torch.zeros(n, 14, 4),
    )
    return Objective(model, model.unknowns(list(PARAMETERS)), seen, {"data": 0.0}, Loss(3.0))


def moving(model, length, seed=0, spread=0.1):
    rng = np.random.default_rng(seed)
    turn = quaternion_from_vector(
        torch.as_tensor(np.array([np.pi, 0, 0]) + rng.normal(0, spread, (length, 3)))
    )
    pose = model.prior.mean_pose + rng.normal(0, spread, (length, 69))
    betas = np.tile(rng.normal(0, 1, 10), (length, 1))
    transl = rng.normal([0, 0, 4], spread, (length, 3))
    return torch.cat([turn, torch.as_tensor(np.concatenate([pose, betas, transl], 1))], 1)


def linearized(objective, x, times, linked=None, stiffness=PLAIN):
    length, size = len(x), objective.unknowns.size
    flags = torch.ones(length - 2, dtype=torch.bool) if linked is None else torch.tensor(linked)
    term = Smoothness(objective.unknowns, torch.as_tensor(times), flags, stiffness, x.dtype)
    blocks = (x.new_zeros(length - k, size, size) for k in range(3))
    empty = ChainLinearization(0.0, x.new_zeros(length, size), *blocks)
    return term.add_to(empty, Bodies(objective, x))


@pytest.mark.parametrize("stiffness", [PLAIN, ROBUST])
def test_gradient(objective, stiffness) -> None:
    x, times = moving(objective.model, 5), np.array([0.0, 0.04, 0.07, 0.12, 0.15])
    linear = linearized(objective, x, times, stiffness=stiffness)
    rng = np.random.default_rng(1)
    for _ in range(5):
        step = torch.as_tensor(rng.normal(0, 1, linear.gradient.shape))
        costs = [
            linearized(objective, objective.retract(x, e * step), times, stiffness=stiffness).cost
            for e in (1e-6, -1e-6)
        ]
        expected = (costs[0] - costs[1]) / 2e-6
        assert float((linear.gradient * step).sum()) == pytest.approx(expected, rel=1e-4)


def test_hessian_is_that_of_gauss_and_newton(objective) -> None:
    """For plain squares at a motion without acceleration it is the exact one."""
    x = moving(objective.model, 1).expand(5, -1).clone()
    times = np.array([0.0, 0.04, 0.07, 0.12, 0.15])
    linear = linearized(objective, x, times)
    assert linear.cost == pytest.approx(0, abs=1e-12)
    step = torch.as_tensor(np.random.default_rng(2).normal(0, 1, linear.gradient.shape))
    curve = torch.einsum("ta,tab,tb->", step, linear.diagonal, step)
    curve += 2 * torch.einsum("ta,tab,tb->", step[1:], linear.next, step[:-1])
    curve += 2 * torch.einsum("ta,tab,tb->", step[2:], linear.after, step[:-2])
    small = 1e-5
    cost = linearized(objective, objective.retract(x, small * step), times).cost
    assert cost == pytest.approx(0.5 * small**2 * float(curve), rel=1e-3)


def falling(model, times):
    """A stiff body in free fall: its acceleration is the same whenever it is looked at."""
    x = moving(model, 1).expand(len(times), -1).clone()
    x[:, -2] += 0.5 * 9.81 * torch.as_tensor(times) ** 2
    return x


@pytest.mark.parametrize(
    "times", [np.arange(3) / 24, np.arange(3) / 60, np.array([0.0, 0.01, 0.15])]
)
def test_the_frame_rate_does_not_matter(objective, times) -> None:
    cost = linearized(objective, falling(objective.model, times), times).cost
    assert cost == pytest.approx(14 * 0.5 * (9.81 / PLAIN.joints) ** 2, rel=1e-6)


def test_an_exception_costs_little(objective) -> None:
    x, times = falling(objective.model, np.arange(3) / 24), np.arange(3) / 24
    x[1, -1] += 1.0
    plain, robust = (linearized(objective, x, times, stiffness=s) for s in (PLAIN, ROBUST))
    assert robust.cost < plain.cost / 1000
    assert robust.gradient.abs().max() < plain.gradient.abs().max() / 100


def test_nothing_is_asked_of_a_motion_that_does_not_go_on(objective) -> None:
    x, times = moving(objective.model, 6), np.arange(6) / 24
    apart = linearized(objective, x, times, linked=[True, False, False, True])
    parts = [linearized(objective, x[rows], times[:3]) for rows in (slice(3), slice(3, 6))]
    assert apart.cost == pytest.approx(parts[0].cost + parts[1].cost)
    assert float(apart.next[2].abs().max()) == 0
    assert float(apart.after[1:3].abs().max()) == 0
