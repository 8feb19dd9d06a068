"""What a fit tells about its way: the body and every term after each step."""

from dataclasses import replace

import numpy as np
import pytest

from fitting import fit
from fitting.objective.terms import TERMS, names_of
from fitting.trail import step_names
from tests.fitting.test_smplify import bad_rows, people, seen


@pytest.fixture(scope="module")
def problem(body, prior):
    return seen(body, people(prior), noise=2.0)[:2]


def test_steps_are_named_by_their_stages_and_no_two_alike():
    assert step_names(["1", "2"]) == ("start", "camera", "1", "2")
    assert step_names(["a", "camera", "a", "a (2)", "a"]) == (
        "start",
        "camera",
        "a",
        "camera (2)",
        "a (2)",
        "a (2) (2)",
        "a (3)",
    )


def acting(result, step):
    """Names of the terms that act in a step, for everybody alike."""
    assert (result.stage_on[:, step] == result.stage_on[:1, step]).all()
    return [
        name for name, on in zip(result.term_names, result.stage_on[0, step], strict=True) if on
    ]


def test_the_terms_of_the_last_step_add_up_to_the_cost(body, assets, preset, problem):
    config = preset("smplify")
    result = fit(*problem, assets, config)
    assert result.term_names == names_of(TERMS)
    assert result.stage_terms.shape == (len(result), 2 + len(config.stages), len(TERMS))
    assert np.allclose(result.stage_terms[:, -1].sum(1), result.cost, rtol=1e-12)
    assert (result.stage_terms[~result.stage_on] == 0).all()
    touch = result.term_names.index("interpenetration")  # 0 where nothing is near
    acting = np.delete(result.stage_on, touch, 2)[:, 2:]
    assert (np.delete(result.stage_terms, touch, 2)[:, 2:][acting] > 0).all()


def test_terms_act_where_the_settings_say_so(body, assets, preset, problem):
    config = preset("smplify_release", interpenetration=False)
    first = config.stages[0]
    first = replace(first, weights=first.weights | {"pose_prior": 0.0})
    stages = [first, *config.stages[1:]]
    stages[1] = replace(stages[1], free=["global_orient", "body_pose"])
    result = fit(*problem, assets, replace(config, stages=stages))
    assert acting(result, 0) == acting(result, 1) == ["data", "depth"]
    assert acting(result, 2) == ["data", "bending", "shape"]
    assert acting(result, 3) == ["data", "pose_prior", "bending"], "shape is not free"
    assert acting(result, 4) == acting(result, 5) == ["data", "pose_prior", "bending", "shape"]


def test_the_trail_leads_from_the_mean_pose_to_the_result(prior, assets, preset, problem):
    config = preset("smplify", starts=0)
    result = fit(*problem, assets, config)
    trail = result.trail
    assert trail.n_steps == 2 + len(config.stages)
    for step in (0, 1):
        assert np.allclose(trail.bodies(step).body_pose, prior.mean_pose, atol=1e-6)
        assert (trail.bodies(step).betas == 0).all()
    moved = np.abs(np.diff(trail.stage_transl, axis=1)).max((0, 2))
    assert (moved > 1e-4).all(), "every stage of this preset moves the people"
    last = trail.bodies(trail.n_steps - 1)
    for name in ("betas", "global_orient", "body_pose", "transl"):
        assert np.allclose(getattr(last, name), getattr(result.params, name), atol=1e-5), name


def test_the_camera_stage_lowers_its_own_terms(body, assets, preset, problem):
    result = fit(*problem, assets, preset("smplify", starts=0, side_view_threshold=0))
    start, camera = result.stage_terms[:, 0].sum(1), result.stage_terms[:, 1].sum(1)
    assert (camera < start).all()


def test_a_turned_start_is_turned_from_the_beginning(body, prior, assets, preset):
    problem = seen(body, people(prior, n=8, yaw=np.pi / 2))[:2]
    once = fit(*problem, assets, preset("smplify", starts=0, side_view_threshold=0))
    both = fit(*problem, assets, preset("smplify", starts=0, side_view_threshold=1000))
    same = both.hypothesis == 0
    assert not same.all()
    orients = [result.trail.stage_global_orient[:, 0] for result in (once, both)]
    assert np.allclose(orients[0][same], orients[1][same], atol=1e-5)
    assert np.abs(orients[0] - orients[1])[~same].max(1).min() > 0.5


def test_rows_that_are_not_fitted_have_a_trail_of_the_same_shape(body, assets, preset, problem):
    keypoints, camera = problem
    config = preset("smplify")
    whole = fit(bad_rows(keypoints), camera, assets, config)
    nobody = fit(bad_rows(keypoints)[:3], camera[:3], assets, config)
    assert not nobody.fitted.any()
    assert nobody.stage_on.shape[1:] == whole.stage_on.shape[1:]
    assert nobody.trail.stage_body_pose.shape[1:] == whole.trail.stage_body_pose.shape[1:]
    assert (whole.stage_terms[:3] == 0).all()
    assert (whole.stage_terms[3:, -1, 0] > 0).all()
