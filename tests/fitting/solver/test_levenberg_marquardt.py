from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares

from fitting.solver.levenberg_marquardt import Linearization, minimize
from fitting.solver.status import Status


@dataclass
class Residuals:
    """Problems given as one residual function; derivatives by autograd, rows may have own data."""

    function: object
    data: torch.Tensor

    def linearize(self, x):
        jacobian = torch.stack(
            [
                torch.autograd.functional.jacobian(lambda v, d=d: self.function(v, d), row)
                for row, d in zip(x, self.data, strict=True)
            ]
        )
        r = torch.stack([self.function(row, d) for row, d in zip(x, self.data, strict=True)])
        gradient = (jacobian.mT @ r[..., None])[..., 0]
        return Linearization(0.5 * (r**2).sum(1), gradient, jacobian.mT @ jacobian)

    def retract(self, x, step):
        return x + step

    def select(self, rows):
        return Residuals(self.function, self.data[rows])


def rosenbrock(x, d):
    return torch.stack([10 * (x[1] - x[0] ** 2), d[0] - x[0]])


def powell(x, d):
    return (
        torch.stack(
            [
                x[0] + 10 * x[1],
                5**0.5 * (x[2] - x[3]),
                (x[1] - 2 * x[2]) ** 2,
                10**0.5 * (x[0] - x[3]) ** 2,
            ]
        )
        * d[0]
    )


def helical_valley(x, d):
    theta = torch.atan2(x[1], x[0]) / (2 * torch.pi)
    return torch.stack(
        [10 * (x[2] - 10 * theta), 10 * ((x[0] ** 2 + x[1] ** 2).sqrt() - d[0]), x[2]]
    )


def beale(x, d):
    return torch.stack(
        [c * d[0] - x[0] * (1 - x[1] ** (k + 1)) for k, c in enumerate((1.5, 2.25, 2.625))]
    )


def decay(x, d):
    t = torch.linspace(0, 3, 12, dtype=x.dtype)
    return x[0] * torch.exp(-x[1] * t) - d[0] * torch.exp(-1.3 * t) - 0.05 * torch.sin(7 * t)


PROBLEMS = {
    "rosenbrock": (rosenbrock, [-1.2, 1.0]),
    "powell": (powell, [3.0, -1.0, 0.0, 1.0]),
    "helical valley": (helical_valley, [-1.0, 0.3, 0.0]),
    "beale": (beale, [1.0, 0.8]),
    "decay": (decay, [1.0, 0.1]),
}


def solve(name, data=((1.0,),), starts=None, **options):
    function, start = PROBLEMS[name]
    x = torch.tensor([start] * len(data) if starts is None else starts, dtype=torch.float64)
    problem = Residuals(function, torch.tensor(data, dtype=torch.float64))
    options = {"max_iterations": 200, "tolerance": 1e-10} | options
    return minimize(problem, x, **options)


@pytest.mark.parametrize("name", PROBLEMS)
def test_ends_no_higher_than_scipy(name):
    function, start = PROBLEMS[name]
    d = torch.ones(1, dtype=torch.float64)
    scipys = least_squares(
        lambda x: function(torch.as_tensor(x), d).numpy(),
        start,
        method="lm",
        xtol=1e-14,
        ftol=1e-14,
    )
    ours = solve(name)
    assert ours.cost[0] <= scipys.cost * (1 + 1e-9) + 1e-12
    assert ours.status[0] == Status.CONVERGED


def test_cost_never_rises_from_one_iteration_to_the_next():
    costs = [solve("rosenbrock", max_iterations=n).cost[0] for n in range(40)]
    assert all(later <= before for before, later in pairwise(costs))
    assert costs[-1] < 1e-8 * costs[0]


def test_a_row_does_not_depend_on_its_batch_mates():
    data = ((1.0,), (3.0,), (0.2,), (1.7,), (float("nan"),))
    together = solve("decay", data)
    for row, d in enumerate(data):
        alone = solve("decay", (d,))
        assert torch.equal(together.iterations[row], alone.iterations[0])
        assert torch.allclose(together.x[row], alone.x[0], atol=1e-12, equal_nan=True)


def test_rows_that_are_not_finite_come_back_as_they_were():
    solution = solve("decay", ((1.0,), (float("inf"),)))
    assert solution.status.tolist() == [Status.CONVERGED, Status.NONFINITE]
    assert solution.x[1].tolist() == PROBLEMS["decay"][1]


def test_the_iteration_limit_is_kept_and_told():
    solution = solve("rosenbrock", max_iterations=3)
    assert solution.status[0] == Status.MAX_ITERATIONS
    assert solution.iterations[0] == 3


def test_where_no_step_helps_it_says_stalled():
    def rising(x, d):  # its derivative lies: every step the model likes makes it worse
        return x.detach() * 0 + 1 + (x - x.detach()) + 10 * (x.detach() - 2).abs()

    problem = Residuals(rising, torch.ones(1, 1, dtype=torch.float64))
    x = torch.tensor([[2.0]], dtype=torch.float64)
    solution = minimize(problem, x, 200, 1e-10)
    assert solution.status[0] == Status.STALLED
    assert solution.x[0, 0] == 2.0


def test_an_unobserved_entry_stays():
    def half_blind(x, d):
        return torch.stack([x[0] - d[0], 0 * x[1]])

    problem = Residuals(half_blind, torch.full((1, 1), 4.0, dtype=torch.float64))
    x = torch.tensor([[1.0, 5.0]], dtype=torch.float64)
    solution = minimize(problem, x, 50, 1e-10)
    assert np.allclose(solution.x[0], [4.0, 5.0])
