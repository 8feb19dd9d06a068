"""LSP's 14 points of a posed body and their analytic derivatives, without the mesh.

A point is a sum of attachments: places fixed in the frame of one joint, with a weight. A joint is
one attachment at its own origin; the head top is a skinned vertex, so an attachment for every joint
whose skin weight there is not 0. That keeps linear blend skinning exact for single vertices.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body_model import N_JOINTS, BodyModel
from fitting.joints import SMPL_JOINT_OF_LSP
from fitting.rotations import hat, rotation_and_left_jacobian


@dataclass(frozen=True)
class Posed:
    """What posing leaves for the derivatives: rotations and joints in the frame of the points."""

    points: Float[Tensor, "B n 3"]
    places: Float[Tensor, "B M 3"]
    joints: Float[Tensor, "B 24 3"]
    world: Float[Tensor, "B 24 3 3"]
    local: Float[Tensor, "B 24 3 3"]
    left_jacobian: Float[Tensor, "B 24 3 3"]
    offsets: Float[Tensor, "B M 3"]


class Kinematics:
    """The 14 points as a function of root rotation, body_pose and betas; no translation.

    Args:
        body: the body model.
        n_betas: shape coefficients to use, the first ones of the body's.
        device, dtype: of all tensors. float64 by default: the fit is small, and a result that
            does not depend on the batch needs rounding far below the solver's tolerances.
    """

    def __init__(
        self, body: BodyModel, n_betas: int = 10, device: str = "cpu",
        dtype: torch.dtype = torch.float64,
    ) -> None:  # fmt: skip
        def tensor(a: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(a), dtype=dtype, device=device)

        if not 1 <= n_betas <= body.n_betas:
            raise ValueError(f"n_betas: expected 1..{body.n_betas}, got {n_betas}")
        parents, shapedirs = body.parents, body.shapedirs[..., :n_betas]
        joints = body.J_regressor @ body.v_template
        joint_dirs = np.einsum("jv,vcb->jcb", body.J_regressor, shapedirs)
        bones, bone_dirs = joints.copy(), joint_dirs.copy()
        bones[1:] -= joints[parents[1:]]
        bone_dirs[1:] -= joint_dirs[parents[1:]]
        owner, weight, vertex = _attachments(body)
        is_vertex = vertex >= 0
        offset = np.where(is_vertex[:, None], body.v_template[vertex] - joints[owner], 0.0)
        offset_dirs = np.where(is_vertex[:, None, None], shapedirs[vertex] - joint_dirs[owner], 0.0)
        pose_dirs = np.where(is_vertex[:, None, None], body.posedirs[vertex], 0.0)
        self.n_betas = n_betas
        self.levels = _levels(parents)
        self.parents = torch.as_tensor(parents.clip(0), device=device)
        self.owner = torch.as_tensor(owner, device=device)
        self.bones, self.bone_dirs = tensor(bones), tensor(bone_dirs)
        self.offset, self.offset_dirs = tensor(offset), tensor(offset_dirs)
        self.pose_dirs = tensor(pose_dirs) if np.any(pose_dirs) else None
        self.blend = tensor(weight)  # (n, M)
        # (n, M, 24): how much of each point hangs, by each attachment, below each joint
        hangs = weight[:, :, None] * _ancestors(parents)[owner]
        point, joint = np.nonzero(hangs.sum(1))
        self.pair_point = torch.as_tensor(point, device=device)
        self.pair_joint = torch.as_tensor(joint, device=device)
        self.pair_places = tensor(hangs[point, :, joint])
        self.pair_weight = tensor(hangs.sum(1)[point, joint, None])
        self.eye = torch.eye(3, dtype=dtype, device=device)

    def points(
        self, root: Float[Tensor, "B 3 3"], body_pose: Float[Tensor, "B 69"],
        betas: Float[Tensor, "B n_betas"],
    ) -> Posed:  # fmt: skip
        """The points, relative to where smplx puts them for transl = 0."""
        batch = len(body_pose)
        rotations, left = rotation_and_left_jacobian(body_pose.reshape(batch, 23, 3))
        local = torch.cat([root[:, None], rotations], 1)
        left = torch.cat([self.eye.expand(batch, 1, 3, 3), left], 1)
        bones = self.bones + torch.einsum("jcb,nb->njc", self.bone_dirs, betas)
        world, joints = torch.empty_like(local), torch.empty_like(bones)
        world[:, 0], joints[:, 0] = root, bones[:, 0]
        for children, parents in self.levels:
            above = world[:, parents]
            world[:, children] = above @ local[:, children]
            joints[:, children] = joints[:, parents] + (above @ bones[:, children, :, None])[..., 0]
        offsets = self.offset + torch.einsum("mcb,nb->nmc", self.offset_dirs, betas)
        if self.pose_dirs is not None:
            feature = (rotations - self.eye).reshape(batch, 207)
            offsets = offsets + torch.einsum("mcp,np->nmc", self.pose_dirs, feature)
        turned = (world[:, self.owner] @ offsets[..., None])[..., 0]
        places = joints[:, self.owner] + turned
        return Posed(self.blend @ places, places, joints, world, local, left, offsets)

    def jacobian(
        self, posed: Posed, outer: Float[Tensor, "B n k 3"]
    ) -> Float[Tensor, "B n k 72+n_betas"]:
        """outer @ (derivative of the points by [a left turn of the root, body_pose, betas]).

        A turn by the vector w about joint j moves a place p that it carries by w x (p - joint j);
        an increment d of j's axis-angle is the turn (rotation of j's parent) L_j d. Only the pairs
        of a point and a joint above it are computed: one in six.
        """
        batch, n_points, k, _ = outer.shape
        point, joint = self.pair_point, self.pair_joint
        arms = self.pair_places @ posed.places - self.pair_weight * posed.joints[:, joint]
        axes = posed.world[:, self.parents] @ posed.left_jacobian
        axes[:, 0] = self.eye  # the root's turn is given in the camera frame itself
        turns = -(outer[:, point] @ hat(arms)) @ axes[:, joint]
        result = outer.new_zeros(batch, n_points, k, 72 + self.n_betas)
        by_joint = result[..., :72].unflatten(-1, (N_JOINTS, 3)).permute(1, 3, 0, 2, 4)
        by_joint[point, joint] = turns.transpose(0, 1)
        if self.pose_dirs is not None:
            result[..., :72] += outer @ self._pose_blend_jacobian(posed)
        result[..., 72:] = outer @ self._shape_jacobian(posed)
        return result

    def _shape_jacobian(self, posed: Posed) -> Float[Tensor, "B n 3 n_betas"]:
        world = posed.world
        joints = torch.empty(
            len(world), *self.bone_dirs.shape, dtype=world.dtype, device=world.device
        )
        joints[:, 0] = self.bone_dirs[0]
        for children, parents in self.levels:
            joints[:, children] = joints[:, parents] + world[:, parents] @ self.bone_dirs[children]
        places = joints[:, self.owner] + world[:, self.owner] @ self.offset_dirs
        return torch.einsum("im,nmcb->nicb", self.blend, places)

    def _pose_blend_jacobian(self, posed: Posed) -> Float[Tensor, "B n 3 72"]:
        """How the points move because every joint's pose deforms the skin under them."""
        axes = hat(posed.left_jacobian[:, 1:].mT)  # one matrix per axis-angle entry
        by_vector = (axes @ posed.local[:, 1:, None]).flatten(-2)  # (B, 23, 3, 9)
        dirs = self.pose_dirs.unflatten(-1, (23, 9))
        offsets = torch.einsum("mcke,nkae->nmcka", dirs, by_vector).flatten(-2)
        moved = posed.world[:, self.owner] @ offsets
        moved = torch.einsum("im,nmcp->nicp", self.blend, moved)
        return torch.nn.functional.pad(moved, (3, 0))


def _attachments(body: BodyModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Owner joint (M,), weight of each attachment in each point (14, M), vertex or -1 (M,)."""
    carriers = np.flatnonzero(body.weights[body.head_top])
    owner = np.concatenate([SMPL_JOINT_OF_LSP, carriers])
    weight = np.zeros((14, len(owner)))
    weight[np.arange(13), np.arange(13)] = 1
    weight[13, 13:] = body.weights[body.head_top, carriers]
    vertex = np.concatenate([np.full(13, -1), np.full(len(carriers), body.head_top)])
    return owner, weight, vertex


def _ancestors(parents: np.ndarray) -> np.ndarray:
    """(24, 24): row j has 1 for j and every joint above it."""
    above = np.eye(len(parents))
    for joint in range(1, len(parents)):
        above[joint] += above[parents[joint]]
    return above


def _levels(parents: np.ndarray) -> list[tuple[list[int], list[int]]]:
    """Joints by depth below the root with their parents: one batched product each."""
    depth = _ancestors(parents).sum(1)
    levels = []
    for d in range(2, int(depth.max()) + 1):
        children = np.flatnonzero(depth == d).tolist()
        levels.append((children, parents[children].tolist()))
    return levels
