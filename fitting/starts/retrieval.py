"""Starts from a library of poses: those whose joints, seen from some side, look like the keypoints.

Ours, not the paper's: the lowest minimum near the mean pose is often the wrong one, and several
good starts cost only one batch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from fitting.body.body_model import BodyModel
from fitting.body.kinematics import Kinematics
from fitting.body.skeleton import SMPL_24
from fitting.files.model_files import read_npz
from fitting.fit_config import Lookup
from fitting.joints import N_LSP, TORSO
from fitting.objective.residuals import Observations
from fitting.priors import MaxMixture, PosePrior
from fitting.rotations import matrix_from_quaternion, quaternion_from_vector, quaternion_product
from fitting.rows import Rows
from fitting.starts.initialize import trunk_roll, upright

TORSO_LENGTH = 0.55  # m, shoulder to hip of an adult; the unit of the keypoints' sigmas
_YAWS = 24
_SHORTLIST = 300  # views per person that are compared robustly
_ROUNDS = 4  # of iteratively re-weighted least squares
_APART = 0.08  # m, mean joint distance below which two candidates count as the same
_PEOPLE_AT_ONCE = 32  # 72,000 views x 32 people are 9 MB an array
_PRIOR_SHARE = 0.5  # weight of the prior's energy against the keypoints'
_LIFTED_SHARE = 1.0  # weight of the lifted joints' energy
_TILTED = 0.6  # rad; trunks that lean farther are also looked up as lying people


@dataclass(frozen=True)
class Candidates:
    """The best k views of each of B people, best first: possible starts of a fit.

    Args:
        root: quaternions of the pelvis.
        body_pose: rad.
        transl: m, from the weak-perspective scale and shift.
    """

    root: Float[Tensor, "B k 4"]
    body_pose: Float[Tensor, "B k 69"]
    transl: Float[Tensor, "B k 3"]


def load_pose_library(path: str | Path) -> Float64[np.ndarray, "P 69"]:
    """Poses (rad) from an npz with body_pose (P, 63) or (P, 69); absent hands are at rest.

    Raises:
        FileNotFoundError, ValueError: as read_npz; or the array has a wrong shape.
    """
    poses = read_npz(path, "pose library", ("body_pose",))["body_pose"].astype(np.float64)
    whole, no_hands = SMPL_24.n_pose, SMPL_24.n_pose - 6
    if poses.ndim != 2 or poses.shape[1] not in (no_hands, whole) or not np.isfinite(poses).all():
        raise ValueError(f"{path}: body_pose: expected finite (P, {no_hands}) or (P, {whole})")
    return np.pad(poses, ((0, 0), (0, whole - poses.shape[1])))


class PoseLibrary:
    """Every pose from every side, upright, as joints (V, 14, 3) around the middle of the hips."""

    def __init__(
        self,
        poses: Float64[np.ndarray, "P 69"],
        body: BodyModel,
        prior: PosePrior,
        device: str = "cpu",
    ) -> None:
        self.kinematics = Kinematics(body, device=device)
        like = self.kinematics.eye
        self.poses = torch.as_tensor(poses, device=like.device, dtype=like.dtype)
        yaw = torch.arange(_YAWS, device=like.device, dtype=like.dtype) * (2 * torch.pi / _YAWS)
        self.roots = upright(torch.zeros_like(yaw), yaw)
        rest = self._joints(like.new_tensor([[1.0, 0, 0, 0]]).expand(len(poses), 4), self.poses)
        rest = rest - _mid_hip(rest)
        turned = torch.einsum("yab,pjb->ypja", matrix_from_quaternion(self.roots), rest)
        energy = MaxMixture(prior, like.device, like.dtype)(self.poses)[0]
        self.energy = _PRIOR_SHARE * energy.float().repeat(_YAWS)
        self.views = turned.flatten(0, 1).float()  # view = yaw * P + pose
        across, down, into = (self.views[..., axis].T.contiguous() for axis in range(3))
        self.places = across, down, into
        self.squares = across**2 + down**2
        self.squares_3d = self.squares + into**2

    def candidates(self, seen: Observations, count: int, lookup: Lookup) -> Candidates:
        """The `count` best views of every person.

        Args:
            seen: with weights of 1 / (expected error in torso lengths).
            lookup: `lifted` also compares with seen.target.
        """
        rows = torch.arange(len(seen.xy), device=seen.xy.device).split(_PEOPLE_AT_ONCE)
        parts = [self._choose(seen[r], count, lookup is Lookup.lifted) for r in rows]
        root, pose, transl = (torch.cat(column) for column in zip(*parts, strict=True))
        return Candidates(*(t.to(seen.xy) for t in (root, pose, transl)))

    def _choose(
        self, seen: Observations, count: int, lifted: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Make a shortlist by least squares, compare robustly, then keep distinct ones."""
        xy, weight = seen.xy[:, :N_LSP].float(), seen.weight[:, :N_LSP].float()
        asked = _Asked(xy - seen.center[:, None].float(), weight, seen.target.float())
        tilt = trunk_roll(xy, weight)
        lying = (tilt.abs() > _TILTED).nonzero()[:, 0]
        misfit, view = self._shortlist(asked, lifted)
        roll = torch.zeros_like(misfit)
        if len(lying):  # both upright, and rolled as the trunk lies
            other = self._shortlist(asked[lying].rolled(-tilt[lying]), lifted)
            _, chosen = torch.cat([misfit[lying], other[0]], 1).topk(_SHORTLIST, largest=False)
            view[lying] = torch.cat([view[lying], other[1]], 1).gather(1, chosen)
            roll[lying] = tilt[lying, None] * (chosen >= _SHORTLIST)
        points = self.views[view]
        targets = _rotated(asked.xy[:, None], -roll)
        energy, scale, middle, middle_2d = _robust_fit(points, targets, weight)
        energy = energy + self.energy[view]
        if lifted:
            energy = energy + _LIFTED_SHARE * asked.distance(points, roll)
        kept = _distinct(energy, points, count)
        focal_length = seen.focal_length.float()[:, None]
        depth = focal_length / scale
        shift = middle_2d / focal_length[..., None] * depth[..., None]
        place = torch.cat([shift - middle[..., :2], (depth - middle[..., 2])[..., None]], -1)
        place = place.gather(1, kept[..., None].expand(-1, -1, 3))
        return self._placed(view.gather(1, kept), place, roll.gather(1, kept))

    def _shortlist(self, asked: "_Asked", lifted: bool) -> tuple[Tensor, Tensor]:
        """Misfit and index of the nearest views."""
        misfit = self._misfit_3d(asked) if lifted else self._misfit(asked)
        return misfit.topk(_SHORTLIST, largest=False)

    def _misfit(self, asked: "_Asked") -> Float[Tensor, "B V"]:
        """Weighted squares of each view after its best scale and shift, in squared torso lengths.

        With S the view's own spread, C its covariance with the keypoints (0 or less: upside down)
        and Q the keypoints' spread, the best scale is C / S, and (Q - C^2 / S) S^2 / C^2 =
        S (Q S / C^2 - 1) is left.
        """
        squared = asked.weight**2
        total = squared.sum(1, keepdim=True)
        share = squared / total
        centred = asked.xy - (share[..., None] * asked.xy).sum(1, keepdim=True)
        own = (share * (centred**2).sum(-1)).sum(1, keepdim=True)
        cross, spread = torch.zeros_like(own @ self.squares[:1]), share @ self.squares
        for axis, places in enumerate(self.places[:2]):
            cross.addmm_(share * centred[..., axis], places)
            spread.sub_((share @ places).square_())
        ratio = spread.clamp_min_(1e-9) / cross.clamp_min_(1e-6).square_()
        return ratio.mul_(own).sub_(1).mul_(spread).mul_(total / TORSO_LENGTH**2)

    def _misfit_3d(self, asked: "_Asked") -> Float[Tensor, "B V"]:
        """Weighted squared distances from the lifted joints, up to a constant per person."""
        target, weight = asked.target.split([3, 1], -1)
        squared = (weight**2)[..., 0]
        misfit = squared @ self.squares_3d
        for axis, places in enumerate(self.places):
            misfit.addmm_(squared * target[..., axis], places, alpha=-2)
        return misfit

    def _placed(self, view: Tensor, place: Tensor, roll: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Undo the roll and turn the place of the hips into a translation."""
        pose, place, roll = self.poses[view % len(self.poses)], place.double(), roll.double()
        tilt = torch.zeros(*roll.shape, 3, dtype=roll.dtype, device=roll.device)
        tilt[..., 2] = roll
        tilt = quaternion_from_vector(tilt)
        root = quaternion_product(tilt, self.roots[view // len(self.poses)])
        hips = (matrix_from_quaternion(tilt) @ place[..., None])[..., 0]
        joints = self._joints(root.flatten(0, 1), pose.flatten(0, 1))
        return root, pose, hips - _mid_hip(joints)[:, 0].unflatten(0, roll.shape)

    def _joints(self, root: Tensor, pose: Tensor) -> Float[Tensor, "N 14 3"]:
        betas = pose.new_zeros(len(pose), self.kinematics.n_betas)
        return self.kinematics.points(matrix_from_quaternion(root), pose, betas).points


@dataclass(frozen=True)
class _Asked(Rows):
    """What views are compared with: keypoints (px from the image's centre) with their weights, then
    lifted joints (m) with theirs."""

    xy: Float[Tensor, "B 14 2"]
    weight: Float[Tensor, "B 14"]
    target: Float[Tensor, "B 14 4"]

    def rolled(self, angle: Float[Tensor, " B"]) -> "_Asked":
        """The same target, turned in the image."""
        flat, rest = self.target.split([2, 2], -1)
        target = torch.cat([_rotated(flat, angle), rest], -1)
        return _Asked(_rotated(self.xy, angle), self.weight, target)

    def distance(self, points: Tensor, roll: Tensor) -> Float[Tensor, "B s"]:
        """Half the weighted squared distances of views (B, s, 14, 3), rolled, from the target."""
        target, weight = self.target[:, None].split([3, 1], -1)
        flat = _rotated(points[..., :2], roll)
        apart = torch.cat([flat, points[..., 2:]], -1) - target
        return 0.5 * ((weight * apart) ** 2).sum((2, 3))


def _mid_hip(joints: Tensor) -> Tensor:
    return joints[:, list(TORSO[2:])].mean(1, keepdim=True)


def _rotated(xy: Float[Tensor, "*#b 14 2"], angle: Float[Tensor, "*#b"]) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    return xy @ turn.mT


def _robust_fit(
    points: Float[Tensor, "B s 14 3"], xy: Float[Tensor, "B s 14 2"], weight: Float[Tensor, "B 14"]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weak perspective of each view, with little weight for outliers (Geman-McClure, 3 sigma).

    Returns:
        Energy (B, s), scale (B, s) px per m, weighted mean of the points and of the pixels.
    """
    squared = (weight**2)[:, None]
    fitted = _weak_perspective(points, xy, squared.expand(-1, points.shape[1], -1))
    for _ in range(_ROUNDS - 1):
        far = squared * fitted[0]
        fitted = _weak_perspective(points, xy, squared * (9 / (9 + far)) ** 2)
    far, scale, middle, middle_2d = fitted
    far = squared * far
    return 0.5 * (9 * far / (9 + far)).sum(-1), scale, middle, middle_2d


def _weak_perspective(
    points: Float[Tensor, "B s 14 3"],
    xy: Float[Tensor, "B s 14 2"],
    squared: Float[Tensor, "B s 14"],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Squared distances in torso lengths (B, s, 14) after the best scale and shift by least
    squares; that scale, and the weighted means it keeps on each other."""
    share = (squared / squared.sum(-1, keepdim=True))[..., None]
    middle, middle_2d = (share * points).sum(2), (share * xy).sum(2)
    solid, flat = points[..., :2] - middle[:, :, None, :2], xy - middle_2d[:, :, None]
    cross, spread = (share * solid * flat).sum((2, 3)), (share * solid**2).sum((2, 3))
    scale = cross.clamp_min(1e-6) / spread.clamp_min(1e-9)
    far = ((flat - scale[..., None, None] * solid) ** 2).sum(-1)
    return far / (scale[..., None] * TORSO_LENGTH) ** 2, scale, middle, middle_2d


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
        energy += 1e6 * (apart < _APART)  # if all are alike, takes the next best
    return torch.stack(kept, 1)
