"""What terms see of the bodies, and how what they return is added up."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting.objective.bodies import Bodies, Part
from fitting.objective.objective import Objective
from fitting.objective.residuals import Loss
from fitting.solver.levenberg_marquardt import Linearization
from tests.fitting.toy_problem import toy_model, toy_observations, toy_states, whole_step

COLUMNS = {"all": None, "slice": slice(2, 5), "list": [4, 0, 6]}
ROWS = {"every row": None, "some rows": torch.tensor([2, 0])}


def linear(batch: int, size: int, seed: int = 0) -> Linearization:
    rng = np.random.default_rng(seed)
    shapes = (batch,), (batch, size), (batch, size, size)
    return Linearization(*(torch.as_tensor(rng.normal(size=shape)) for shape in shapes))


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("rows", ROWS)
def test_a_part_is_added_where_it_belongs_and_nowhere_else(columns, rows):
    at, among = COLUMNS[columns], ROWS[rows]
    entries = torch.arange(7)[at] if at is not None else torch.arange(7)
    batch = torch.arange(3) if among is None else among
    total, own = linear(3, 7), linear(len(batch), len(entries), seed=1)
    part = Part(own, at, among)
    expected = linear(3, 7)
    for place, row in enumerate(batch):
        expected.cost[row] += own.cost[place]
        for i, entry in enumerate(entries):
            expected.gradient[row, entry] += own.gradient[place, i]
            for j, other in enumerate(entries):
                expected.hessian[row, entry, other] += own.hessian[place, i, j]
    part.add_to(total)
    for name in ("cost", "gradient", "hessian"):
        torch.testing.assert_close(getattr(total, name), getattr(expected, name))
    assert part.whole == (columns == "all" and rows == "every row")
    costs = torch.zeros(3, dtype=torch.float64)
    costs[batch] = own.cost
    assert torch.equal(part.cost(3), costs)


def test_a_part_of_no_rows_adds_nothing():
    total = linear(3, 7)
    Part(linear(0, 3), slice(2, 5), torch.zeros(0, dtype=torch.long)).add_to(total)
    for name in ("cost", "gradient", "hessian"):
        assert torch.equal(getattr(total, name), getattr(linear(3, 7), name))


@pytest.fixture(scope="module")
def model():
    return toy_model()


def objective(model, weights=None, **changes) -> Objective:
    seen = replace(toy_observations(4), **changes)
    return Objective(model, whole_step(model), seen, weights or {}, Loss(100))


def test_the_parts_of_the_states_have_their_names(model):
    x = toy_states(model, 4)
    bodies = Bodies(objective(model), x)
    assert torch.equal(torch.cat([bodies.root, bodies.pose, bodies.betas, bodies.transl], 1), x)
    assert [part.shape[1] for part in (bodies.root, bodies.pose, bodies.betas)] == [4, 69, 4]


def moved(problem: Objective, x: torch.Tensor, column: int, h: float) -> Bodies:
    step = torch.zeros(len(x), problem.unknowns.size, dtype=x.dtype)
    step[:, column] = h
    return Bodies(problem, problem.retract(x, step))


@pytest.mark.parametrize("weights", [{}, {"joints_3d": 1.0}], ids=["apart", "shared"])
def test_derivatives_of_image_and_points_are_finite_differences(model, weights):
    """With or without a term that needs the points' own derivative, the image's is the same."""
    problem, x, h = objective(model, weights), toy_states(model, 4), 1e-6
    assert problem.shares_jacobian == bool(weights)
    bodies = Bodies(problem, x)
    jacobian = bodies.image[1]
    for column in range(problem.unknowns.size):
        plus, minus = (moved(problem, x, column, s * h) for s in (1, -1))
        pixels = (plus.image[0] - minus.image[0]) / (2 * h)
        torch.testing.assert_close(
            pixels, jacobian[..., column] * known(problem), rtol=1e-5, atol=1e-3
        )
        points = [b.posed.points + b.transl[:, None] for b in (plus, minus)]
        numeric = (points[0] - points[1]) / (2 * h)
        torch.testing.assert_close(numeric, bodies.jacobian[..., column], rtol=1e-6, atol=1e-7)


def known(problem: Objective) -> torch.Tensor:
    """1 for points that are seen; others have no difference to differentiate."""
    return (problem.observations.weight > 0)[..., None].double()


def test_differences_are_in_px_at_the_reference_size(model):
    x = toy_states(model, 4)
    plain = Bodies(objective(model, scale=torch.ones(4).double()), x).image
    scale = torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64)
    scaled = Bodies(objective(model, scale=scale), x).image
    torch.testing.assert_close(scaled[0], plain[0] * scale[:, None, None])
    torch.testing.assert_close(scaled[1], plain[1] * scale[:, None, None, None])


def test_a_missing_point_differs_by_nothing_whatever_it_holds(model):
    seen = toy_observations(4)
    xy, weight = seen.xy.clone(), seen.weight.clone()
    xy[1, 3], weight[1, 3] = torch.nan, 0
    difference = Bodies(objective(model, xy=xy, weight=weight), toy_states(model, 4)).image[0]
    assert difference[1, 3].tolist() == [0, 0]
    assert difference.isfinite().all()
