"""Legs that nobody sees hang down: people whose legs are cut off or hidden mostly stand.

Without evidence, the lifter and the pose prior give the mean of all poses, which squats.
"""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fitting.joints import HIPS, LSP_14
from fitting.objective.residuals import Observations

_SIDES = ("left", "right")
_NECK = LSP_14.index("neck")
_LEGS = [LSP_14.index(f"{side}_{joint}") for side in _SIDES for joint in ("knee", "ankle")]
_BONE = 0.4  # m, of a thigh and of a shin
_UPRIGHT = 0.3  # cosine; people whose trunk lies have their legs in line with it


def with_hanging_legs(seen: Observations, rows: Bool[Tensor, " B"], sigma: float) -> Observations:
    """The same with straight legs as the target.

    Args:
        seen: with a target, as lifted.
        rows: of people whose legs are not seen.
        sigma: how surely they hang, standard deviation of each coordinate, m.
    """
    joints, sure = seen.target.split([3, 1], -1)
    joints, sure = joints.clone(), sure.clone()
    trunk = joints[:, HIPS].mean(1) - joints[:, _NECK]
    along = torch.nn.functional.normalize(trunk, dim=-1)
    down = torch.zeros_like(along)
    down[:, 1] = 1
    bone = _BONE * torch.where(along[:, 1:2] > _UPRIGHT, down, along)
    for side in _SIDES:
        hip, knee, ankle = (LSP_14.index(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        joints[rows, knee] = (joints[:, hip] + bone)[rows]
        joints[rows, ankle] = (joints[:, hip] + 2 * bone)[rows]
        sure[rows, knee] = sure[rows, ankle] = 1 / sigma
    return replace(seen, target=torch.cat([joints, sure], -1))


def legs_unseen(confidence: Float[Tensor, "B n"], doubtful: float) -> Bool[Tensor, " B"]:
    """Whether every knee and ankle is missing, or has a confidence below `doubtful`."""
    sure = confidence[:, _LEGS]
    return ((sure < doubtful) | (sure == 0)).all(1)
