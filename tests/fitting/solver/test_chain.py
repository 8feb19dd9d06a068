"""The solver of chains against dense algebra."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch

from fitting.solver.chain import (
    BandFactor,
    ChainLinearization,
    minimize_chain,
    shared_information,
)
from fitting.solver.status import Status

OWN, SHARED = 4, 2
SIZE = OWN + SHARED


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def dense(diagonal, near, far):
    """The matrix (T U, T U) of its blocks."""
    length, size = diagonal.shape[:2]
    whole = torch.zeros(length, length, size, size, dtype=diagonal.dtype)
    index = torch.arange(length)
    whole[index, index] = diagonal
    for step, block in ((1, near), (2, far)):
        whole[index[step:], index[:-step]] = block
        whole[index[:-step], index[step:]] = block.mT
    return whole.transpose(1, 2).reshape(length * size, length * size)


@pytest.mark.parametrize("length", [3, 4, 9])
def test_the_factor_solves_what_a_dense_one_solves(length: int) -> None:
    couplings = [random(OWN, 3 * OWN, seed=t) for t in range(length - 2)]
    whole = torch.eye(length * OWN, dtype=torch.float64)
    for t, jacobian in enumerate(couplings):
        rows = slice(t * OWN, (t + 3) * OWN)
        whole[rows, rows] += jacobian.mT @ jacobian
    blocks = whole.reshape(length, OWN, length, OWN).transpose(1, 2)
    index = torch.arange(length)
    bands = (
        blocks[index, index],
        blocks[index[1:], index[:-1]],
        blocks[index[2:], index[:-2]],
    )
    right = random(length, OWN, 3, seed=99)
    found = BandFactor(*bands).solve(right)
    expected = torch.linalg.solve(whole, right.reshape(-1, 3)).reshape(right.shape)
    torch.testing.assert_close(found, expected)


def test_what_is_not_positive_definite_is_refused() -> None:
    eye = torch.eye(OWN, dtype=torch.float64).expand(3, OWN, OWN)
    with pytest.raises(torch.linalg.LinAlgError):
        BandFactor(eye, 2 * eye[1:], 0 * eye[2:])


@dataclass
class Quadratic:
    """0.5 |J x - y|^2 over every three neighbours; the last SHARED entries of a state are those of
    all states."""

    jacobians: torch.Tensor  # (T - 2, m, 3, SIZE)
    target: torch.Tensor
    held: torch.Tensor
    shared = slice(OWN, SIZE)
    bend: float = 0.0

    def linearize(self, x):
        length = len(x)
        cost, gradient = 0.0, torch.zeros_like(x)
        diagonal = torch.zeros(length, SIZE, SIZE, dtype=x.dtype)
        near, far = torch.zeros_like(diagonal[1:]), torch.zeros_like(diagonal[2:])
        for t, (jacobian, target) in enumerate(zip(self.jacobians, self.target, strict=True)):
            value = torch.einsum("mks,ks->m", jacobian, x[t : t + 3])
            residual = value + self.bend * value.sin() - target
            slope = (1 + self.bend * value.cos())[:, None, None] * jacobian
            cost += float(0.5 * (residual**2).sum())
            gradient[t : t + 3] += torch.einsum("mks,m->ks", slope, residual)
            for k in range(3):
                diagonal[t + k] += slope[:, k].mT @ slope[:, k]
            near[t] += slope[:, 1].mT @ slope[:, 0]
            near[t + 1] += slope[:, 2].mT @ slope[:, 1]
            far[t] += slope[:, 2].mT @ slope[:, 0]
        return ChainLinearization(cost, gradient, diagonal, near, far)

    def retract(self, x, step):
        return x + step


def quadratic(length=8, bend=0.0, held=()) -> Quadratic:
    jacobians = random(length - 2, 20, 3, SIZE, seed=1)
    flags = torch.zeros(length, dtype=torch.bool)
    flags[list(held)] = True
    return Quadratic(jacobians, random(length - 2, 20, seed=2), flags, bend)


def unknown_columns(problem: Quadratic) -> torch.Tensor:
    """The Jacobian over all own entries and then the shared ones once."""
    inner, rows = problem.jacobians.shape[:2]
    length = inner + 2
    whole = torch.zeros(inner * rows, length * OWN + SHARED, dtype=torch.float64)
    for t, jacobian in enumerate(problem.jacobians):
        part = whole[t * rows : (t + 1) * rows]
        for k in range(3):
            part[:, (t + k) * OWN : (t + k + 1) * OWN] = jacobian[:, k, :OWN]
            part[:, length * OWN :] += jacobian[:, k, OWN:]
    return whole


def test_a_linear_problem_ends_where_least_squares_does() -> None:
    problem = quadratic()
    found = minimize_chain(problem, torch.zeros(8, SIZE, dtype=torch.float64), 30, 1e-12)
    best = torch.linalg.lstsq(unknown_columns(problem), problem.target.reshape(-1, 1)).solution
    own, common = best[: 8 * OWN, 0].reshape(8, OWN), best[8 * OWN :, 0]
    assert found.status == Status.CONVERGED
    torch.testing.assert_close(found.x[:, :OWN], own, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found.x[:, OWN:], common.expand(8, SHARED), rtol=1e-6, atol=1e-6)


def test_the_information_of_the_shared_is_their_inverse_covariance() -> None:
    problem = quadratic()
    jacobian = unknown_columns(problem)
    covariance = torch.linalg.inv(jacobian.mT @ jacobian)[8 * OWN :, 8 * OWN :]
    found = shared_information(problem, torch.zeros(8, SIZE, dtype=torch.float64))
    torch.testing.assert_close(found, torch.linalg.inv(covariance), rtol=1e-6, atol=1e-6)


def test_held_states_stay_and_the_others_make_the_best_of_it() -> None:
    problem, start = quadratic(held=(0, 1)), random(8, SIZE, seed=3)
    start[:, OWN:] = start[0, OWN:]
    found = minimize_chain(problem, start, 30, 1e-12)
    torch.testing.assert_close(found.x[:2, :OWN], start[:2, :OWN], rtol=0, atol=0)
    gradient = problem.linearize(found.x).gradient
    assert gradient[2:, :OWN].abs().max() < 1e-6
    assert gradient[:, OWN:].sum(0).abs().max() < 1e-6
    assert gradient[:2, :OWN].abs().max() > 1e-2


def test_a_curved_problem_only_goes_down() -> None:
    problem, start = quadratic(bend=1.5), random(8, SIZE, seed=4) * 3
    start[:, OWN:] = start[0, OWN:]
    costs = [minimize_chain(problem, start, n, 1e-12).cost for n in range(1, 12)]
    assert all(later <= earlier for earlier, later in pairwise(costs))
    assert costs[-1] < 0.5 * problem.linearize(start).cost


class Indefinite(Quadratic):
    """With a Hessian that rounding has made indefinite."""

    def linearize(self, x):
        linear = super().linearize(x)
        linear.diagonal[3] -= 1.02 * torch.diag(linear.diagonal[3].diagonal())
        return linear


def test_an_indefinite_hessian_is_damped_until_it_is_none() -> None:
    plain, start = quadratic(), random(8, SIZE, seed=5)
    start[:, OWN:] = start[0, OWN:]
    problem = Indefinite(plain.jacobians, plain.target, plain.held)
    with pytest.raises(torch.linalg.LinAlgError):
        BandFactor(*(getattr(problem.linearize(start), n) for n in ("diagonal", "next", "after")))
    found = minimize_chain(problem, start, 60, 1e-6)
    assert found.cost <= plain.linearize(start).cost
    assert found.status != Status.NONFINITE


def test_a_problem_that_is_not_finite_is_returned_as_it_came() -> None:
    problem, start = quadratic(), torch.zeros(8, SIZE, dtype=torch.float64)
    problem.target[0] = float("nan")
    found = minimize_chain(problem, start, 5, 1e-3)
    assert found.status == Status.NONFINITE
    assert found.x is start
