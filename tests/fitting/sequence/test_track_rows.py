"""From the states of tracks to rows of a motion: each in its place, gaps' rows added."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting import Camera, FitResult, Keypoints, Status
from fitting.collect import placeholder
from fitting.objective.model import Model
from fitting.objective.residuals import Loss, Observations
from fitting.objective.terms import TERMS, names_of
from fitting.sequence.frames import _padded, keypoints_of
from fitting.sequence.timeline import ADDED, Timeline
from fitting.sequence.track_fit import Fit
from fitting.sequence.track_problem import FrameTerms
from fitting.sequence.track_rows import Outcome, outcome_of, replaced, with_outcomes
from tests.fitting.toy_problem import toy_observations, toy_prior, toy_states
from tests.toy_body import toy_body

WEIGHTS = FrameTerms({"pose_prior": 2.0, "depth": 3.0}, Loss(100))
# Person 5 in frames 1..4: frame 2 was added, frame 3 has a row without a fit.
TIMELINE = Timeline(
    track=5,
    row=np.array([1, ADDED, 3, 4]),
    frame=np.array([1, 2, 3, 4]),
    times=np.array([0.1, 0.2, 0.3, 0.4]),
    known=np.array([True, False, False, True]),
    segment=np.zeros(4, int),
)
FRAME, TRACK = np.array([0, 1, 1, 3, 4], np.int32), np.array([8, 5, 8, 5, 5], np.int32)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(toy_body(), toy_prior(), n_betas=4, extras=True)


def keypoints() -> Keypoints:
    xy = np.arange(5 * 28, dtype=np.float32).reshape(5, 14, 2)
    return Keypoints(FRAME, TRACK, xy, np.full((5, 14), 0.5, np.float32))


@pytest.fixture
def result(model, preset) -> FitResult:
    """Frame by frame; told apart by their iterations."""
    config = preset("smplify", starts=0, n_betas=4)
    camera = Camera(np.full(5, 800.0), np.zeros((5, 2)))
    found = placeholder(keypoints(), camera, model.prior, config, names_of(TERMS))
    status = np.array([0, 0, 1, 4, 0], np.int32)
    return replace(found, status=status, iterations=np.arange(5, dtype=np.int32))


def states(model: Model) -> torch.Tensor:
    return toy_states(model, 4)


def looks() -> Observations:
    """What is seen in every frame; nothing of face and feet."""
    return _padded(toy_observations(4))


def outcome(model: Model, x: torch.Tensor | None = None) -> Outcome | None:
    seen = looks()
    x = states(model) if x is None else x
    fit = Fit(x, 9, Status.STALLED)
    return outcome_of(model, TIMELINE, keypoints_of(TIMELINE, keypoints()), seen, fit, WEIGHTS)


def solved(model: Model) -> Outcome:
    found = outcome(model)
    assert found is not None
    return found


def test_an_outcome_is_the_bodies_of_the_states(model):
    found, x, seen = solved(model), states(model), looks()
    points = (model.pose(x).points + x[:, None, -3:])[:, :14]
    np.testing.assert_allclose(found.joints, points)
    np.testing.assert_allclose(found.params.transl, x[:, -3:])
    np.testing.assert_allclose(found.params.betas, x[:, 73:77])
    pixels = seen.focal_length[:, None, None] * points[..., :2] / points[..., 2:]
    off = (pixels + seen.center[:, None] - seen.xy[:, :14]).norm(dim=-1).mean(1)
    np.testing.assert_allclose(found.reprojection_error, off)
    assert found.status.tolist() == [Status.STALLED, Status.FILLED, Status.FILLED, Status.STALLED]
    assert found.soles.shape == (4, 4, 3)
    assert not found.standing[-1].any(), "no frame follows the last"
    on = dict(zip(names_of(TERMS), found.on.tolist(), strict=True))
    assert {name for name, acts in on.items() if acts} == {"data", "pose_prior", "depth"}
    assert (found.terms[:, found.on] != 0).all()
    assert not found.terms[:, ~found.on].any()


def test_a_frame_in_which_nothing_is_seen_has_no_error(model):
    seen = looks()
    known = seen.seen.clone()
    known[1] = False
    keys = keypoints_of(TIMELINE, keypoints())
    fit = Fit(states(model), 9, Status.CONVERGED)
    found = outcome_of(model, TIMELINE, keys, replace(seen, seen=known), fit, WEIGHTS)
    assert found is not None
    assert found.reprojection_error[1] == 0
    assert found.reprojection_error[0] > 0


def test_a_track_that_left_the_numbers_is_none(model):
    x = states(model)
    x[2, 30] = torch.inf
    assert outcome(model, x) is None


def test_rows_of_tracks_come_back_in_their_places_with_those_of_gaps(model, result):
    found, track = (
        with_outcomes(keypoints(), result, np.arange(5, dtype=np.int32), [solved(model)]),
        solved(model),
    )
    after = found.result
    assert after.frame.tolist() == [0, 1, 1, 2, 3, 4]
    assert after.track.tolist() == [8, 5, 8, 5, 5, 5]
    assert found.reading.tolist() == [0, 1, 2, 0, 3, 4]
    mine = np.flatnonzero(after.track == 5)
    np.testing.assert_array_equal(after.joints[mine], track.joints)
    np.testing.assert_array_equal(after.cost[mine], track.terms.sum(1))
    np.testing.assert_array_equal(after.status[mine], track.status)
    # the added frame counts from the fit nearest in time, of row 1
    assert after.iterations[mine].tolist() == [1 + 9, 1 + 9, 3 + 9, 4 + 9]
    assert not found.keypoints.confidence[3].any()
    np.testing.assert_array_equal(found.keypoints.xy[[1, 4, 5]], keypoints().xy[[1, 3, 4]])


def test_the_track_is_one_more_step_of_the_trail(model, result):
    found = with_outcomes(keypoints(), result, np.zeros(5, np.int32), [solved(model)]).result
    before = result.trail.n_steps
    assert found.trail.n_steps == found.stage_terms.shape[1] == before + 1
    mine, track = np.flatnonzero(found.track == 5), solved(model)
    np.testing.assert_allclose(found.trail.stage_transl[mine, -1], track.params.transl, rtol=1e-6)
    np.testing.assert_array_equal(found.stage_terms[mine, -1], track.terms)
    np.testing.assert_array_equal(found.stage_on[mine, -1], np.tile(track.on, (4, 1)))
    np.testing.assert_array_equal(found.trail.stage_transl[mine, :-1], 0)
    others = np.flatnonzero(found.track == 8)
    trail = found.trail.stage_body_pose[others]
    np.testing.assert_array_equal(trail[:, -1], trail[:, -2])
    assert found.status[others].tolist() == [0, 1], "people without a track keep their fits"


def test_without_tracks_every_row_stays_and_nobody_is_no_rows(result):
    found = with_outcomes(keypoints(), result, np.zeros(5, np.int32), [])
    assert found.result.iterations.tolist() == [0, 1, 2, 3, 4]
    assert found.result.trail.n_steps == result.trail.n_steps + 1
    nobody = with_outcomes(keypoints()[:0], result[:0], np.zeros(0, np.int32), [])
    assert len(nobody) == 0


def test_some_rows_of_a_table_are_replaced():
    table, other = keypoints(), replace(keypoints(), track=TRACK + 100)
    found = replaced(table, np.array([3, 0]), other[np.array([1, 2])])
    assert found.track.tolist() == [108, 5, 8, 105, 5]
    assert table.track.tolist() == TRACK.tolist()
