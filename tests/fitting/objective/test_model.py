"""What is fitted: the parts of a state, and the unknowns of a stage."""

import torch

from fitting.fit_config import PARAMETERS
from fitting.joints import LSP_14
from fitting.objective.model import TOUCHING, Model
from fitting.objective.terms import TERMS
from fitting.objective.unknowns import Unknowns
from tests.fitting.toy_problem import toy_model, toy_prior, toy_states
from tests.toy_body import toy_body


def test_a_state_is_split_and_posed_row_by_row():
    model = toy_model()
    x = toy_states(model, 3)
    parts = model.split(x)
    assert [part.shape for part in parts] == [(3, 4), (3, 69), (3, 4), (3, 3)]
    assert torch.equal(torch.cat(parts, 1), x)
    together = model.pose(x).points
    for row in range(3):
        torch.testing.assert_close(model.pose(x[row : row + 1]).points[0], together[row])
    assert model.pose(x[:0]).points.shape == (0, 14, 3)


def test_posing_leaves_the_translation_out():
    model = toy_model()
    x = toy_states(model, 2)
    moved = x.clone()
    moved[:, -3:] += 5
    assert torch.equal(model.pose(x).points, model.pose(moved).points)


def test_the_unknowns_are_what_a_stage_frees(body, prior):
    model = Model(body, prior)
    movers = model.kinematics.movers
    assert model.unknowns(list(PARAMETERS)) == Unknowns(True, movers, 10, True)
    assert model.unknowns(["transl", "betas"]) == Unknowns(False, (), 10, True)
    assert model.unknowns(["body_pose"]) == Unknowns(False, movers, 0, False)
    assert not set(TOUCHING) & set(movers), "they move no point of LSP's"
    touching = model.unknowns(["body_pose"], interpenetration=True).joints
    assert touching == tuple(sorted({*movers, *TOUCHING}))
    assert model.unknowns(["betas"], interpenetration=True).joints == ()


def test_other_terms_are_those_of_a_copy():
    model = toy_model()
    other = model.with_terms(TERMS[:2])
    assert other.terms == TERMS[:2]
    assert model.terms == TERMS
    assert other.kinematics is model.kinematics


def test_points_of_face_and_feet_follow_the_14_and_precision_is_kept():
    plain, more = (
        Model(toy_body(), toy_prior(), n_betas=4, dtype=torch.float32, extras=extras)
        for extras in (False, True)
    )
    x = toy_states(plain, 2).float()
    assert plain.dtype == plain.pose(x).points.dtype == torch.float32
    points = more.pose(x).points
    assert points.shape == (2, 25, 3)
    torch.testing.assert_close(points[:, : len(LSP_14)], plain.pose(x).points)
