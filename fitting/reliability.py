"""How far off a fit is expected to be, told from signs that it leaves.

Ours, not the paper's. One view says where a body is in the image, but little about its depth. Fits
that are wrong in depth are often those on which lifter, starts and keypoints disagree. The model is
linear: the logarithm of the error from those of these signs (tools/calibrate_reliability.py).
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.fit_config import LIFTED_SIGMA, SIGNS
from fitting.joints import HIPS, LSP_14, N_LSP, TORSO, part_of
from fitting.objective.residuals import Observations

_FLOOR = 1e-3  # lower limit of every sign before its logarithm, m or torso lengths
_LARGEST = 1.0  # m; fits that are off by more than a body's width are not told apart


def signs(
    joints: Float[Tensor, "P 14 3"],
    pixels: Float[Tensor, "P 14 2"],
    seen: Observations,
    spread: Float[Tensor, " P"],
) -> dict[str, Float[Tensor, " P"]]:
    """Logarithms of SIGNS.

    Args:
        joints: fitted, m.
        pixels: the same joints in the image.
        seen: of each person; the target is the lifted one.
        spread: of the joints over all starts, m.
    """
    target, sure = seen.target[:, :N_LSP].split([3, 1], -1)
    apart = (joints - joints[:, HIPS].mean(1, keepdim=True) - target).norm(dim=-1)
    known = seen.seen[:, :N_LSP].to(pixels.dtype)
    off = (known * (pixels - seen.xy[:, :N_LSP]).norm(dim=-1)).sum(1) / known.sum(1).clamp_min(1)
    left_shoulder, right_shoulder, left_hip, right_hip = (joints[:, j] for j in TORSO)
    size = ((left_shoulder - left_hip).norm(dim=1) + (right_shoulder - right_hip).norm(dim=1)) / 2
    torso = size * seen.focal_length / joints[..., 2].mean(1).clamp_min(0.1)
    values = {
        "lifted_sigma": (1 / sure.clamp_min(1e-6)).mean((1, 2)),
        "lifted_distance": apart.mean(1),
        "reprojection": off / torso.clamp_min(1e-6),
        "spread": spread,
    }
    return {name: (values[name] + _FLOOR).log() for name in SIGNS}


def expected_joint_error(
    coefficients: Mapping[str, float], seen: Observations
) -> Float[Tensor, "P 14"]:
    """Typical distance of each joint from the truth, about the middle of shoulders and neck, m; 0
    if there are no coefficients.

    Ours: exp(constant of its kind) x (sigma of the lifted joint)^exponent. The trunk's middle would
    be the hips' middle, as elsewhere, if half bodies had one that is known.

    Args:
        coefficients: FitConfig.expected_joint_error (tools/calibrate_joint_error.py).
        seen: of each person; the target is the lifted one.
    """
    sure = seen.target[:, :N_LSP, 3]
    if not coefficients:
        return torch.zeros_like(sure)
    constants = sure.new_tensor([coefficients[part_of(joint)] for joint in LSP_14])
    sigma = 1 / sure.clamp_min(1e-6)
    return (constants.exp() * sigma ** coefficients[LIFTED_SIGMA]).clamp_max(_LARGEST)


def expected_error(
    coefficients: Mapping[str, float], signs: Mapping[str, Float[Tensor, " P"]]
) -> Float[Tensor, " P"]:
    """Typical PA-MPJPE of such fits, m; 0 if there are no coefficients.

    Args:
        coefficients: of `constant` and of signs; they are in conf/fit/*.yaml.
    """
    first = next(iter(signs.values()))
    if not coefficients:
        return torch.zeros_like(first)
    log = first.new_full(first.shape, coefficients["constant"])
    for name, factor in coefficients.items():
        if name != "constant":
            log = log + factor * signs[name]
    return log.exp().clamp_max(_LARGEST)
