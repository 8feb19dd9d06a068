"""How the points of a posed body move with the unknowns of a stage: analytic, one product per body.

A turn by the vector a about joint j moves a place p that it carries by a x (p - j). Along a
direction o, that is a . (p x o) + o . (j x a): a product of a row made of the place and the
direction, (p x o, o), with a column made of the joint and its axis, (a, j x a). An increment d of
an axis-angle is the turn (rotation of the parent) L d, with L its left Jacobian.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.kinematics import Kinematics, Posed
from fitting.objective.unknowns import Unknowns
from fitting.rotations import hat


class PointJacobian:
    """The derivative of the points with respect to the unknowns."""

    def __init__(self, kinematics: Kinematics, unknowns: Unknowns) -> None:
        device, dtype = kinematics.device, kinematics.dtype
        self.kinematics, self.unknowns = kinematics, unknowns
        turned = list(unknowns.turned)
        self.turned = torch.as_tensor(turned, dtype=torch.long, device=device)
        self.parents = torch.as_tensor(kinematics.parents[turned].clip(0), device=device)
        point, place = np.nonzero(kinematics.weights_of_places)
        weight = kinematics.weights_of_places[point, place]
        mask = kinematics.carried[place][:, turned].repeat(3, axis=1)
        mask[:, : 3 * unknowns.root] = 1  # the root's turn carries the root's own place too
        self.place = torch.as_tensor(place, device=device)
        self.mask = torch.as_tensor(mask[:, None], dtype=dtype, device=device)
        self.single = len(place) == kinematics.n_points  # one place per point: nothing to add up
        self.point = torch.as_tensor(point, device=device)
        self.weight = torch.as_tensor(weight[:, None, None], dtype=dtype, device=device)

    def __call__(self, posed: Posed, outer: Float[Tensor, "B n k 3"]) -> Float[Tensor, "B n k D"]:
        """outer @ (derivative of the points with respect to the unknowns).

        The root turns about its own joint. A translation moves every point in the same way.
        """
        parts = [self._by_place(posed, outer)]
        if self.unknowns.joints and self.kinematics.pose_dirs is not None:
            parts[0][..., self.unknowns.pose] += self._by_pose_blend(posed, outer)
        if self.unknowns.n_betas:
            shape = torch.einsum("na,bcas->bncs", self.kinematics.blend, posed.by_shape)
            parts.append(outer @ shape)
        if self.unknowns.transl:
            parts.append(outer)
        return torch.cat(parts, -1)

    def _by_place(self, posed: Posed, outer: Tensor) -> Tensor:
        """The derivative with respect to the turns of the joints."""
        axes = posed.world[:, self.parents] @ posed.left_jacobian[:, self.turned]
        if self.unknowns.root:
            axes[:, 0] = self.kinematics.eye  # the root's turn is given in the camera's frame
        moments = hat(posed.joints[:, self.turned]) @ axes
        columns = torch.cat([axes, moments], 2).transpose(1, 2).flatten(2)  # (B, 6, 3 joints)
        along = outer if self.single else outer[:, self.point] * self.weight
        places = posed.places[:, self.place, None].expand_as(along)
        rows = torch.cat([torch.linalg.cross(places, along), along], -1)
        by_place = (rows.flatten(1, 2) @ columns).unflatten(1, along.shape[1:3]) * self.mask
        if self.single:
            return by_place
        return by_place.new_zeros(*outer.shape[:3], by_place.shape[-1]).index_add_(
            1, self.point, by_place
        )

    def _by_pose_blend(self, posed: Posed, outer: Tensor) -> Tensor:
        """How the skin under the points deforms with every joint's pose."""
        joints = list(self.unknowns.joints)
        axes = hat(posed.left_jacobian[:, joints].mT)  # one matrix per axis-angle entry
        by_vector = (axes @ posed.local[:, joints, None]).flatten(-2)  # (B, J, 3, 9)
        assert self.kinematics.pose_dirs is not None, "asked for by the caller"
        dirs = self.kinematics.pose_dirs.unflatten(-1, (-1, 9))[:, :, [j - 1 for j in joints]]
        offsets = torch.einsum("mcke,nkae->nmcka", dirs, by_vector).flatten(-2)
        moved = posed.world[:, self.kinematics.owners] @ offsets
        weights = self.kinematics.blend[:, -len(self.kinematics.owners) :]
        return outer @ torch.einsum("im,nmcp->nicp", weights, moved)
