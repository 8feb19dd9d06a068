"""The table of terms: every entry leads to a function, and one from outside needs no more."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting import fit
from fitting.fit_config import PARAMETERS
from fitting.objective.bodies import Bodies, Part
from fitting.objective.model import Model
from fitting.objective.objective import Objective
from fitting.objective.residuals import Loss, least_squares
from fitting.objective.terms import CAPSULES, TERMS, Term, check_weights, names_of
from tests.fitting.objective.test_descent import observed, states
from tests.fitting.test_smplify import people, seen

ELBOW = [51, 52, 53]  # entries of body_pose: the left one


def straight_elbow(bodies: Bodies, weight: float) -> Part:
    """A user's own term: weight * axis-angle of the left elbow."""
    residual = weight * bodies.pose[:, ELBOW]
    jacobian = weight * torch.eye(3).to(residual).expand(len(residual), 3, 3)
    return Part(least_squares(residual, jacobian), bodies.unknowns.columns(ELBOW))


TOY = Term("straight_elbow", straight_elbow, needs=("body_pose",))


@pytest.fixture(scope="module")
def model(body, prior) -> Model:
    return Model(body, prior).with_terms([*TERMS, TOY])


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.name)
def test_every_entry_leads_to_its_function(term):
    assert term.adds.__name__ in (term.name, "contacts")
    assert term.adds.__module__.startswith("fitting.objective.")


def test_names_are_unique_and_the_data_come_first():
    assert len(set(names_of(TERMS))) == len(TERMS)
    assert [term.name for term in TERMS if term.weight] == [names_of(TERMS)[0]] == ["data"]


def test_a_term_that_needs_what_there_is_not_cannot_be_made():
    with pytest.raises(ValueError, match=r"term hands: needs: .*, got \['hand_pose'\]"):
        Term("hands", straight_elbow, needs=("hand_pose",))


def test_a_term_from_outside_is_fitted_weighed_and_listed(body, prior, assets, preset):
    """One function, one entry, one weight: elbows get straight and results say what it cost."""
    keypoints, camera, _ = seen(body, people(prior, n=4), noise=2.0)
    config = preset("smplify", starts=0)
    last = config.stages[-1]
    heavy = replace(last, weights=last.weights | {"straight_elbow": 1000.0})
    with_term = replace(config, stages=[*config.stages[:-1], heavy])
    usual = fit(keypoints, camera, assets, config)
    result = fit(keypoints, camera, assets, with_term, terms=[*TERMS, TOY])
    bent, straight = (np.linalg.norm(r.params.body_pose[:, ELBOW], axis=1) for r in (usual, result))
    assert (bent > 0.1).all()
    assert (straight < 0.02).all()
    assert result.term_names == (*names_of(TERMS), "straight_elbow")
    assert result.stage_on[0, :, -1].tolist() == [False] * 5 + [True]
    cost = 0.5 * (1000 * straight) ** 2
    np.testing.assert_allclose(result.stage_terms[:, -1, -1], cost, rtol=1e-6)
    np.testing.assert_allclose(result.stage_terms[:, -1].sum(1), result.cost)


def test_its_gradient_in_the_sum_is_the_cost_s(model):
    x, seen, h = states(model, 3, 0.3), observed(model, states(model, 3, 0.3, seed=1)), 1e-6
    unknowns = model.unknowns(list(PARAMETERS))
    problem = Objective(model, unknowns, seen, {"straight_elbow": 30.0, "shape": 2.0}, Loss(100))
    total = problem.linearize(x)
    torch.testing.assert_close(total.cost, problem.values(x).sum(1))
    for column in unknowns.columns(ELBOW):
        step = torch.zeros_like(total.gradient)
        step[:, column] = h
        costs = [problem.linearize(problem.retract(x, s * step)).cost for s in (1, -1)]
        slope = (costs[0] - costs[1]) / (2 * h)
        torch.testing.assert_close(slope, total.gradient[:, column], rtol=1e-5, atol=1e-4)


def test_a_term_is_off_where_what_it_needs_is_missing(model):
    seen = observed(model, states(model, 2, 0.3))
    weights = {"straight_elbow": 1.0, "shape": 1.0, "interpenetration": 1.0, "pose_prior": 0.0}
    for free, on in (
        (["global_orient", "transl"], {"data"}),
        (["body_pose"], {"data", "straight_elbow"}),
        (["body_pose", "betas"], {"data", "straight_elbow", "shape"}),
    ):
        problem = Objective(model, model.unknowns(free), seen, weights, Loss(100))
        assert problem.on == on
    assert CAPSULES in next(term for term in TERMS if term.name == "interpenetration").needs
    assert model.capsules is None


def test_without_the_data_term_the_others_are_summed_all_the_same(model):
    x, seen = states(model, 3, 0.3), observed(model, states(model, 3, 0.3, seed=1))
    unknowns = model.unknowns(list(PARAMETERS))
    weights = {"data": 0.0, "shape": 2.0, "straight_elbow": 3.0}
    total = Objective(model, unknowns, seen, weights, Loss(100)).linearize(x)
    betas, elbow = x[:, 73:83], x[:, 4:73][:, ELBOW]
    torch.testing.assert_close(total.cost, 0.5 * (4 * (betas**2).sum(1) + 9 * (elbow**2).sum(1)))
    torch.testing.assert_close(total.gradient[:, unknowns.columns(ELBOW)], 9 * elbow)
    diagonal = torch.zeros(unknowns.size, dtype=x.dtype)
    diagonal[unknowns.betas], diagonal[unknowns.columns(ELBOW)] = 4.0, 9.0
    torch.testing.assert_close(total.hessian, torch.diag(diagonal).expand(3, -1, -1))


def test_a_weight_of_no_term_is_named_with_its_key(model, preset, body, prior, assets):
    config = preset("smplify")
    stage = replace(config.stages[1], weights={"straight_elbow": 1.0})
    config = replace(config, stages=[config.stages[0], stage])
    check_weights(config, model.terms)
    expected = r"fit\.stages\[1\]\.weights\.straight_elbow: no such term, expected some of data"
    with pytest.raises(ValueError, match=expected):
        fit(*seen(body, people(prior, n=1))[:2], assets, config)
    with pytest.raises(ValueError, match=r"weights\.shap: no such term, did you mean shape\?"):
        Objective(model, model.unknowns(["betas"]), None, {"shap": 1.0}, Loss(1))
