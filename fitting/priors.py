"""The pose prior: a mixture of Gaussians over body_pose, of which the likeliest one counts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from fitting.model_files import read_npz

N_POSE = 69


@dataclass(frozen=True)
class PosePrior:
    """A Gaussian mixture over body_pose (rad).

    Raises:
        ValueError: shapes disagree, a covariance is not positive definite, weights do not sum to 1.
    """

    means: Float64[np.ndarray, "K 69"]
    covars: Float64[np.ndarray, "K 69 69"]
    weights: Float64[np.ndarray, " K"]

    def __post_init__(self) -> None:
        k = len(self.weights)
        if self.means.shape != (k, N_POSE) or self.covars.shape != (k, N_POSE, N_POSE):
            found = self.means.shape, self.covars.shape
            raise ValueError(
                f"pose prior: expected means ({k}, 69), covars ({k}, 69, 69), got {found}"
            )
        if not np.isclose(self.weights.sum(), 1, atol=1e-4):
            raise ValueError(f"pose prior: weights sum to {self.weights.sum():.4f}, expected 1")
        if not (np.linalg.eigvalsh(self.covars).min(1) > 0).all():
            raise ValueError("pose prior: a covariance is not positive definite")

    @property
    def mean_pose(self) -> Float64[np.ndarray, "69"]:
        """Mean of the mixture, the start of every fit.

        The release sums its means with weights that it has already divided by (2 pi)^34.5, which
        is the zero pose in effect; the mixture's true mean is the better start.
        """
        return self.weights @ self.means


class MaxMixture:
    """E_theta, the paper's pose prior, in the form the normal equations want.

    E_j = 0.5 d' S_j^-1 d - log g_j', with g_j' = g_j / ((2 pi)^(69/2) sqrt(det S_j) / min_k
    sqrt(det S_k)); the least E_j counts (Olson & Agarwal, 2013). The constant log (2 pi)^(69/2) is
    left out: it changes no minimum, and inside the cost it would blunt the relative tolerance.
    """

    def __init__(
        self, prior: PosePrior, device: str = "cpu", dtype: torch.dtype = torch.float64
    ) -> None:
        half_log_det = 0.5 * np.linalg.slogdet(prior.covars)[1]
        offset = -np.log(prior.weights) + half_log_det - half_log_det.min()
        self.means = torch.as_tensor(prior.means, dtype=dtype, device=device)
        self.precisions = torch.as_tensor(np.linalg.inv(prior.covars), dtype=dtype, device=device)
        self.offset = torch.as_tensor(offset, dtype=dtype, device=device)

    def __call__(
        self, body_pose: Float[Tensor, "B 69"]
    ) -> tuple[Float[Tensor, " B"], Float[Tensor, "B 69"], Int[Tensor, " B"]]:
        """Energy, its gradient S^-1 d, and the component; its Hessian is precisions[component]."""
        difference = body_pose[:, None] - self.means
        pull = torch.einsum("nki,kij->nkj", difference, self.precisions)
        energies = 0.5 * (pull * difference).sum(-1) + self.offset
        energy, component = energies.min(1)
        rows = torch.arange(len(body_pose), device=body_pose.device)
        return energy, pull[rows, component], component


def load_pose_prior(path: str | Path) -> PosePrior:
    """Read a pose prior from an npz with means, covars, weights.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such an npz or its numbers are no mixture.
    """
    data = read_npz(path, "pose prior", ("means", "covars", "weights"))
    return PosePrior(**{name: array.astype(np.float64) for name, array in data.items()})
