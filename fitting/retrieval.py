"""Starts from a library of poses: those whose joints, seen from some side, look like the keypoints.

Ours, not the paper's: the least-cost minimum near the mean pose is often the wrong one, and several
near starts cost one batch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from fitting.initialize import trunk_roll, upright
from fitting.joints import TORSO
from fitting.kinematics import Kinematics
from fitting.model_files import read_npz
from fitting.priors import MaxMixture, PosePrior
from fitting.residuals import Observations
from fitting.rotations import matrix_from_quaternion, quaternion_from_vector, quaternion_product

TORSO_LENGTH = 0.55  # m, shoulder to hip of a grown-up: the unit of the keypoints' sigmas
_YAWS = 24
_SHORTLIST = 300  # views a person that are compared robustly
_ROUNDS = 4  # of iteratively re-weighted least squares
_APART = 0.08  # m, mean joint distance below which two candidates are the same
_PEOPLE_AT_ONCE = 32  # 72,000 views x 32 people are 9 MB an array
_PRIOR_SHARE = 0.5  # of the prior's energy, against the keypoints'
_TILTED = 0.6  # rad: trunks that lean further are also looked up as lying ones


@dataclass(frozen=True)
class Candidates:
    """The best k views of each of B people, best first: where a fit may start.

    Args:
        root: quaternions of the pelvis.
        body_pose: rad.
        transl: m, from the weak-perspective scale and shift.
    """

    root: Float[Tensor, "B k 4"]
    body_pose: Float[Tensor, "B k 69"]
    transl: Float[Tensor, "B k 3"]


def load_pose_library(path: str | Path) -> Float64[np.ndarray, "P 69"]:
    """Poses (rad) from an npz with body_pose (P, 63) or (P, 69); hands that are absent are at rest.

    Raises:
        FileNotFoundError, ValueError: as read_npz; or the array has another shape.
    """
    poses = read_npz(path, "pose library", ("body_pose",))["body_pose"].astype(np.float64)
    if poses.ndim != 2 or poses.shape[1] not in (63, 69) or not np.isfinite(poses).all():
        raise ValueError(f"{path}: body_pose: expected finite (P, 63) or (P, 69)")
    return np.pad(poses, ((0, 0), (0, 69 - poses.shape[1])))


@dataclass(frozen=True)
class _Views:
    """Views chosen for B people: index, weak-perspective scale (px per m), place of the middle of
    the hips in the rolled camera frame (m), roll (rad)."""

    view: Int[Tensor, "B k"]
    place: Float[Tensor, "B k 3"]
    roll: Float[Tensor, "B k"]


class PoseLibrary:
    """Every pose from every side, upright, as joints (V, 14, 3) around the middle of the hips."""

    def __init__(
        self, poses: Float64[np.ndarray, "P 69"], kinematics: Kinematics, prior: PosePrior
    ) -> None:
        like = kinematics.eye
        self.kinematics = kinematics
        self.poses = torch.as_tensor(poses, device=like.device, dtype=like.dtype)
        yaw = torch.arange(_YAWS, device=like.device, dtype=like.dtype) * (2 * torch.pi / _YAWS)
        self.roots = upright(torch.zeros_like(yaw), yaw)
        rest = self._joints(like.new_tensor([[1.0, 0, 0, 0]]).expand(len(poses), 4), self.poses)
        rest = rest - _mid_hip(rest)
        turned = torch.einsum("yab,pjb->ypja", matrix_from_quaternion(self.roots), rest)
        energy = MaxMixture(prior, like.device, like.dtype)(self.poses)[0]
        self.energy = _PRIOR_SHARE * energy.float().repeat(_YAWS)
        self.views = turned.flatten(0, 1).float()  # view = yaw * P + pose
        flat = self.views[..., :2]
        self.across, self.down = (flat[..., axis].T.contiguous() for axis in (0, 1))
        self.squares = (flat**2).sum(-1).T.contiguous()

    def candidates(self, seen: Observations, count: int) -> Candidates:
        """The `count` best views of every person.

        Args:
            seen: with weights of 1 / (expected error in torso lengths).
        """
        sigma = 1 / seen.weight.clamp_min(1e-6)
        parts = [
            self._choose(seen[rows], sigma[rows].float(), count)
            for rows in torch.arange(len(sigma), device=sigma.device).split(_PEOPLE_AT_ONCE)
        ]
        return self._placed(
            torch.cat([p.view for p in parts]),
            torch.cat([p.place for p in parts]).to(sigma),
            torch.cat([p.roll for p in parts]).to(sigma),
        )

    def _choose(self, seen: Observations, sigma: Tensor, count: int) -> _Views:
        """Shortlist by weighted least squares, then compare robustly, then keep distinct ones."""
        weight = torch.where(seen.weight > 0, 1 / sigma**2, 0.0)
        xy = (seen.xy - seen.center[:, None]).float()
        tilt = trunk_roll(seen.xy, seen.weight).float()
        rolls = torch.stack([torch.zeros_like(tilt), tilt], 1)  # upright, and as the trunk lies
        straight = torch.stack([_rotated(xy, -rolls[:, side]) for side in (0, 1)], 1)
        lying = (tilt.abs() > _TILTED).nonzero()[:, 0]
        misfit, view = self._misfit(straight[:, 0], weight).topk(_SHORTLIST, largest=False)
        side = torch.zeros_like(view)
        if len(lying):
            other = self._misfit(straight[lying, 1], weight[lying])
            more, views = other.topk(_SHORTLIST, largest=False)
            best, chosen = torch.cat([misfit[lying], more], 1).topk(_SHORTLIST, largest=False)
            view[lying] = torch.cat([view[lying], views], 1).gather(1, chosen)
            side[lying] = (chosen >= _SHORTLIST).long()
        points = self.views[view]
        targets = straight[torch.arange(len(xy), device=xy.device)[:, None], side]
        fit, scale, middle, middle_2d = _robust_fit(points, targets, weight, sigma)
        kept = _distinct(fit + self.energy[view], points, count)
        depth = seen.focal_length.float()[:, None] / scale
        shift = middle_2d / seen.focal_length.float()[:, None, None] * depth[..., None]
        place = torch.cat([shift - middle[..., :2], (depth - middle[..., 2])[..., None]], -1)
        return _Views(
            view.gather(1, kept),
            place.gather(1, kept[..., None].expand(-1, -1, 3)),
            rolls.gather(1, side).gather(1, kept),
        )

    def _misfit(self, xy: Tensor, weight: Tensor) -> Float[Tensor, "B V"]:
        """Weighted squares of each view after its best scale and shift, in squared torso lengths.

        With S the view's own spread, C its covariance with the keypoints (0 or less: upside down)
        and Q the keypoints' spread, the best scale is C / S and what is left (Q - C^2 / S) S^2 /
        C^2 = S (Q S / C^2 - 1).
        """
        total = weight.sum(1, keepdim=True)
        share = weight / total
        centred = xy - (share[..., None] * xy).sum(1, keepdim=True)
        own = (share * (centred**2).sum(-1)).sum(1, keepdim=True)
        cross = (share * centred[..., 0]) @ self.across
        cross.addmm_(share * centred[..., 1], self.down)
        spread = share @ self.squares
        for places in (self.across, self.down):
            spread.sub_((share @ places).square_())
        ratio = spread.clamp_min_(1e-9) / cross.clamp_min_(1e-6).square_()
        return ratio.mul_(own).sub_(1).mul_(spread).mul_(total / TORSO_LENGTH**2)

    def _placed(self, view: Tensor, place: Tensor, roll: Tensor) -> Candidates:
        """Undo the roll and turn the place of the hips into a translation."""
        pose = self.poses[view % len(self.poses)]
        tilt = torch.zeros(*roll.shape, 3, dtype=roll.dtype, device=roll.device)
        tilt[..., 2] = roll
        tilt = quaternion_from_vector(tilt)
        root = quaternion_product(tilt, self.roots[view // len(self.poses)])
        hips = (matrix_from_quaternion(tilt) @ place[..., None])[..., 0]
        joints = self._joints(root.flatten(0, 1), pose.flatten(0, 1))
        return Candidates(root, pose, hips - _mid_hip(joints)[:, 0].unflatten(0, roll.shape))

    def _joints(self, root: Tensor, pose: Tensor) -> Float[Tensor, "N 14 3"]:
        betas = pose.new_zeros(len(pose), self.kinematics.n_betas)
        return self.kinematics.points(matrix_from_quaternion(root), pose, betas).points


def _mid_hip(joints: Tensor) -> Tensor:
    return joints[:, list(TORSO[2:])].mean(1, keepdim=True)


def _rotated(xy: Float[Tensor, "B 14 2"], angle: Float[Tensor, " B"]) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    return xy @ turn.mT


def _robust_fit(
    points: Float[Tensor, "B s 14 3"], xy: Float[Tensor, "B s 14 2"],
    weight: Float[Tensor, "B 14"], sigma: Float[Tensor, "B 14"],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Weak perspective of each view with outliers weighed down (Geman-McClure, 3 sigma).

    Returns:
        Energy (B, s), scale (B, s) px per m, weighted mean of the points and of the pixels.
    """
    now = weight[:, None].expand(-1, points.shape[1], -1)
    for _ in range(_ROUNDS):
        share = (now / now.sum(-1, keepdim=True))[..., None]
        middle, middle_2d = (share * points).sum(2), (share * xy).sum(2)
        solid, flat = points[..., :2] - middle[:, :, None, :2], xy - middle_2d[:, :, None]
        cross, spread = (share * solid * flat).sum((2, 3)), (share * solid**2).sum((2, 3))
        scale = cross.clamp_min(1e-6) / spread.clamp_min(1e-9)
        far = ((flat - scale[..., None, None] * solid) ** 2).sum(-1)
        far = far / (scale[..., None] * TORSO_LENGTH * sigma[:, None]) ** 2
        now = weight[:, None] * (9 / (9 + far)) ** 2
    energy = 0.5 * ((weight > 0)[:, None] * 9 * far / (9 + far)).sum(-1)
    return energy, scale, middle, middle_2d


def _distinct(
    energy: Float[Tensor, "B s"], points: Float[Tensor, "B s 14 3"], count: int
) -> Int[Tensor, "B count"]:
    """The best, then the best of those that differ from all before it, and so on."""
    energy, kept = energy.clone(), []
    rows = torch.arange(len(energy), device=energy.device)
    for _ in range(count):
        best = energy.argmin(1)
        kept.append(best)
        apart = (points - points[rows, best][:, None]).norm(dim=-1).mean(-1)
        energy += 1e6 * (apart < _APART)  # where all are alike, the next best of them
    return torch.stack(kept, 1)
