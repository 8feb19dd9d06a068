"""Every term: its gradient against finite differences of its cost, its numbers by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting.objective.objective import Objective
from fitting.objective.residuals import (
    Loss,
    bending_term,
    data_term,
    depth_term,
    pose_prior_term,
    shape_term,
    student_data_term,
)
from fitting.priors import MaxMixture
from tests.fitting.toy_problem import (
    toy_model,
    toy_observations,
    toy_prior,
    toy_states,
    whole_step,
)

WEIGHTS = {"pose_prior": 3.0, "bending": 2.0, "shape": 5.0, "depth": 7.0, "joints_3d": 3.0}


TERMS = ["data", *WEIGHTS]


@pytest.fixture
def objective():
    model = toy_model()
    return Objective(model, whole_step(model), toy_observations(4), WEIGHTS, Loss(100))


def with_observations(objective, observations):
    parts = objective.model, objective.unknowns
    return Objective(*parts, observations, WEIGHTS, objective.loss)


@pytest.fixture
def states(objective):
    return toy_states(objective.model, len(objective.observations))


def cost_of(objective, term, x):
    return objective.parts(x)[term].linear.cost


@pytest.mark.parametrize("term", TERMS)
def test_gradient_is_the_derivative_of_the_cost(objective, states, term):
    part = objective.parts(states)[term]
    gradient = torch.zeros(len(states), objective.unknowns.size, dtype=states.dtype)
    gradient[:, slice(None) if part.whole else part.columns] = part.linear.gradient
    h = 1e-6
    for column in range(gradient.shape[1]):
        step = torch.zeros_like(gradient)
        step[:, column] = h
        plus = cost_of(objective, term, objective.retract(states, step))
        minus = cost_of(objective, term, objective.retract(states, -step))
        numeric = (plus - minus) / (2 * h)
        assert torch.allclose(numeric, gradient[:, column], rtol=2e-5, atol=1e-5), column


@pytest.mark.parametrize("term", ["pose_prior", "shape", "depth"])
def test_hessian_of_the_quadratic_terms_is_the_derivative_of_the_gradient(objective, states, term):
    part = objective.parts(states)[term]
    h = 1e-6
    columns = torch.arange(objective.unknowns.size)[part.columns]
    for place, column in enumerate(columns):
        step = torch.zeros(len(states), objective.unknowns.size, dtype=states.dtype)
        step[:, column] = h
        plus = objective.parts(objective.retract(states, step))[term].linear.gradient
        minus = objective.parts(objective.retract(states, -step))[term].linear.gradient
        slope, hessian = (plus - minus) / (2 * h), part.linear.hessian
        assert torch.allclose(slope, hessian[:, :, place], atol=1e-4)


def test_linearization_is_the_sum_of_the_terms(objective, states):
    total = objective.linearize(states)
    costs = sum(cost_of(objective, term, states) for term in TERMS)
    assert torch.allclose(total.cost, costs)
    assert torch.allclose(total.hessian, total.hessian.mT)
    assert torch.linalg.eigvalsh(total.hessian).min() > -1e-8 * total.hessian.abs().max()


def test_data_term_is_geman_mcclure_per_coordinate():
    difference = torch.tensor([[[30.0, 400.0]]], dtype=torch.float64)
    jacobian = torch.eye(2, dtype=torch.float64)[None, None]
    found = data_term(difference, jacobian, torch.tensor([[0.5]], dtype=torch.float64), 100.0)
    rho_squared = [100**2 * x**2 / (100**2 + x**2) for x in (30, 400)]
    assert found.cost.item() == pytest.approx(0.5 * 0.25 * sum(rho_squared))


def test_an_infinite_sigma_gives_plain_squares():
    difference = torch.tensor([[[3.0, -4.0]]], dtype=torch.float64)
    jacobian = torch.eye(2, dtype=torch.float64)[None, None]
    found = data_term(difference, jacobian, torch.ones(1, 1, dtype=torch.float64), torch.inf)
    assert found.cost.item() == pytest.approx(12.5)
    assert torch.allclose(found.gradient, torch.tensor([[3.0, -4.0]], dtype=torch.float64))
    assert torch.allclose(found.hessian[0], torch.eye(2, dtype=torch.float64))


def test_student_term_is_a_t_like_density_per_joint():
    difference = torch.tensor([[[3.0, -4.0], [0.1, 0.0]]], dtype=torch.float64)
    jacobian = torch.randn(1, 2, 2, 3, dtype=torch.float64)
    weight = torch.tensor([[2.0, 10.0]], dtype=torch.float64)
    found = student_data_term(difference, jacobian, weight, 3.0)
    expected = 0.5 * 9 * (np.log(1 + 100 / 9) + np.log(1 + 1 / 9))
    assert found.cost.item() == pytest.approx(expected)
    h = 1e-6
    for column in range(3):
        costs = [
            student_data_term(
                difference + s * h * jacobian[..., column], jacobian, weight, 3.0
            ).cost
            for s in (1, -1)
        ]
        slope = (costs[0] - costs[1]) / (2 * h)
        assert slope.item() == pytest.approx(found.gradient[0, column].item(), rel=1e-5)


def test_pose_prior_is_the_least_of_the_components():
    prior = toy_prior()
    pose = np.random.default_rng(5).normal(0, 0.5, (1, 69))
    roots = [np.sqrt(np.linalg.det(c)) for c in prior.covars]
    energies = []
    for mean, covar, weight, root in zip(
        prior.means, prior.covars, prior.weights, roots, strict=True
    ):
        d = pose[0] - mean
        released = weight / ((2 * np.pi) ** 34.5 * root / min(roots))
        energies.append(0.5 * d @ np.linalg.solve(covar, d) - np.log(released))
    constant = 34.5 * np.log(2 * np.pi)  # the project leaves it out
    found = pose_prior_term(torch.as_tensor(pose), MaxMixture(prior), weight=2.0)
    assert found.cost.item() == pytest.approx(0.5 * 4 * (min(energies) - constant))


def test_bending_punishes_the_impossible_side_of_each_joint():
    # entries of the 72-vector: 55 left elbow, 58 right elbow, 12 left knee, 15 right knee
    for entry, impossible in ((55, 1), (58, -1), (12, -1), (15, -1)):
        pose = torch.zeros(2, 69, dtype=torch.float64)
        pose[0, entry - 3], pose[1, entry - 3] = impossible, -impossible
        cost = bending_term(pose, weight=1.0).cost
        expected = [0.5 * 100 * (3 + np.exp(2.0 * s)) for s in (1, -1)]
        assert cost.tolist() == pytest.approx(expected)


def test_shape_and_depth_are_weighted_squares():
    betas = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    assert shape_term(betas, 3.0).cost.item() == pytest.approx(0.5 * 9 * 5)
    z, target = (torch.tensor([v], dtype=torch.float64) for v in (3.0, 2.5))
    assert depth_term(z, target, torch.full_like(z, 100.0)).cost.item() == pytest.approx(
        0.5 * 50**2
    )


def test_a_missing_joint_has_no_influence_whatever_it_holds(objective, states):
    seen = objective.observations
    weight = seen.weight.clone()
    weight[:, 5] = 0
    costs = []
    for value in (0.0, 1e9, torch.nan):
        xy = seen.xy.clone()
        xy[:, 5] = value
        other = with_observations(objective, replace(seen, xy=xy, weight=weight))
        costs.append(other.linearize(states).cost)
    assert torch.equal(costs[0], costs[1])
    assert torch.equal(costs[0], costs[2])
