"""From the solver's states to results: rows in the order of the keypoints, lost ones marked."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
import torch

from fitting import Camera, FitResult, Keypoints, Status
from fitting.collect import Fitted, params_of, placeholder, with_rows
from fitting.fit_config import FitConfig
from fitting.objective.model import Model
from fitting.objective.terms import TERMS, names_of
from fitting.rotations import matrix_from_quaternion, rotation_and_left_jacobian
from fitting.starts.starts import Starts
from tests.fitting.toy_problem import toy_model, toy_observations, toy_states

N, STEPS = 5, 3
ROWS = np.array([3, 0, 1])  # the people that were fitted, in any order


@pytest.fixture(scope="module")
def model() -> Model:
    return toy_model()


@pytest.fixture
def config(preset) -> FitConfig:
    config = preset("smplify", starts=0, n_betas=4)
    return replace(config, stages=config.stages[: STEPS - 2], refine=[])


@pytest.fixture
def empty(model, config) -> FitResult:
    """Nothing fitted yet."""
    keypoints = Keypoints(
        np.arange(N, dtype=np.int32),
        np.arange(N, dtype=np.int32) + 10,
        np.zeros((N, 14, 2), np.float32),
        np.ones((N, 14), np.float32),
    )
    camera = Camera(np.arange(N) + 500.0, np.zeros((N, 2)))
    return placeholder(keypoints, camera, model.prior, config, names_of(TERMS))


def fitted(model: Model) -> Fitted:
    """Three people after three steps, with numbers that tell rows, steps and terms apart."""
    n, seen = len(ROWS), toy_observations(3)
    numbers = torch.arange(n)
    trail = [
        Starts(
            toy_states(model, n) + 0.01 * step, seen, numbers, numbers + 1, 10 * numbers, numbers
        )
        for step in range(STEPS)
    ]
    terms = torch.arange(float(n * STEPS * len(TERMS))).reshape(n, STEPS, len(TERMS)).double()
    on = torch.arange(STEPS * len(TERMS)).reshape(STEPS, len(TERMS)) % 2 == 0
    spread = 0.1 * (1 + numbers).double()[:, None].expand(n, 14)
    return Fitted(model, seen, trail, terms, on, spread, {"constant": -2.0}, {})


def test_nobody_fitted_is_the_mean_pose_at_the_origin(model, empty):
    assert (empty.status == Status.SKIPPED).all()
    assert not empty.fitted.any()
    assert empty.track.tolist() == [10, 11, 12, 13, 14]
    assert empty.params.betas.shape == (N, 4)
    np.testing.assert_array_equal(empty.params.body_pose, np.tile(model.prior.mean_pose, (N, 1)))
    assert empty.stage_terms.shape == empty.stage_on.shape == (N, STEPS, len(TERMS))
    assert empty.trail.stage_body_pose.shape == (N, STEPS, 69)
    assert not empty.params.transl.any()


def test_fitted_rows_are_written_where_they_belong(model, empty):
    given = fitted(model)
    result = with_rows(empty, ROWS, given)
    last = given.trail[-1]
    transl = last.x[:, -3:]
    points = model.pose(last.x).points + transl[:, None]
    seen = given.seen
    pixels = seen.focal_length[:, None, None] * points[..., :2] / points[..., 2:]
    off = (pixels + seen.center[:, None] - seen.xy).norm(dim=-1)
    for place, row in enumerate(ROWS):
        np.testing.assert_allclose(result.joints[row], points[place])
        np.testing.assert_allclose(result.params.transl[row], transl[place])
        np.testing.assert_allclose(
            result.trail.stage_transl[row, 0], transl[place] - 0.02, rtol=1e-5
        )
        assert result.reprojection_error[row] == pytest.approx(off[place].mean().item())
        assert result.cost[row] == pytest.approx(given.terms[place, -1].sum().item())
        assert result.status[row] == place
        assert result.iterations[row] == 10 * place
        assert result.hypothesis[row] == place + 1
        assert result.spread[row] == pytest.approx(0.1 * (1 + place))
        assert result.expected_error[row] == pytest.approx(np.exp(-2))
        assert not result.expected_joint_error[row].any(), "no coefficients"
        np.testing.assert_array_equal(result.stage_terms[row], given.terms[place])
        np.testing.assert_array_equal(result.stage_on[row], given.on)
    others = [row for row in range(N) if row not in ROWS]
    assert (result.status[others] == Status.SKIPPED).all()
    assert not result.joints[others].any()
    assert (empty.status == Status.SKIPPED).all(), "the placeholder is left alone"
    assert result.camera is empty.camera


def test_points_that_are_not_seen_do_not_count_in_the_error(model, empty):
    given = fitted(model)
    known, xy = given.seen.seen.clone(), given.seen.xy.clone()
    known[0, 4:], xy[0, 4:] = False, 1e6
    result = with_rows(empty, ROWS, replace(given, seen=replace(given.seen, seen=known, xy=xy)))
    assert result.reprojection_error[ROWS[0]] < 1e5


def arrays(noun: object) -> dict[str, np.ndarray]:
    found = {}
    for field in fields(noun):  # pyright: ignore[reportArgumentType]
        value = getattr(noun, field.name)
        if is_dataclass(value):
            found |= {f"{field.name}.{name}": a for name, a in arrays(value).items()}
        elif isinstance(value, np.ndarray):
            found[field.name] = value
    return found


@pytest.mark.parametrize("where", ["state", "earlier state", "terms"])
def test_a_row_that_left_the_numbers_stays_a_placeholder_and_says_so(model, empty, where):
    given = fitted(model)
    good = arrays(with_rows(empty, ROWS, given))
    if where == "terms":
        given.terms[1, 0, 2] = torch.inf
    else:
        given.trail[-1 if where == "state" else 1].x[1, 20] = torch.nan
    found = arrays(with_rows(empty, ROWS, given))
    lost = ROWS[1]
    assert found["status"][lost] == Status.NONFINITE
    for name, array in arrays(empty).items():
        if name != "status":
            np.testing.assert_array_equal(found[name][lost], array[lost], err_msg=name)
        others = [row for row in range(N) if row != lost]
        np.testing.assert_array_equal(found[name][others], good[name][others], err_msg=name)


def test_single_precision_holds_the_largest_number_in_place_of_infinity(model, empty):
    given = fitted(model)
    given.trail[0].x[0, -1] = 1e300
    result = with_rows(empty, ROWS, given)
    assert result.trail.stage_transl[ROWS[0], 0, 2] == np.finfo(np.float32).max
    assert result.status[ROWS[0]] == 0


def test_states_become_parameters_under_smplxs_names(model):
    x = toy_states(model, 4)
    found = params_of(model, x)
    assert {name: tuple(part.shape) for name, part in found.items()} == {
        "betas": (4, 4),
        "global_orient": (4, 3),
        "body_pose": (4, 69),
        "transl": (4, 3),
    }
    turn = rotation_and_left_jacobian(found["global_orient"])[0]
    torch.testing.assert_close(turn, matrix_from_quaternion(x[:, :4]))
    again = torch.cat([found["body_pose"], found["betas"], found["transl"]], 1)
    assert torch.equal(again, x[:, 4:])
    steps = params_of(model, torch.stack([x, x + 1], 1))
    assert steps["body_pose"].shape == (4, 2, 69)
    assert torch.equal(steps["transl"][:, 1], x[:, -3:] + 1)
    assert params_of(model, x[:0])["betas"].shape == (0, 4)
