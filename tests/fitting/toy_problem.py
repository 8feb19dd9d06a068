"""A small problem of random bodies and keypoints, in which every part of an objective counts."""

import numpy as np
import torch

from fitting.objective.model import Model
from fitting.objective.residuals import Observations
from fitting.objective.unknowns import Unknowns
from fitting.priors import PosePrior
from tests.toy_body import toy_body


def toy_prior(k: int = 3, seed: int = 0) -> PosePrior:
    rng = np.random.default_rng(seed)
    half = rng.normal(0, 0.3, (k, 69, 69))
    covars = half @ half.transpose(0, 2, 1) + 0.05 * np.eye(69)
    return PosePrior(rng.normal(0, 0.3, (k, 69)), covars, rng.dirichlet(np.ones(k)))


def toy_model() -> Model:
    body = toy_body()
    return Model(body, toy_prior(), n_betas=body.n_betas)


def whole_step(model: Model) -> Unknowns:
    """Everything is free."""
    return Unknowns(True, tuple(range(1, 24)), model.kinematics.n_betas, True)


def toy_observations(n: int) -> Observations:
    """Keypoints that have nothing to do with the bodies; a fifth of them are missing."""
    rng, tensor = np.random.default_rng(2), torch.as_tensor
    return Observations(
        xy=tensor(rng.normal(300, 120, (n, 14, 2))),
        weight=tensor(rng.uniform(0, 1, (n, 14)) * (rng.uniform(size=(n, 14)) > 0.2)),
        focal_length=tensor(rng.uniform(400, 900, n)),
        center=tensor(rng.normal(320, 20, (n, 2))),
        scale=tensor(rng.uniform(0.5, 2, n)),
        depth=tensor(rng.uniform(2, 6, n)),
        depth_unit=tensor(rng.uniform(0.5, 2, n)),
        seen=torch.ones(n, 14, dtype=torch.bool),
        target=tensor(rng.normal(0, 0.4, (n, 14, 4))).abs(),
    )


def toy_states(model: Model, n: int) -> torch.Tensor:
    rng = np.random.default_rng(3)
    root = rng.normal(size=(n, 4))
    root /= np.linalg.norm(root, axis=1, keepdims=True)
    rest = rng.normal(0, 0.4, (n, 69 + model.kinematics.n_betas))
    transl = rng.normal([0, 0, 4], 0.2, (n, 3))
    return torch.as_tensor(np.concatenate([root, rest, transl], 1))
