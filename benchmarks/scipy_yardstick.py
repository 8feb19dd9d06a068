"""A stage's problem in the form that scipy.optimize.least_squares takes: residuals, one person.

It is written from the terms' definitions, not from fitting.objective.residuals. So half the sum of
its squares is the objective's cost, or one of the two is wrong
(tests/fitting/solver/test_against_scipy.py).
"""

from dataclasses import dataclass, replace
from unittest.mock import patch

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import OptimizeResult, least_squares
from torch import Tensor

from fitting import Assets, Camera, FitConfig, Keypoints, smplify
from fitting.fit_config import Kernel
from fitting.joints import HIPS, N_LSP
from fitting.objective.model import Model
from fitting.objective.objective import Objective
from fitting.solver.levenberg_marquardt import Solution, minimize

_STEP = 1e-6  # of the central differences


@dataclass(frozen=True)
class ScipyProblem:
    """One row's problem over the entries of the step away from where it starts.

    Args:
        objective: of one row, in double precision, interpenetration off.
        start: state (1, S).
    """

    objective: Objective
    start: Float[Tensor, "1 S"]

    def residuals(self, steps: Float[np.ndarray, "B D"]) -> Float[Tensor, "B m"]:
        """Residuals of many steps at once; half the sum of their squares is the objective's
        cost."""
        problem, n = self.objective, len(steps)
        x = problem.retract(self.start.expand(n, -1), torch.as_tensor(steps))
        weights, seen, at = problem.weights, problem.observations, problem.unknowns
        _, pose, betas, transl = problem.model.split(x)
        points = problem.model.pose(x).points
        parts = [self._data(points + transl[:, None])]
        if weights["pose_prior"] and at.joints:
            parts.append(weights["pose_prior"] * self._prior(pose))
        if weights["bending"] and at.joints:
            # elbows about y, knees about x: entries 55, 58, 12, 15 of the 72-vector
            impossible = torch.stack([pose[:, 52], -pose[:, 55], -pose[:, 9], -pose[:, 12]], 1)
            parts.append(10 * weights["bending"] * impossible.exp())
        if weights["shape"] and at.n_betas:
            parts.append(weights["shape"] * betas)
        if weights["depth"] and at.transl:
            parts.append(weights["depth"] * (transl[:, 2:] - seen.depth) / seen.depth_unit)
        if weights["joints_3d"]:
            place, sure = seen.target[..., :3], seen.target[..., 3:]
            relative = points[:, :N_LSP] - points[:, HIPS].mean(1, keepdim=True)
            parts.append(weights["joints_3d"] * (sure * (relative - place)).flatten(1))
        return torch.cat(parts, 1)

    def _data(self, points: Float[Tensor, "B n 3"]) -> Float[Tensor, "B m"]:
        seen, loss = self.objective.observations, self.objective.loss
        pixels = seen.focal_length * points[..., :2] / points[..., 2:] + seen.center
        apart = (pixels - seen.xy) * seen.scale * (seen.weight[..., None] > 0)
        sigma, weight = loss.sigma, seen.weight[..., None]
        if sigma == torch.inf:
            return (weight * apart).flatten(1)
        if loss.kernel is Kernel.geman_mcclure:
            return (weight * sigma * apart / (sigma**2 + apart**2).sqrt()).flatten(1)
        # two residuals a joint along its difference, so that they are smooth at 0
        q = (weight * apart).norm(dim=-1, keepdim=True)
        magnitude = sigma * torch.log1p((q / sigma) ** 2).sqrt() / q.clamp_min(1e-12)
        return (magnitude * weight * apart).flatten(1)

    def _prior(self, pose: Float[Tensor, "B 69"]) -> Float[Tensor, "B m"]:
        """sqrt(0.5) L'(theta - mu) and sqrt(-log g) of the component with the least sum."""
        prior = self.objective.prior
        factors = torch.linalg.cholesky(prior.precisions)
        apart = pose[:, None, prior.entries] - prior.means  # (B, K, E)
        whitened = (0.5**0.5) * (apart[..., None, :] @ factors)[..., 0, :]
        offset = prior.offset.clamp_min(0).sqrt().expand(len(pose), -1)[..., None]
        both = torch.cat([whitened, offset], -1)
        best = (both**2).sum(-1).argmin(1)
        return both[torch.arange(len(pose)), best]

    def jacobian(self, step: Float[np.ndarray, " D"]) -> Float[np.ndarray, "m D"]:
        """The Jacobian by central differences, all in one batch."""
        moves = _STEP * np.eye(len(step))
        both = self.residuals(np.concatenate([step + moves, step - moves]))
        plus, minus = both.chunk(2)
        return ((plus - minus) / (2 * _STEP)).T.numpy()

    def solve(self, tolerance: float = 1e-10) -> OptimizeResult:
        """MINPACK's Levenberg-Marquardt, from the start."""
        return least_squares(
            lambda step: self.residuals(step[None])[0].numpy(),
            np.zeros(self.objective.unknowns.size),
            self.jacobian,
            method="lm",
            xtol=tolerance,
            ftol=tolerance,
            gtol=tolerance,
            max_nfev=2000,
        )


@dataclass(frozen=True)
class Posed:
    """A stage's problem as fit() poses it, in double precision, and its start.

    Args:
        objective, start: one row a person, of the person's first start.
        ours: where fit() itself ended.
        limits: the stage's max_iterations and tolerance.
    """

    objective: Objective
    start: Float[Tensor, "B S"]
    ours: Float[Tensor, "B S"]
    limits: tuple[int, float]

    def row(self, row: int) -> tuple[Objective, Float[Tensor, "1 S"]]:
        at = torch.tensor([row])
        return self.objective.select(at), self.start[at]


def last_search_stage(
    keypoints: Keypoints, camera: Camera, assets: Assets, config: FitConfig
) -> Posed:
    """Run a fit and keep what its last stage before the choice was given.

    Interpenetration is off, because its spheres are not part of the residuals here.
    """
    calls = []

    def spy(problem: Objective, x: Tensor, *limits: float) -> Solution:
        solution = minimize(problem, x, *limits)  # pyright: ignore[reportArgumentType]
        calls.append((problem, x, solution, limits))
        return solution

    config = replace(config, interpenetration=False)
    with patch.object(smplify, "minimize", spy):
        smplify.fit(keypoints, camera, assets, config)
    problem, x, solution, limits = calls[len(config.stages)]  # the first call is the camera's
    first = torch.arange(len(keypoints)) * max(config.starts, 1)
    extras = problem.model.kinematics.n_points > N_LSP
    exact = Model(assets.body, assets.prior, None, config.n_betas, extras=extras)
    seen = problem.observations[first].to(torch.float64)
    objective = Objective(exact, problem.unknowns, seen, problem.weights, problem.loss)
    return Posed(objective, x[first].double(), solution.x[first].double(), limits)
