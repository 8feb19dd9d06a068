"""E_sp: body parts keep out of each other (Bogo et al., 2016, section 3.2, equation 6).

Spheres of parts that may not overlap have, pair by pair, e = exp(-d^2 / (2 (s_a^2 + s_b^2))), d the
distance of their centres and s = 0.3 radius. SMPLify's released code has the single residual
weight sqrt(sum e^2); here weight e is the residual of each pair. Both have the cost
0.5 weight^2 sum e^2, hence the same gradient, but the root has none where nothing touches, and its
Gauss-Newton Hessian is of rank one, with all contacts of a body mixed; one residual a pair has
neither fault.

A small turn by the vector a about joint j, which carries sphere a and not b, changes d^2 / 2 by
(c_a x d, d) . (a, j x a) with d = c_a - c_b; about a joint that carries b alone by minus the same,
as c_b x d = c_a x d; about one that carries both by nothing. So all sphere pairs of two capsules
add up to one vector of 6 and one 6 x 6 matrix before any joint is looked at.
"""

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.capsules import MIN_RADIUS, Capsules, incompatible, spread_spheres
from fitting.kinematics import Posed
from fitting.levenberg_marquardt import Linearization
from fitting.rotations import hat

_SIGMA = 0.3  # of a sphere's radius, in SMPLify's released code
_SIGMA_HAND = 0.36  # there, too: hands count as larger
_NEGLIGIBLE = 1e-16  # e^2 below which a pair vanishes by rounding beside one that touches


class Interpenetration:
    """The term for one body; derivatives by the pose alone, so that it never thins the body.

    Args:
        capsules: of the body.
        parents: of SMPL's 24 joints, -1 for the root.
        n_betas: shape coefficients in use, the first ones of the capsules'.
        device, dtype: of all tensors.
        joints: of 1..23, ascending, whose part of body_pose is free.
    """

    def __init__(
        self, capsules: Capsules, parents: Int[np.ndarray, "24"], n_betas: int = 10,
        device: str = "cpu", dtype: torch.dtype = torch.float64, joints: Iterable[int] = range(1, 24),
    ) -> None:  # fmt: skip
        def tensor(a: np.ndarray) -> Tensor:
            kind = None if a.dtype == int else dtype
            return torch.as_tensor(np.ascontiguousarray(a), dtype=kind, device=device)

        if not 0 <= n_betas <= capsules.n_betas:
            raise ValueError(f"n_betas: expected 0..{capsules.n_betas}, got {n_betas}")
        self.joints = tuple(joints)
        pairs = incompatible(capsules)
        used, self._pairs = np.unique(pairs, return_inverse=True)  # arms, trunk, shins, feet
        self._pairs = self._pairs.reshape(pairs.shape)
        sizes = (capsules.center, capsules.radius[:, None], capsules.length[:, None])
        linear = np.concatenate(sizes, 1)[used, :, : 1 + n_betas]
        self._constant, self._by_beta = tensor(linear[..., 0]), tensor(linear[..., 1:])
        self._axis, self._joint = tensor(capsules.axis[used]), tensor(capsules.joint[used])
        hand = [capsules.names[c].endswith("hand") for c in used]
        self._sigma = tensor(np.where(hand, _SIGMA_HAND, _SIGMA))
        self._set_spheres(capsules, used, tensor)
        self._set_joints(parents, tensor)

    def _set_spheres(self, capsules: Capsules, used: np.ndarray, tensor) -> None:
        """Spheres of the capsules in use, and every pair of them that is tested."""
        spheres = spread_spheres(capsules)
        mine = np.isin(spheres.capsule, used)
        capsule = np.searchsorted(used, spheres.capsule[mine])
        self._capsule, self._along = tensor(capsule), tensor(spheres.along[mine])
        inside = [np.flatnonzero(capsule == c) for c in range(len(used))]
        grids = [np.meshgrid(inside[a], inside[b], indexing="ij") for a, b in self._pairs]
        first, second = (np.concatenate([grid[k].ravel() for grid in grids]) for k in (0, 1))
        group = np.repeat(np.arange(len(grids)), [grid[0].size for grid in grids])
        self._first, self._second, self._group = tensor(first), tensor(second), tensor(group)
        self._capsules = tensor(self._pairs)

    def _set_joints(self, parents: np.ndarray, tensor) -> None:
        """For each pair of capsules the free joints that move one of them: which, which one (the
        sign) and where the joint's entries are, padded with sign 0 to the longest such list."""
        above = np.zeros((len(parents), len(parents)), int)
        for joint in range(1, len(parents)):
            above[joint] = above[parents[joint]]
            above[joint, joint] = 1
        carried = above[self._joint.cpu().numpy()]
        signs = (carried[self._pairs[:, 0]] - carried[self._pairs[:, 1]])[:, list(self.joints)]
        width = max(int((signs != 0).sum(1).max(initial=0)), 1)
        place = np.argsort(signs == 0, axis=1, kind="stable")[:, :width]
        sign = np.take_along_axis(signs, place, 1)
        self._sign, self._place = tensor(sign.astype(float)), tensor(place)
        self._entry = tensor((3 * place[..., None] + np.arange(3)).reshape(len(place), -1))
        self._turned = tensor(np.array(self.joints))
        self._parent = tensor(parents[list(self.joints)].astype(int))

    @property
    def size(self) -> int:
        """Entries of body_pose that the derivatives are by: three a free joint."""
        return 3 * len(self.joints)

    def __call__(
        self, posed: Posed, betas: Float[Tensor, "B n_betas"], weight: float
    ) -> Linearization:
        """The term of all rows, over the free joints' entries of body_pose."""
        rows, near = self.near(posed, betas, weight)
        cost, n = betas.new_zeros(len(betas)), self.size
        gradient, hessian = cost.new_zeros(len(cost), n), cost.new_zeros(len(cost), n, n)
        cost[rows], gradient[rows], hessian[rows] = near.cost, near.gradient, near.hessian
        return Linearization(cost, gradient, hessian)

    def near(
        self, posed: Posed, betas: Float[Tensor, "B n_betas"], weight: float
    ) -> tuple[Int[Tensor, " R"], Linearization]:
        """The rows in which any pair is near enough to matter, and the term of these alone."""
        centers, variance = self._spheres(posed, betas)
        pair, row, exponent = self._near_pairs(centers, variance)
        group = self._group[pair]
        key, item = torch.unique(row * len(self._pairs) + group, return_inverse=True)
        rows, local = torch.unique_consecutive(key // len(self._pairs), return_inverse=True)
        residual = weight * torch.exp(-exponent)
        cost = residual.new_zeros(len(rows)).index_add_(0, local[item], 0.5 * residual**2)
        first = centers[self._first[pair], row]
        apart = first - centers[self._second[pair], row]
        wrench = torch.cat([torch.linalg.cross(first, apart), apart], 1)
        wrench = wrench * (-residual / variance[group, row])[:, None]
        force = wrench.new_zeros(len(key), 6).index_add_(0, item, residual[:, None] * wrench)
        outer = (wrench[:, :, None] * wrench[:, None]).flatten(1)
        stiffness = wrench.new_zeros(len(key), 36).index_add_(0, item, outer).unflatten(1, (6, 6))
        columns = self._columns(posed, rows)
        return rows, self._by_pose(cost, force, stiffness, columns, (local, key % len(self._pairs)))

    def _spheres(self, posed: Posed, betas: Tensor) -> tuple[Tensor, Tensor]:
        """Centres (S, B, 3) for transl = 0, and s_a^2 + s_b^2 of each pair of capsules (G, B)."""
        sizes = self._constant + (self._by_beta @ betas.T).permute(2, 0, 1)
        radius = self._sigma * sizes[..., 3].clamp_min(MIN_RADIUS)
        rod = sizes[..., 4, None].clamp_min(0) * self._axis
        world = posed.world[:, self._joint] @ torch.stack([sizes[..., :3], rod], -1)
        middle, rod = (world[..., k].transpose(0, 1) for k in (0, 1))
        middle = middle + posed.joints[:, self._joint].transpose(0, 1)
        centers = middle[self._capsule] + self._along[:, None, None] * rod[self._capsule]
        variance = (radius**2).T[self._capsules].sum(1)
        return centers, variance

    def _near_pairs(self, centers: Tensor, variance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pairs, their rows and d^2 / (2 variance), where not negligible; ordered by pair."""
        apart = centers[self._first] - centers[self._second]
        exponent = (apart * apart).sum(-1) / (2 * variance)[self._group]
        pair, row = (exponent < -0.5 * np.log(_NEGLIGIBLE)).nonzero(as_tuple=True)
        return pair, row, exponent[pair, row]

    def _columns(self, posed: Posed, rows: Tensor) -> Float[Tensor, "R J 6 3"]:
        """What each entry of a free joint's axis-angle does: (a, j x a)."""
        world = posed.world[rows[:, None], self._parent]
        axes = world @ posed.left_jacobian[rows[:, None], self._turned]
        return torch.cat([axes, hat(posed.joints[rows[:, None], self._turned]) @ axes], 2)

    def _by_pose(
        self, cost: Tensor, force: Tensor, stiffness: Tensor, columns: Tensor,
        item: tuple[Tensor, Tensor],
    ) -> Linearization:  # fmt: skip
        """From touching capsules (each with its row and pair of capsules) to the joints."""
        row, group = item
        mine = columns[row[:, None], self._place[group]] * self._sign[group][..., None, None]
        mine = mine.transpose(1, 2).flatten(2)  # (items, 6, 3 joints)
        entry, n = self._entry[group], self.size
        gradient = cost.new_zeros(len(cost) * n)
        hessian = cost.new_zeros(len(cost) * n * n)
        at = row[:, None] * n + entry
        gradient.index_add_(0, at.flatten(), (force[:, None] @ mine).flatten())
        at = at[:, :, None] * n + entry[:, None]
        hessian.index_add_(0, at.flatten(), (mine.mT @ stiffness @ mine).flatten())
        return Linearization(cost, gradient.view(-1, n), hessian.view(-1, n, n))
