"""The pose prior: a mixture of Gaussians over body_pose, of which only the likeliest one counts."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from fitting.body.skeleton import SMPL_24
from fitting.files.model_files import check_axes, read_arrays


@dataclass(frozen=True, eq=False)
class PosePrior:
    """A Gaussian mixture over body_pose (rad); two are equal only if they are the same object.

    Raises:
        ValueError: shapes disagree, a covariance is not positive definite, weights do not sum to 1.
    """

    means: Float64[np.ndarray, "K 69"]
    covars: Float64[np.ndarray, "K 69 69"]
    weights: Float64[np.ndarray, " K"]

    def __post_init__(self) -> None:
        k, pose = len(self.weights), SMPL_24.n_pose
        found, expected = (self.means.shape, self.covars.shape), ((k, pose), (k, pose, pose))
        if found != expected:
            raise ValueError(f"pose prior: means and covars are {found}, expected {expected}")
        if not np.isclose(self.weights.sum(), 1, atol=1e-4):
            raise ValueError(f"pose prior: weights sum to {self.weights.sum():.4f}, expected 1")
        if not (np.linalg.eigvalsh(self.covars).min(1) > 0).all():
            raise ValueError("pose prior: a covariance is not positive definite")

    @property
    def mean_pose(self) -> Float64[np.ndarray, "69"]:
        """Mean of the mixture, the start of every fit.

        The release sums its means with weights that it has already divided by (2 pi)^34.5, so its
        mean is practically the zero pose. The mixture's true mean is a better start.
        """
        return self.weights @ self.means


class MaxMixture:
    """E_theta, the paper's pose prior, in the form that the normal equations need.

    E_j = 0.5 d' S_j^-1 d - log g_j', with g_j' = g_j / ((2 pi)^(69/2) sqrt(det S_j) / min_k
    sqrt(det S_k)); the least E_j counts (Olson & Agarwal, 2013). The constant log (2 pi)^(69/2) is
    left out: it changes no minimum, and inside the cost it would blunt the relative tolerance.

    Entries that only the prior acts on need no solver: whatever the others are, their best values
    are the component's conditional mean. With these values, E_j is the same formula with S_j cut
    down to the other entries. So E_theta is a function of `entries` only, and still exact, and
    `complete` fills in the rest.

    Args:
        entries: those of body_pose that the energy depends on; all 69 by default.
    """

    def __init__(
        self,
        prior: PosePrior,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float64,
        entries: list[int] | None = None,
    ) -> None:
        def tensor(a: np.ndarray | Tensor) -> Tensor:
            return torch.as_tensor(a, dtype=dtype, device=device)

        kept = list(range(SMPL_24.n_pose)) if entries is None else entries
        rest = sorted(set(range(SMPL_24.n_pose)) - set(kept))
        # By torch, which keeps to its number of threads. numpy takes all cores, and on a busy
        # machine such small matrices then wait a hundred times as long as they take.
        covars = torch.as_tensor(prior.covars)
        half_log_det = 0.5 * torch.linalg.slogdet(covars)[1]
        offset = half_log_det - half_log_det.min() - torch.as_tensor(prior.weights).log()
        precisions = torch.linalg.inv(covars[:, kept][:, :, kept])
        self.entries = torch.as_tensor(kept, device=device)
        self.rest = torch.as_tensor(rest, dtype=torch.long, device=device)
        self.means, self.rest_means = tensor(prior.means[:, kept]), tensor(prior.means[:, rest])
        self.precisions, self.offset = tensor(precisions), tensor(offset)
        self.regression = tensor(covars[:, rest][:, :, kept] @ precisions)

    def __call__(
        self, body_pose: Float[Tensor, "B 69"]
    ) -> tuple[Float[Tensor, " B"], Float[Tensor, "B E"], Int[Tensor, " B"]]:
        """Energy, its gradient S^-1 d, and the component; its Hessian is precisions[component]."""
        difference = body_pose[:, None, self.entries] - self.means
        pull = (difference.transpose(0, 1) @ self.precisions).transpose(0, 1)
        energies = 0.5 * (pull * difference).sum(-1) + self.offset
        energy, component = energies.min(1)
        rows = torch.arange(len(body_pose), device=body_pose.device)
        return energy, pull[rows, component], component

    def complete(self, body_pose: Float[Tensor, "B 69"]) -> Float[Tensor, "B 69"]:
        """The pose, with all other entries at the prior's best values for `entries`."""
        _, _, component = self(body_pose)
        difference = body_pose[:, self.entries] - self.means[component]
        shift = (self.regression[component] @ difference[..., None])[..., 0]
        whole = body_pose.clone()
        whole[:, self.rest] = self.rest_means[component] + shift
        return whole


@lru_cache(maxsize=32)
def mixture_over(
    entries: tuple[int, ...], prior: PosePrior, device: torch.device, dtype: torch.dtype
) -> MaxMixture:
    """Like MaxMixture, but made once, because every stage of every fit asks for it."""
    return MaxMixture(prior, device, dtype, list(entries))


def load_pose_prior(path: str | Path) -> PosePrior:
    """Read a pose prior with means, covars, weights: an npz, or SMPLify's gmm_08.pkl.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such a file, or its numbers are not a mixture.
    """
    data = read_arrays(path, "pose prior", ("means", "covars", "weights"))
    check_axes("pose prior", data, {"means": 2, "covars": 3, "weights": 1})
    return PosePrior(**{name: array.astype(np.float64) for name, array in data.items()})
