"""Choosing between starts: the least, and the mean of all that are nearly as good."""

import numpy as np
import pytest
import torch

from fitting.choice import Consensus, least_per_person
from fitting.joints import HIPS
from fitting.objective.model import Model
from fitting.starts.starts import Starts
from tests.fitting.test_reliability import standing
from tests.fitting.toy_problem import toy_prior
from tests.toy_body import toy_body


@pytest.mark.parametrize(
    ("value", "person", "expected"),
    [
        ([3.0, 1, 2, 5, 4], [0, 0, 0, 1, 1], [1, 4]),
        ([3.0, 1, 2, 5, 4], [1, 0, 1, 0, 2], [1, 2, 4]),  # starts of a person in any order
        ([2.0, 2, 2], [0, 0, 0], [0]),  # of equals the first
        ([torch.nan, 7, torch.inf], [0, 0, 1], [1, 2]),  # a lost start, unless there is no other
        ([], [], []),
    ],
)
def test_the_least_of_each_person(value, person, expected):
    found = least_per_person(torch.tensor(value), torch.tensor(person, dtype=torch.long))
    assert found.tolist() == expected


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(toy_body(), toy_prior(), n_betas=4)


def starts(person: list[int]) -> Starts:
    """Bodies in poses of their own."""
    n, rng = len(person), np.random.default_rng(0)
    root = rng.normal(size=(n, 4))
    root /= np.linalg.norm(root, axis=1, keepdims=True)
    x = np.concatenate([root, rng.normal(0, 0.4, (n, 69 + 4)), rng.normal(0, 3, (n, 3))], 1)
    zeros = torch.zeros(n, dtype=torch.long)
    whose = torch.tensor(person, dtype=torch.long)
    return Starts(torch.as_tensor(x), standing(n)[2], whose, zeros, zeros, zeros)


def about_the_hips(model: Model, given: Starts) -> torch.Tensor:
    points = model.pose(given.x).points[:, :14]
    return points - points[:, HIPS].mean(1, keepdim=True)


def test_equally_good_starts_have_equal_shares(model):
    given = starts([0, 1, 0])
    found = Consensus(model, given, torch.tensor([5.0, 1.0, 5.0]).double(), temperature=2.0)
    joints = about_the_hips(model, given)
    mean = (joints[0] + joints[2]) / 2
    torch.testing.assert_close(found.joints[0], mean)
    torch.testing.assert_close(found.spread[0], (joints[0] - joints[2]).norm(dim=-1) / 2)
    torch.testing.assert_close(found.joints[1], joints[1])
    assert not found.spread[1].any(), "one start agrees with itself"


def test_a_start_that_is_worse_by_the_temperature_counts_1_over_e(model):
    given = starts([0, 0])
    found = Consensus(model, given, torch.tensor([10.0, 12.5]).double(), temperature=2.5)
    share = np.exp(-1) / (1 + np.exp(-1))
    joints = about_the_hips(model, given)
    torch.testing.assert_close(found.joints[0], (1 - share) * joints[0] + share * joints[1])
    cold = Consensus(model, given, torch.tensor([10.0, 12.5]).double(), temperature=0.0)
    torch.testing.assert_close(cold.joints[0], joints[0])


def test_a_lost_start_has_no_share(model):
    given = starts([0, 0])
    given.x[1] = torch.nan
    for value in (torch.nan, torch.inf):
        found = Consensus(model, given, torch.tensor([3.0, value]).double(), temperature=1e9)
        torch.testing.assert_close(found.joints, about_the_hips(model, given)[:1])


def test_the_chosen_start_is_pulled_to_the_mean_with_5_cm(model):
    given = starts([0, 0, 1])
    consensus = Consensus(model, given, torch.zeros(3).double(), temperature=1.0)
    pulled = consensus.pull(given[torch.tensor([1, 2])])
    torch.testing.assert_close(pulled.seen.target[..., :3], consensus.joints)
    torch.testing.assert_close(pulled.seen.target[..., 3], torch.full((2, 14), 20.0).double())
    assert torch.equal(pulled.x, given.x[1:])
    assert torch.equal(pulled.seen.xy, given.seen.xy[1:])


def test_nobody_agrees_on_nothing(model):
    none = Consensus(model, starts([]), torch.zeros(0).double(), temperature=1.0)
    assert none.joints.shape == (0, 14, 3)
    assert none.spread.shape == (0, 14)
