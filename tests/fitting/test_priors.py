"""The pose prior: what is a mixture, its energy and its derivatives, poses it completes."""

import numpy as np
import pytest
import torch

from fitting import load_pose_prior
from fitting.objective.unknowns import Unknowns
from fitting.priors import MaxMixture, PosePrior, mixture_over
from tests.fitting.toy_problem import toy_prior


def test_a_prior_must_be_a_mixture(prior, tmp_path):
    with pytest.raises(ValueError, match=r"weights sum to 0\.5"):
        PosePrior(prior.means, prior.covars, prior.weights / 2)
    with pytest.raises(ValueError, match="not positive definite"):
        PosePrior(prior.means, -prior.covars, prior.weights)
    np.savez(tmp_path / "no.npz", means=prior.means)
    with pytest.raises(ValueError, match="no pose prior: it lacks covars"):
        load_pose_prior(tmp_path / "no.npz")


def test_a_model_cut_short_is_refused(tmp_path, body):
    path = tmp_path / "prior.npz"
    np.savez(path, means=np.zeros((8, 69)))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="is no pose prior"):
        load_pose_prior(path)


def test_leaving_joints_to_the_prior_changes_neither_the_least_cost_nor_where_it_is():
    """The other joints at their conditional mean: as if the solver had found them."""
    prior = toy_prior()
    entries = Unknowns(True, (1, 2, 4, 5, 9), 0, False).pose_entries
    part, whole = MaxMixture(prior, entries=entries), MaxMixture(prior)
    pose = torch.as_tensor(np.random.default_rng(3).normal(0, 0.4, (4, 69)))
    energy, pull, component = part(pose)
    completed = part.complete(pose)
    assert torch.equal(completed[:, entries], pose[:, entries])
    full_energy, full_pull, full_component = whole(completed)
    assert torch.equal(component, full_component)
    assert torch.allclose(energy, full_energy)
    assert torch.allclose(pull, full_pull[:, entries])
    rest = sorted(set(range(69)) - set(entries))
    assert full_pull[:, rest].abs().max() < 1e-9  # nothing to gain by moving them


def two_widths() -> PosePrior:
    """A narrow and a wide component about the zero pose."""
    covars = np.stack([0.25 * np.eye(69), np.eye(69)])
    return PosePrior(np.zeros((2, 69)), covars, np.array([0.25, 0.75]))


def test_the_energy_is_that_of_the_likeliest_component_by_hand():
    mixture = MaxMixture(two_widths())
    poses = torch.stack([torch.zeros(69), torch.full((69,), 10.0)]).double()
    energy, pull, component = mixture(poses)
    wide = 0.5 * 69 * 100 + 69 * np.log(2) - np.log(0.75)
    assert energy.tolist() == pytest.approx([-np.log(0.25), wide])
    assert component.tolist() == [0, 1]
    assert torch.allclose(pull[1], torch.full((69,), 10.0, dtype=torch.float64))


@pytest.mark.parametrize("entries", [None, [0, 7, 30, 31, 68]])
def test_the_pull_and_the_precision_are_the_energys_derivatives(entries):
    mixture, h = MaxMixture(toy_prior(), entries=entries), 1e-6
    poses = torch.as_tensor(np.random.default_rng(1).normal(0, 0.5, (4, 69)))
    _, pull, component = mixture(poses)
    for place, entry in enumerate(mixture.entries.tolist()):
        step = torch.zeros(69, dtype=torch.float64)
        step[entry] = h
        plus, minus = (mixture(poses + s * step) for s in (1, -1))
        torch.testing.assert_close(
            (plus[0] - minus[0]) / (2 * h), pull[:, place], rtol=1e-6, atol=1e-6
        )
        curve = mixture.precisions[component][:, :, place]
        torch.testing.assert_close((plus[1] - minus[1]) / (2 * h), curve, rtol=1e-5, atol=1e-5)


def test_a_pose_is_judged_the_same_alone_and_none_is_no_rows():
    mixture = MaxMixture(toy_prior())
    poses = torch.as_tensor(np.random.default_rng(2).normal(0, 0.5, (5, 69)))
    together = mixture(poses)
    for row in range(5):
        for one, all_rows in zip(mixture(poses[row : row + 1]), together, strict=True):
            torch.testing.assert_close(one[0], all_rows[row])
    energy, pull, component = mixture(poses[:0])
    assert (energy.shape, pull.shape, component.shape) == ((0,), (0, 69), (0,))


def test_what_is_left_to_the_prior_follows_what_is_free():
    """Entry 1 goes with entry 0 by half, all others with none."""
    covar = np.eye(69)
    covar[0, 1] = covar[1, 0] = 0.5
    means = np.full((1, 69), 0.1)
    mixture = MaxMixture(PosePrior(means, covar[None], np.ones(1)), entries=[0, 2])
    pose = torch.full((1, 69), 9.0, dtype=torch.float64)
    pose[0, 0], pose[0, 2] = 0.5, -0.3
    found = mixture.complete(pose)[0]
    assert found[:3].tolist() == pytest.approx([0.5, 0.1 + 0.5 * 0.4, -0.3])
    assert torch.allclose(found[3:], torch.full((66,), 0.1, dtype=torch.float64))
    assert (pose[0, 3:] == 9).all(), "the caller's pose is left alone"


def test_the_mean_pose_weighs_the_components():
    prior = two_widths()
    means = np.stack([np.full(69, 1.0), np.full(69, -1.0)])
    assert np.allclose(PosePrior(means, prior.covars, prior.weights).mean_pose, -0.5)


def test_a_mixture_is_made_once_for_the_same_entries():
    prior = two_widths()
    arguments = prior, torch.device("cpu"), torch.float32
    assert mixture_over((0, 1), *arguments) is mixture_over((0, 1), *arguments)
    assert mixture_over((0, 2), *arguments) is not mixture_over((0, 1), *arguments)
    assert mixture_over((0, 1), *arguments).means.dtype == torch.float32


def test_a_prior_of_other_shapes_is_refused():
    with pytest.raises(ValueError, match=r"covars are \(\(2, 69\), \(3, 69, 69\)\), expected"):
        PosePrior(np.zeros((2, 69)), np.tile(np.eye(69), (3, 1, 1)), np.full(2, 0.5))
