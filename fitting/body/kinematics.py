"""The points of a posed body that keypoints pull at, and how they move, without making the mesh.

Linear blend skinning is linear in the joints' world rotations and, at fixed rotations, linear in
(1, betas). So one matrix product gives every joint and vertex, with its derivative with respect to
the shape. The derivative with respect to the pose follows from the joints' axes (`PointJacobian`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body_model import BodyModel
from fitting.body.skeleton import SMPL_24
from fitting.joints import LSP_14, POINTS, SMPL_JOINT_OF_LSP
from fitting.rotations import rotation_and_left_jacobian

_JOINTS = SMPL_24.n_joints


@dataclass(frozen=True)
class Posed:
    """A posed body and the data for its derivatives, in smplx's frame for transl = 0.

    Args:
        points: in the order of POINTS, or of LSP_14 alone, m.
        joints: SMPL's 24, m.
        world: rotations of the joints in the world.
        local: rotations relative to the parents; the root's is its world rotation.
        left_jacobian: of each axis-angle, fitting.rotations; unused for the root.
        places: of the 24 joints and of every attachment of a vertex.
        by_shape: derivative of `places` with respect to betas.
    """

    points: Float[Tensor, "B n 3"]
    joints: Float[Tensor, "B 24 3"]
    world: Float[Tensor, "B 24 3 3"]
    local: Float[Tensor, "B 24 3 3"]
    left_jacobian: Float[Tensor, "B 24 3 3"]
    places: Float[Tensor, "B A 3"]
    by_shape: Float[Tensor, "B 3 A n_betas"]


@dataclass(frozen=True)
class Attachment:
    """A share of a skinned vertex: fixed in the frame of one joint.

    Args:
        point: index in POINTS.
        vertex: of the mesh.
        joint: the joint that carries it.
        weight: its skin weight.
    """

    point: int
    vertex: int
    joint: int
    weight: float


class Kinematics:
    """The points as a function of root rotation, body_pose and betas; no translation.

    Args:
        body: the body model.
        n_betas: shape coefficients to use, the first ones of the body's.
        device, dtype: of all tensors.
        extras: whether to use all of POINTS, not just LSP's 14.
    """

    def __init__(
        self,
        body: BodyModel,
        n_betas: int = 10,
        device: str = "cpu",
        dtype: torch.dtype = torch.float64,
        extras: bool = False,
    ) -> None:
        def tensor(a: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(a), dtype=dtype, device=device)

        if not 1 <= n_betas <= body.n_betas:
            raise ValueError(f"n_betas: expected 1..{body.n_betas}, got {n_betas}")
        self.n_betas = n_betas
        self.n_points = len(POINTS if extras else LSP_14)
        self.attachments = _attachments(body, self.n_points)
        self.skeleton, self.parents = body.skeleton, body.parents
        self.above = self.skeleton.above()
        levels = _levels(self.above, body.parents)
        # Tensors, because lists would be sent to the device for each pose.
        self.levels = [tuple(torch.as_tensor(j, device=device) for j in both) for both in levels]
        affine, root = _affine(body, n_betas, self.attachments, self.above)
        self.affine, self.root_place = tensor(affine), tensor(root)
        vertices = [a.vertex for a in self.attachments]
        self.owners = torch.as_tensor([a.joint for a in self.attachments], device=device)
        pose_dirs = body.posedirs[vertices]
        self.pose_dirs = tensor(pose_dirs) if np.any(pose_dirs) else None
        self.blend = tensor(self.weights_of_places)
        self.eye = torch.eye(3, dtype=dtype, device=device)

    @property
    def dtype(self) -> torch.dtype:
        return self.eye.dtype

    @property
    def device(self) -> torch.device:
        return self.eye.device

    @cached_property
    def weights_of_places(self) -> Float[np.ndarray, "n A"]:
        """The parts of each point: joints, or the attachments of a vertex."""
        weight = np.zeros((self.n_points, _JOINTS + len(self.attachments)))
        weight[np.arange(len(SMPL_JOINT_OF_LSP)), SMPL_JOINT_OF_LSP] = 1
        for place, attachment in enumerate(self.attachments, _JOINTS):
            weight[attachment.point, place] = attachment.weight
        return weight

    @cached_property
    def carried(self) -> Float[np.ndarray, "A 24"]:
        """1 where a joint's rotation moves a place; it does not move its own origin."""
        of_vertices = [self.above[a.joint] for a in self.attachments]
        return np.array([*(self.above - np.eye(_JOINTS)), *of_vertices])

    @cached_property
    def movers(self) -> tuple[int, ...]:
        """Joints of body_pose whose rotation moves any point."""
        if self.pose_dirs is not None:  # every joint deforms the skin a little
            return tuple(range(1, _JOINTS))
        moves = (self.weights_of_places > 0).astype(float) @ self.carried
        return tuple(int(joint) for joint in np.flatnonzero(moves.any(0)) if joint)

    def points(
        self,
        root: Float[Tensor, "B 3 3"],
        body_pose: Float[Tensor, "B 69"],
        betas: Float[Tensor, "B n_betas"],
    ) -> Posed:
        """Pose the skeleton and the points."""
        batch = len(body_pose)
        rotations, left = rotation_and_left_jacobian(body_pose.unflatten(1, (-1, 3)))
        local = torch.cat([root[:, None], rotations], 1)
        left = torch.cat([self.eye.expand(batch, 1, 3, 3), left], 1)
        world = local.clone()
        for children, parents in self.levels:
            world[:, children] = world[:, parents] @ local[:, children]
        flat = world.transpose(1, 2).reshape(batch, 3, 3 * _JOINTS)
        linear = (flat @ self.affine).unflatten(-1, (-1, 1 + self.n_betas))
        linear = linear + self.root_place[:, None]
        by_shape = linear[..., 1:]
        places = (linear[..., 0] + (by_shape @ betas[:, None, :, None])[..., 0]).mT
        if self.pose_dirs is not None:
            places = torch.cat([places[:, :_JOINTS], self._blended(places, rotations, world)], 1)
        points = self.blend @ places
        return Posed(points, places[:, :_JOINTS], world, local, left, places, by_shape)

    def _blended(self, places: Tensor, rotations: Tensor, world: Tensor) -> Tensor:
        """The attachments, moved by SMPL's pose blend shapes."""
        feature = (rotations - self.eye).flatten(1)
        offsets = torch.einsum("mcp,np->nmc", self.pose_dirs, feature)
        return places[:, _JOINTS:] + (world[:, self.owners] @ offsets[..., None])[..., 0]


def _affine(
    body: BodyModel, n_betas: int, attachments: list[Attachment], above: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The matrix (72, A (1 + n_betas)) from the joints' world rotations to places and their
    derivative with respect to betas, and the root's own place (3, 1 + n_betas), which nothing
    rotates.

    A place is the root's plus the bones of its chain, each turned by the joint it starts at.
    """
    templates = [body.v_template[..., None], body.shapedirs[..., :n_betas]]
    vertices = np.concatenate(templates, -1)
    joints = np.einsum("jv,vcb->jcb", body.J_regressor, vertices)
    affine = np.zeros((_JOINTS, 3, _JOINTS + len(attachments), 1 + n_betas))
    for joint in range(_JOINTS):
        for bone in np.flatnonzero(above[joint])[1:]:
            start = body.parents[bone]
            affine[start, :, joint] += joints[bone] - joints[start]
    for place, a in enumerate(attachments, _JOINTS):
        affine[:, :, place] = affine[:, :, a.joint]
        affine[a.joint, :, place] += vertices[a.vertex] - joints[a.joint]
    return affine.reshape(3 * _JOINTS, -1), joints[0]


def _attachments(body: BodyModel, n_points: int) -> list[Attachment]:
    """Attachments of the points that are vertices: head top and, if asked for, face and feet."""
    first = len(SMPL_JOINT_OF_LSP)
    vertices = [body.head_top, *body.landmarks][: n_points - first]
    return [
        Attachment(point, int(vertex), int(joint), float(body.weights[vertex, joint]))
        for point, vertex in enumerate(vertices, first)
        for joint in np.flatnonzero(body.weights[vertex])
    ]


def _levels(above: np.ndarray, parents: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Joints by depth below the root with their parents: one batched product each."""
    depth = above.sum(1)
    levels = []
    for d in range(2, int(depth.max()) + 1):
        children = np.flatnonzero(depth == d)
        levels.append((children, parents[children].astype(np.int64)))
    return levels
