"""The terms of the SMPLify objective (Bogo et al., 2016, section 3.2) and their sum.

Every term is a small pure function that returns its cost (0.5 x the sum of squared residuals), the
gradient and the Gauss-Newton Hessian over the entries of the step it depends on. Weights multiply
the residual, as the paper's released numbers do.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fitting.camera import project
from fitting.fit_config import Kernel
from fitting.kinematics import Kinematics
from fitting.levenberg_marquardt import Linearization
from fitting.priors import MaxMixture
from fitting.rotations import (
    matrix_from_quaternion,
    quaternion_from_vector,
    quaternion_product,
)
from fitting.rows import Rows

# The state x: quaternion of the root (4), body_pose (69), betas, transl (3). The step that moves it
# has a rotation vector in place of the quaternion, applied from the left: no singularity anywhere.
_ROOT, _POSE = slice(0, 3), slice(3, 72)

_BENDING = ((52, 1.0), (55, -1.0), (9, -1.0), (12, -1.0))
"""Entry of body_pose and the sign that makes exp() large when left elbow, right elbow, left knee,
right knee bend the impossible way (entries 55, 58, 12, 15 of the 72-vector)."""


@dataclass(frozen=True)
class Observations(Rows):
    """What the image says about each row, as tensors on the solver's device.

    Args:
        xy: 2-D joints, px.
        seen: which of them are there at all.
        weight: on the residual of each joint; 0 = missing or left out.
        focal_length, center: the camera, px.
        scale: multiplies pixel differences, so that weights mean the same for every size of person.
        depth: z of similar triangles, which the depth term pulls to, m.
        depth_unit: what depth weights refer to, m.
    """

    xy: Float[Tensor, "B 14 2"]
    seen: Bool[Tensor, "B 14"]
    weight: Float[Tensor, "B 14"]
    focal_length: Float[Tensor, " B"]
    center: Float[Tensor, "B 2"]
    scale: Float[Tensor, " B"]
    depth: Float[Tensor, " B"]
    depth_unit: Float[Tensor, " B"]


@dataclass(frozen=True)
class Weights:
    """Weights on the residuals, 0 turns a term off; infinite robust_sigma = plain squares."""

    robust_sigma: float
    kernel: Kernel = Kernel.geman_mcclure
    pose_prior: float = 0.0
    bending: float = 0.0
    shape: float = 0.0
    depth: float = 0.0


def data_term(
    difference: Float[Tensor, "B n 2"], jacobian: Float[Tensor, "B n 2 D"],
    weight: Float[Tensor, "B n"], sigma: float,
) -> Linearization:  # fmt: skip
    """E_J: w rho(x) per coordinate, rho(x)^2 = sigma^2 x^2 / (sigma^2 + x^2).

    The Hessian uses the weights of iteratively re-weighted least squares, (sigma^2 / (sigma^2 +
    x^2))^2: the same gradient as rho's own Gauss-Newton form, and better steps far from the data.
    """
    attenuation = 1 / (1 + (difference / sigma) ** 2)
    squared = (weight[..., None] ** 2) * attenuation
    cost = 0.5 * (squared * difference**2).sum((1, 2))
    weighted = (squared * attenuation)[..., None] * jacobian
    flat, weighted = jacobian.flatten(1, 2), weighted.flatten(1, 2)
    gradient = (weighted.mT @ difference.flatten(1)[..., None])[..., 0]
    return Linearization(cost, gradient, weighted.mT @ flat)


def student_data_term(
    difference: Float[Tensor, "B n 2"], jacobian: Float[Tensor, "B n 2 D"],
    weight: Float[Tensor, "B n"], sigma: float,
) -> Linearization:  # fmt: skip
    """0.5 c^2 log(1 + q^2 / c^2) per joint, q its distance times its weight, c = sigma.

    The negative logarithm of a t-like density: ours, for keypoints with calibrated errors.
    """
    q2 = (weight * difference.norm(dim=-1)) ** 2
    cost = 0.5 * sigma**2 * torch.log1p(q2 / sigma**2).sum(1)
    attenuated = (weight**2 / (1 + q2 / sigma**2))[..., None]
    weighted = (attenuated[..., None] * jacobian).flatten(1, 2)
    gradient = (weighted.mT @ difference.flatten(1)[..., None])[..., 0]
    return Linearization(cost, gradient, weighted.mT @ jacobian.flatten(1, 2))


def pose_prior_term(
    body_pose: Float[Tensor, "B 69"], prior: MaxMixture, weight: float
) -> Linearization:
    """E_theta: residuals weight sqrt(0.5) L' (theta - mu) and weight sqrt(-log g)."""
    energy, pull, component = prior(body_pose)
    half = 0.5 * weight**2
    return Linearization(half * energy, half * pull, half * prior.precisions[component])


def bending_term(body_pose: Float[Tensor, "B 69"], weight: float) -> Linearization:
    """E_a: 10 exp(theta_i) for elbows and knees that bend the impossible way."""
    entry = torch.tensor([e for e, _ in _BENDING], device=body_pose.device)
    sign = body_pose.new_tensor([s for _, s in _BENDING])
    # exp(20) is past any pose; beyond it the square would overflow
    residual = weight * 10 * torch.exp((sign * body_pose[:, entry]).clamp_max(20.0))
    gradient = torch.zeros_like(body_pose)
    gradient[:, entry] = residual**2 * sign
    diagonal = torch.zeros_like(body_pose)
    diagonal[:, entry] = residual**2
    return Linearization(0.5 * (residual**2).sum(1), gradient, torch.diag_embed(diagonal))


def shape_term(betas: Float[Tensor, "B n_betas"], weight: float) -> Linearization:
    """E_beta, for coefficients of unit variance."""
    eye = torch.eye(betas.shape[1], dtype=betas.dtype, device=betas.device)
    squared = weight**2
    cost = 0.5 * squared * (betas**2).sum(1)
    return Linearization(cost, squared * betas, (squared * eye).expand(len(betas), -1, -1))


def depth_term(
    z: Float[Tensor, " B"], target: Float[Tensor, " B"], weight: Float[Tensor, " B"]
) -> Linearization:
    """Keeps the body near the depth of similar triangles: weight (z - target), metres."""
    difference, squared = z - target, weight**2
    cost, gradient = 0.5 * squared * difference**2, (squared * difference)[:, None]
    return Linearization(cost, gradient, squared[:, None, None])


@dataclass(frozen=True)
class Objective:
    """The sum of the terms: the problem that the solver is given."""

    kinematics: Kinematics
    prior: MaxMixture
    observations: Observations
    weights: Weights

    def select(self, rows: Int[Tensor, " R"]) -> "Objective":
        return Objective(self.kinematics, self.prior, self.observations[rows], self.weights)

    def split(self, x: Float[Tensor, "B S"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Quaternion (B, 4), body_pose (B, 69), betas (B, n_betas), transl (B, 3)."""
        return x.split([4, 69, self.kinematics.n_betas, 3], dim=1)  # pyright: ignore

    def retract(self, x: Float[Tensor, "B S"], step: Float[Tensor, "B D"]) -> Tensor:
        root = quaternion_product(quaternion_from_vector(step[:, _ROOT]), x[:, :4])
        return torch.cat([root, x[:, 4:] + step[:, 3:]], 1)

    def terms(self, x: Float[Tensor, "B S"]) -> dict[str, tuple[slice, Linearization]]:
        """Every term with the part of the step that it depends on."""
        root, pose, betas, transl = self.split(x)
        seen, weights, n_betas = self.observations, self.weights, self.kinematics.n_betas
        posed = self.kinematics.points(matrix_from_quaternion(root), pose, betas)
        pixels, by_point = project(posed.points + transl[:, None], seen.focal_length, seen.center)
        by_point = by_point * seen.scale[:, None, None, None]
        jacobian = torch.cat([self.kinematics.jacobian(posed, by_point), by_point], -1)
        difference = (pixels - seen.xy) * seen.scale[:, None, None]
        difference = torch.where(seen.weight[..., None] > 0, difference, 0.0)  # 0 x NaN is NaN
        student = weights.kernel is Kernel.student and weights.robust_sigma < torch.inf
        kernel = student_data_term if student else data_term
        data = kernel(difference, jacobian, seen.weight, weights.robust_sigma)
        terms = {"data": (slice(None), data)}
        if weights.pose_prior:
            terms["pose_prior"] = _POSE, pose_prior_term(pose, self.prior, weights.pose_prior)
        if weights.bending:
            terms["bending"] = _POSE, bending_term(pose, weights.bending)
        if weights.shape:
            terms["shape"] = slice(72, 72 + n_betas), shape_term(betas, weights.shape)
        if weights.depth:
            terms["depth"] = (
                slice(-1, None),
                depth_term(transl[:, 2], seen.depth, weights.depth / seen.depth_unit),
            )
        return terms

    def cost(self, x: Float[Tensor, "B S"]) -> Float[Tensor, " B"]:
        """The value alone."""
        return sum((term.cost for _, term in self.terms(x).values()), torch.zeros_like(x[:, 0]))

    def linearize(self, x: Float[Tensor, "B S"]) -> Linearization:
        terms = self.terms(x)
        _, total = terms.pop("data")
        cost, gradient, hessian = total.cost, total.gradient, total.hessian
        for part, term in terms.values():
            cost = cost + term.cost
            gradient[:, part] += term.gradient
            hessian[:, part, part] += term.hessian
        return Linearization(cost, gradient, hessian)


def free_entries(names: list[str], n_betas: int, device: str = "cpu") -> Int[Tensor, " F"]:
    """Places in the step of the parameters that a stage frees, in order."""
    parts = {
        "global_orient": _ROOT,
        "body_pose": _POSE,
        "betas": slice(72, 72 + n_betas),
        "transl": slice(72 + n_betas, 75 + n_betas),
    }
    step = torch.arange(75 + n_betas, device=device)
    return torch.cat([step[part] for name, part in parts.items() if name in names])
