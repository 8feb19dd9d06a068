"""All frames of a person in one solve: the motion comes back, of one shape, whole or in pieces."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting.camera import project
from fitting.objective.model import Model
from fitting.objective.residuals import Loss, Observations
from fitting.rotations import quaternion_from_vector
from fitting.sequence.settings import CameraKind, Method, SequenceConfig
from fitting.sequence.track_fit import Fit, TrackFit
from fitting.sequence.track_problem import Frames, FrameTerms
from fitting.solver.status import Status

N, FPS = 14, 25.0
TERMS = FrameTerms({"pose_prior": 2.0, "shape": 5.0}, Loss(float("inf")))
SETTINGS = SequenceConfig(
    method=Method.track,
    camera=CameraKind.moving,
    acceleration=5.0,
    kernel=3.0,
    rotation=60.0,
    sides=True,
    standing=0.05,
    errors_last=0.3,
    max_fill=0.5,
    window=40,
    overlap=4,
    max_iterations=30,
    tolerance=1e-7,
)


@pytest.fixture(scope="module")
def model(body, prior) -> Model:
    return Model(body, prior)


@pytest.fixture(scope="module")
def truth(model) -> torch.Tensor:
    """Somebody who lifts an arm and walks to the side, with a shape of their own."""
    time = torch.arange(N).double() / FPS
    root = quaternion_from_vector(torch.tensor([[np.pi, 0.2, 0.0]]).double()).expand(N, 4)
    pose = torch.as_tensor(model.prior.mean_pose).repeat(N, 1)
    pose[:, 47] += 1.2 * time
    betas = torch.linspace(-1, 1, 10).double().expand(N, 10)
    transl = torch.stack([0.6 * time - 0.2, 0 * time, 3.5 + 0 * time], 1)
    return torch.cat([root, pose, betas, transl], 1)


def joints(model: Model, x: torch.Tensor) -> torch.Tensor:
    return model.pose(x).points + x[:, None, -3:]


@pytest.fixture(scope="module")
def frames(model, truth) -> Frames:
    """Its exact projections and depth, by a camera of which nothing is known (no foot stands)."""
    one = torch.ones(N).double()
    focal_length, center = 800 * one, 320 * one[:, None].expand(N, 2)
    points = joints(model, truth)
    target = torch.zeros(N, 14, 4).double()
    seen = Observations(
        xy=project(points, focal_length, center)[0],
        seen=torch.ones(N, 14, dtype=torch.bool),
        weight=torch.ones(N, 14).double(),
        focal_length=focal_length,
        center=center,
        scale=one,
        depth=truth[:, -1],
        depth_unit=one,
        target=target,
    )
    linked = torch.ones(N - 2, dtype=torch.bool)
    nowhere = torch.zeros(N, dtype=torch.bool)
    joined = torch.ones(N - 1, dtype=torch.bool)
    return Frames(seen, torch.arange(N).double() / FPS, linked, nowhere, joined, nowhere)


@pytest.fixture(scope="module")
def shaken(truth) -> torch.Tensor:
    """As fits of single frames are: every frame errs by itself, also in shape."""
    noise = torch.as_tensor(np.random.default_rng(0).normal(0, 0.05, truth.shape))
    noise[:, :4] = 0
    return truth + noise


def shake(points: torch.Tensor) -> float:
    """Mean acceleration, mm per frame^2."""
    return 1000 * points.diff(dim=0).diff(dim=0).norm(dim=-1).mean().item()


@pytest.fixture(scope="module")
def whole(model, frames, shaken) -> Fit:
    return TrackFit(model, TERMS, SETTINGS)(shaken, frames)


def test_the_motion_is_got_back_and_steadier(model, truth, shaken, whole):
    found, start, true = (joints(model, x) for x in (whole.x, shaken, truth))
    assert shake(found) < 2 < 0.1 * shake(start)
    xy = found[..., :2] / found[..., 2:] - true[..., :2] / true[..., 2:]
    assert 800 * xy.norm(dim=-1).mean() < 3, "px, of about 330"
    assert whole.status in (Status.CONVERGED, Status.MAX_ITERATIONS)
    assert 2 <= whole.iterations <= 2 * SETTINGS.max_iterations


def test_a_person_has_one_shape(model, shaken, whole):
    betas = model.split(whole.x)[2]
    assert (betas == betas[0]).all()
    assert np.ptp(model.split(shaken)[2].numpy(), axis=0).min() > 0.05


def test_the_start_is_left_as_it_was_and_the_same_fit_comes_again(model, frames, shaken, whole):
    before = shaken.clone()
    again = TrackFit(model, TERMS, SETTINGS)(shaken, frames)
    assert torch.equal(shaken, before)
    assert torch.equal(again.x, whole.x)
    assert not frames.held.any()


def test_pieces_give_nearly_what_the_whole_gives(model, frames, shaken, whole):
    pieces = replace(SETTINGS, window=7, overlap=3)
    found = TrackFit(model, TERMS, pieces)(shaken, frames)
    apart = (joints(model, found.x) - joints(model, whole.x)).norm(dim=-1)
    assert 1000 * apart.mean() < 40
    assert shake(joints(model, found.x)) < 4, "no jerk where pieces meet"
    betas = model.split(found.x)[2]
    assert (betas == betas[0]).all()


def test_a_frame_in_which_nothing_is_seen_lies_between_the_others(model, frames, shaken, truth):
    weight, seen = frames.seen.weight.clone(), frames.seen.seen.clone()
    weight[6], seen[6] = 0, False
    blind = replace(frames, seen=replace(frames.seen, weight=weight, seen=seen))
    lost = shaken.clone()
    lost[6, -3:] += 0.3
    found = joints(model, TrackFit(model, TERMS, SETTINGS)(lost, blind).x)
    middle = (found[5] + found[7]) / 2
    assert 1000 * (found[6] - middle).norm(dim=-1).mean() < 10
