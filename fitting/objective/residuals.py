"""The terms of the SMPLify objective (Bogo et al., 2016, section 3.2).

Every term is a small pure function that returns its cost (0.5 x the sum of squared residuals), the
gradient and the Gauss-Newton Hessian over the entries of the step that it depends on. Weights
multiply the residual, as the paper's released numbers do. The functions that
fitting.objective.terms names are at the end of the file; they pass each term the values that it
needs.
"""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fitting.fit_config import Kernel
from fitting.joints import HIPS, N_LSP
from fitting.objective.bodies import Bodies, Part
from fitting.priors import MaxMixture
from fitting.rows import Rows
from fitting.solver.levenberg_marquardt import Linearization

_BENDING = ((52, 1.0), (55, -1.0), (9, -1.0), (12, -1.0))
"""Entry of body_pose and the sign that makes exp() large when left elbow, right elbow, left knee,
right knee bend the impossible way (entries 55, 58, 12, 15 of the 72-vector)."""
BENDING = [entry for entry, _ in _BENDING]


@dataclass(frozen=True)
class Observations(Rows):
    """What the image says about each row, as tensors on the solver's device.

    Args:
        xy: of the first n of fitting.joints.POINTS, px.
        seen: which of them are given at all.
        weight: on the residual of each; 0: missing or left out.
        focal_length, center: the camera, px.
        scale: multiplies pixel differences, so that weights mean the same for every size of person.
        depth: z from similar triangles, towards which the depth term pulls, m.
        depth_unit: the length that depth weights refer to, m.
        target: LSP's 14 joints relative to the middle of the hips, lifted or agreed on, in the
            camera's axes, m; and the weight of each, 1 / m.
    """

    xy: Float[Tensor, "B n 2"]
    seen: Bool[Tensor, "B n"]
    weight: Float[Tensor, "B n"]
    focal_length: Float[Tensor, " B"]
    center: Float[Tensor, "B 2"]
    scale: Float[Tensor, " B"]
    depth: Float[Tensor, " B"]
    depth_unit: Float[Tensor, " B"]
    target: Float[Tensor, "B 14 4"]

    def to(self, dtype: torch.dtype) -> "Observations":
        """The same in another precision."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return Observations(**{n: v if n == "seen" else v.to(dtype) for n, v in values.items()})


@dataclass(frozen=True)
class Loss:
    """How much outliers count in the data term; an infinite sigma means plain squares."""

    sigma: float
    kernel: Kernel = Kernel.geman_mcclure


def least_squares(
    residual: Float[Tensor, "B m"], jacobian: Float[Tensor, "B m d"]
) -> Linearization:
    """0.5 sum r^2, J'r and J'J of residuals and their derivative."""
    cost = 0.5 * (residual**2).sum(1)
    gradient = (jacobian.mT @ residual[..., None])[..., 0]
    return Linearization(cost, gradient, jacobian.mT @ jacobian)


def data_term(
    difference: Float[Tensor, "B n 2"],
    jacobian: Float[Tensor, "B n 2 D"],
    weight: Float[Tensor, "B n"],
    sigma: float,
) -> Linearization:
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
    difference: Float[Tensor, "B n 2"],
    jacobian: Float[Tensor, "B n 2 D"],
    weight: Float[Tensor, "B n"],
    sigma: float,
) -> Linearization:
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
    """E_theta over prior.entries: weight sqrt(0.5) L'(theta - mu) and weight sqrt(-log g)."""
    energy, pull, component = prior(body_pose)
    half = 0.5 * weight**2
    return Linearization(half * energy, half * pull, (half * prior.precisions)[component])


def bending_term(body_pose: Float[Tensor, "B 69"], weight: float) -> Linearization:
    """E_a: 10 exp(theta_i) for elbows and knees that bend the impossible way; over BENDING."""
    sign = body_pose.new_tensor([s for _, s in _BENDING])
    # exp(20) is beyond any pose; farther out the square would overflow
    residual = weight * 10 * torch.exp((sign * body_pose[:, BENDING]).clamp_max(20.0))
    squared = residual**2
    return Linearization(0.5 * squared.sum(1), squared * sign, torch.diag_embed(squared))


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


def joints_3d_term(
    joints: Float[Tensor, "B 14 3"],
    jacobian: Float[Tensor, "B 14 3 D"],
    target: Float[Tensor, "B 14 4"],
    weight: float,
) -> Linearization:
    """Ours: weight w (X - middle of the hips - target), with each target's own w."""
    place, own = target.split([3, 1], -1)
    own = weight * own
    residual = own * (_from_hips(joints) - place)
    jacobian = own[..., None] * _from_hips(jacobian)
    return least_squares(residual.flatten(1), jacobian.flatten(1, 2))


def _from_hips(x: Float[Tensor, "B 14 *d"]) -> Float[Tensor, "B 14 *d"]:
    """Relative to the middle of the hips. A list as an index would be sent to the device."""
    right, left = (x[:, hip] for hip in HIPS)
    return x - ((right + left) / 2)[:, None]


def data(bodies: Bodies, weight: float) -> Part:
    loss, (difference, jacobian) = bodies.objective.loss, bodies.image
    student = loss.kernel is Kernel.student and loss.sigma < torch.inf
    kernel = student_data_term if student else data_term
    return Part(kernel(difference, jacobian, weight * bodies.seen.weight, loss.sigma))


def pose_prior(bodies: Bodies, weight: float) -> Part:
    term = pose_prior_term(bodies.pose, bodies.objective.prior, weight)
    return Part(term, bodies.unknowns.pose)


def bending(bodies: Bodies, weight: float) -> Part:
    return Part(bending_term(bodies.pose, weight), bodies.unknowns.columns(BENDING))


def shape(bodies: Bodies, weight: float) -> Part:
    return Part(shape_term(bodies.betas, weight), bodies.unknowns.betas)


def depth(bodies: Bodies, weight: float) -> Part:
    seen, z = bodies.seen, bodies.transl[:, 2]
    return Part(depth_term(z, seen.depth, weight / seen.depth_unit), slice(-1, None))


def joints_3d(bodies: Bodies, weight: float) -> Part:
    joints, jacobian = bodies.posed.points[:, :N_LSP], bodies.jacobian[:, :N_LSP]
    return Part(joints_3d_term(joints, jacobian, bodies.seen.target, weight))
