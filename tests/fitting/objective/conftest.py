"""Capsules and poses in which parts of the body touch."""

import numpy as np
import pytest
import torch

from fitting.body.kinematics import Kinematics
from fitting.capsules.capsules import Capsules, load_capsules
from tests.conftest import ROOT
from tests.fitting.objective.touching import (
    IN_BELLY,
    LEFT_ELBOW,
    LEFT_SHOULDER,
    RIGHT_ELBOW,
    RIGHT_SHOULDER,
)


@pytest.fixture(scope="module")
def capsules() -> Capsules:
    return load_capsules(ROOT / "assets/bodies/neutral.npz")


@pytest.fixture(scope="module")
def kinematics(body) -> Kinematics:
    return Kinematics(body)


@pytest.fixture(scope="module")
def poses(prior) -> torch.Tensor:
    """(4, 69): a hand in the belly, both hands in, legs crossed, arms and legs apart."""
    poses = np.tile(prior.mean_pose, (4, 1))
    poses[:3, LEFT_SHOULDER], poses[:3, LEFT_ELBOW] = IN_BELLY
    mirrored = np.array([1, -1, -1])
    poses[1, RIGHT_SHOULDER] = mirrored * IN_BELLY[0]
    poses[1, RIGHT_ELBOW] = mirrored * IN_BELLY[1]
    poses[2, [2, 5]] = -0.25, 0.25  # both thighs inwards
    poses[3] = 0
    poses[3, [2, 5]] = 0.4, -0.4
    return torch.as_tensor(poses)
