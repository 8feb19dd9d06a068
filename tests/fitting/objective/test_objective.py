"""The sum of the terms as the solver sees it: steps, rows, derivatives, what completes a state."""

from dataclasses import replace

import pytest
import torch

from fitting.objective.objective import Objective
from fitting.objective.residuals import Loss
from fitting.objective.terms import TERMS, names_of
from fitting.objective.unknowns import Unknowns
from fitting.rotations import matrix_from_quaternion, rotation_and_left_jacobian
from tests.fitting.toy_problem import toy_model, toy_observations, toy_states, whole_step

WEIGHTS = {"pose_prior": 3.0, "bending": 2.0, "shape": 5.0, "depth": 7.0, "joints_3d": 3.0}
UNKNOWNS = {
    "all": lambda model: whole_step(model),
    "camera": lambda model: Unknowns(True, (), 0, True),
    "pose": lambda model: Unknowns(False, (4, 5, 12, 18, 19), 0, False),
    "shape": lambda model: Unknowns(False, (), model.kinematics.n_betas, True),
}


@pytest.fixture(scope="module")
def model():
    return toy_model()


def objective(model, free: str = "all", weights: dict[str, float] | None = None) -> Objective:
    weights = WEIGHTS if weights is None else weights
    return Objective(model, UNKNOWNS[free](model), toy_observations(4), weights, Loss(100))


def steps(problem: Objective, scale: float = 0.3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    size = 4, problem.unknowns.size
    return scale * torch.randn(*size, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("free", UNKNOWNS)
def test_a_step_moves_what_is_free_and_nothing_else(model, free):
    problem, x = objective(model, free), toy_states(model, 4)
    step, at = steps(problem), problem.unknowns
    root, pose, betas, transl = model.split(problem.retract(x, step))
    before = model.split(x)
    turn = rotation_and_left_jacobian(step[:, :3])[0] if at.root else torch.eye(3).double()
    expected = turn @ matrix_from_quaternion(before[0])
    torch.testing.assert_close(matrix_from_quaternion(root), expected)
    torch.testing.assert_close(root.norm(dim=1), torch.ones(4).double())
    moved = before[1].clone()
    moved[:, at.pose_entries] += step[:, at.pose]
    torch.testing.assert_close(pose, moved)
    torch.testing.assert_close(betas, before[2] + (step[:, at.betas] if at.n_betas else 0))
    torch.testing.assert_close(transl, before[3] + (step[:, at.translation] if at.transl else 0))
    assert torch.equal(x, toy_states(model, 4)), "the caller's states are left alone"


@pytest.mark.parametrize("free", UNKNOWNS)
def test_gradient_and_values_are_those_of_the_cost(model, free):
    problem, x, h = objective(model, free), toy_states(model, 4), 1e-6
    total = problem.linearize(x)
    torch.testing.assert_close(problem.values(x).sum(1), total.cost)
    for column in range(problem.unknowns.size):
        step = torch.zeros_like(total.gradient)
        step[:, column] = h
        costs = [problem.linearize(problem.retract(x, s * step)).cost for s in (1, -1)]
        slope = (costs[0] - costs[1]) / (2 * h)
        torch.testing.assert_close(slope, total.gradient[:, column], rtol=2e-5, atol=1e-3)


def test_a_row_is_judged_the_same_alone_and_none_is_no_rows(model):
    problem, x = objective(model), toy_states(model, 4)
    together = problem.linearize(x)
    for rows in (torch.tensor([2]), torch.tensor([3, 1]), torch.zeros(0, dtype=torch.long)):
        some = problem.select(rows).linearize(x[rows])
        for name in ("cost", "gradient", "hessian"):
            torch.testing.assert_close(getattr(some, name), getattr(together, name)[rows])
    assert len(problem.observations) == 4, "the problem itself keeps its rows"


def test_terms_that_are_off_have_the_value_0(model):
    x = toy_states(model, 4)
    values = objective(model, "camera").values(x)
    on = {"data", "depth", "joints_3d"}
    assert objective(model, "camera").on == on
    for place, name in enumerate(names_of(TERMS)):
        assert (values[:, place] != 0).all() == (name in on), name
    none = objective(model, "camera", {"data": 0.0})
    assert none.on == set()
    total = none.linearize(x)
    assert not any(getattr(total, name).any() for name in ("cost", "gradient", "hessian"))


def test_a_weight_multiplies_the_residual(model):
    x = toy_states(model, 4)
    place = names_of(TERMS).index("shape")
    values = [objective(model, weights={"shape": w}).values(x)[:, place] for w in (2.0, 6.0)]
    torch.testing.assert_close(values[1], 9 * values[0])
    torch.testing.assert_close(values[0], 0.5 * 4 * (model.split(x)[2] ** 2).sum(1))


def test_what_only_the_prior_acts_on_is_completed_by_it(model):
    problem, x = objective(model, "pose"), toy_states(model, 4)
    root, pose, betas, transl = model.split(problem.complete(x))
    free = problem.unknowns.pose_entries
    before = model.split(x)
    for part, old in ((root, before[0]), (betas, before[2]), (transl, before[3])):
        assert torch.equal(part, old)
    assert torch.equal(pose[:, free], before[1][:, free])
    torch.testing.assert_close(pose, problem.prior.complete(before[1]))
    assert (pose - before[1]).abs().max() > 0.1
    without = objective(model, "pose", {"pose_prior": 0.0})
    assert without.complete(x) is x, "no prior, nothing to complete"


def test_contacts_need_capsules(model):
    problem = objective(model, weights={"interpenetration": 1.0})
    assert "interpenetration" not in problem.on
    with pytest.raises(AssertionError, match="without them"):
        _ = problem.contacts


def test_the_size_of_a_person_in_the_image_changes_the_data_term_alone(model):
    x, seen = toy_states(model, 4), toy_observations(4)
    other = replace(seen, scale=2 * seen.scale)
    values = [
        Objective(model, whole_step(model), s, WEIGHTS, Loss(torch.inf)).values(x)
        for s in (seen, other)
    ]
    torch.testing.assert_close(values[1][:, 0], 4 * values[0][:, 0])
    assert torch.equal(values[1][:, 1:], values[0][:, 1:])
