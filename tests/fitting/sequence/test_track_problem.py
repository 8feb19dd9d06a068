"""The objective of a track: each frame's terms, one shape, and the motion between frames."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting.objective.model import Model
from fitting.objective.objective import Objective
from fitting.objective.residuals import Loss
from fitting.sequence.smoothness import Stiffness
from fitting.sequence.track_problem import Frames, FrameTerms, TrackProblem
from tests.fitting.toy_problem import toy_model, toy_observations, toy_states, whole_step

TERMS = FrameTerms({"pose_prior": 3.0, "shape": 5.0, "depth": 7.0}, Loss(100))
STIFF = Stiffness(joints=2.0, kernel=2.0, rotations=50.0)
LOOSE = Stiffness(joints=1e9, kernel=2.0, rotations=1e9)  # a motion that costs nothing


@pytest.fixture(scope="module")
def model() -> Model:
    return toy_model()


def frames(n: int = 5) -> Frames:
    return Frames(
        seen=toy_observations(n),
        times=torch.tensor([0.0, 0.04, 0.07, 0.12, 0.15, 0.2, 0.24])[:n].double(),
        linked=torch.arange(n - 2) != 1,
        held=torch.zeros(n, dtype=torch.bool),
        joined=torch.arange(n - 1) != 2,
        in_place=torch.ones(n, dtype=torch.bool),
    )


def states(model: Model, n: int = 5) -> torch.Tensor:
    """Of one shape."""
    x = toy_states(model, n)
    x[:, 73:77] = x[0, 73:77].clone()
    return x


def problem(model: Model, shape: float = 2.0, stiffness: Stiffness = STIFF) -> TrackProblem:
    return TrackProblem(model, frames(), TERMS, stiffness, shape)


def test_some_frames_keep_what_is_between_them():
    whole = frames(7)
    part = whole[2:6]
    assert part.times.tolist() == whole.times[2:6].tolist()
    assert part.linked.tolist() == whole.linked[2:4].tolist()
    assert part.joined.tolist() == whole.joined[2:5].tolist()
    assert torch.equal(part.seen.xy, whole.seen.xy[2:6])
    assert part.lasts == pytest.approx(0.2 - 0.07)
    part.held[0] = True
    assert not whole.held.any(), "what is held in a part is not held in the whole"
    assert (len(whole[3:5].linked), len(whole[3:5].joined)) == (0, 1)


def test_a_motion_that_costs_nothing_leaves_the_frames_terms_and_one_shape(model):
    x, seen = states(model), toy_observations(5)
    own = Objective(model, whole_step(model), seen, {**TERMS.weights, "shape": 0.0}, TERMS.loss)
    apart = own.linearize(x).cost.sum().item()
    betas = 0.5 * 5.0**2 * (x[0, 73:77] ** 2).sum().item()
    for shape in (1.0, 3.0):
        found = problem(model, shape, LOOSE).linearize(x)
        assert found.cost == pytest.approx(apart + shape * betas, rel=1e-6)
    free = problem(model, 0.0, LOOSE)
    assert free.linearize(x).cost == pytest.approx(apart, rel=1e-6)
    assert free.shared.stop == free.shared.start, "the shape stays as it is"


@pytest.mark.parametrize("shape", [0.0, 2.0])
def test_the_gradient_is_the_costs(model, shape):
    """With the same step of the shape in all frames."""
    track, x = problem(model, shape), states(model)
    linear = track.linearize(x)
    rng = np.random.default_rng(0)
    for _ in range(6):
        step = torch.as_tensor(rng.normal(size=linear.gradient.shape))
        step[:, track.shared] = step[0, track.shared].clone()
        costs = [track.linearize(track.retract(x, e * step)).cost for e in (1e-6, -1e-6)]
        slope = (costs[0] - costs[1]) / 2e-6
        assert (linear.gradient * step).sum().item() == pytest.approx(slope, rel=1e-5, abs=1e-3)


def test_blocks_are_of_frames_and_their_neighbours(model):
    linear = problem(model).linearize(states(model))
    size = whole_step(model).size
    assert linear.diagonal.shape == (5, size, size)
    assert linear.next.shape == (4, size, size)
    assert linear.after.shape == (3, size, size)
    torch.testing.assert_close(linear.diagonal, linear.diagonal.mT)
    assert not linear.after[1].any(), "frame 2 is a seam: nothing links 1 and 3"
    assert linear.after[0].any()
    assert linear.after[2].any()


def test_joints_that_only_the_prior_acts_on_are_completed(body, prior):
    model = Model(body, prior)
    seen = replace(toy_observations(3), seen=torch.ones(3, 14, dtype=torch.bool))
    chain = replace(frames(3), seen=seen)
    track = TrackProblem(model, chain, TERMS, STIFF, 1.0)
    x = torch.cat([toy_states(toy_model(), 3)[:, :73], torch.zeros(3, 13).double()], 1)
    found = track.complete(x)
    still = [j for j in range(1, 24) if j not in model.kinematics.movers]
    entries = torch.tensor([4 + 3 * (j - 1) + axis for j in still for axis in range(3)])
    others = torch.ones(86, dtype=torch.bool)
    others[entries] = False
    assert torch.equal(found[:, others], x[:, others])
    assert (found[:, entries] - x[:, entries]).abs().min(1).values.max() > 0
