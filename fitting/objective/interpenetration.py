"""E_sp: body parts keep out of each other (Bogo et al., 2016, section 3.2, equation 6).

Spheres of parts that may not overlap have, pair by pair, e = exp(-d^2 / (2 (s_a^2 + s_b^2))), d the
distance of their centres and s = 0.3 radius. SMPLify's released code has the single residual weight
sqrt(sum e^2); here weight e is the residual of each pair. Both have the cost 0.5 weight^2 sum e^2,
hence the same gradient. But the root has no gradient where nothing touches, and its Gauss-Newton
Hessian has rank one, with all contacts of a body mixed. One residual per pair has neither fault.

A small turn by the vector v about a joint at j that carries sphere a and not b changes d^2 / 2 by
(c_a x d, d) . (v, j x v), with d = c_a - c_b. A joint that carries only b changes it by minus the
same, because c_b x d = c_a x d. A joint that carries both, like the root, does not change it. The
first factor is the same for all joints. So the sphere pairs that a joint moves add up to one 6 x 6
matrix, whatever the axes. Whatever a joint moves, all joints farther out on the limb move too, so
the block of the Hessian for two joints only needs the matrix of the inner one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fitting.body.kinematics import Posed
from fitting.body.skeleton import Skeleton
from fitting.capsules.capsules import MIN_RADIUS, Capsules, incompatible, spread_spheres
from fitting.objective.bodies import Bodies, Part
from fitting.rotations import hat
from fitting.solver.levenberg_marquardt import Linearization

_SIGMA = 0.3  # of a sphere's radius, as in SMPLify's released code
_SIGMA_HAND = 0.36  # also from there: hands count as larger
# d^2 / (2 (s_a^2 + s_b^2)) from which e < 1e-6; spheres that touch have 10 or 11. A pair beyond it
# costs less than 5e-13 weight^2, so no solver notices where pairs are left out.
_FAR = 13.8


@dataclass(frozen=True)
class _Limb:
    """The pairs of capsules of one limb, and the joints that move them.

    Args:
        end: index after the last of its sphere pairs, which are counted through all limbs.
        groups: its pairs of capsules, counted in the same way.
        joints: free ones that move one capsule of a pair but not the other, from the trunk outward.
        moved: 1 where a joint moves a pair of capsules.
        sign: for each joint, 1 if it moves the limb, -1 if it moves the other capsule.
        upper: the upper triangle of a Hessian over the joints, D = 3 J.
    """

    end: int
    groups: slice
    joints: Int[Tensor, " J"]
    moved: Float[Tensor, "J G"]
    sign: Float[Tensor, "J 1 1"]
    upper: Bool[Tensor, "D D"]


@dataclass(frozen=True)
class _Contacts:
    """Sphere pairs that are near enough to matter, limb by limb.

    Args:
        pair: index of the pair.
        row: of the batch.
        residual: weight e.
        squares: w (w', r), with r the residual and w . (v, j x v) its derivative with respect to a
            turn. They add up to the Hessian and, in the last column of (6, 7), the gradient.
    """

    pair: Int[Tensor, " N"]
    row: Int[Tensor, " N"]
    residual: Float[Tensor, " N"]
    squares: Float[Tensor, "N 42"]


class Interpenetration:
    """The term for one body; only the pose has derivatives, so it never makes the body thinner.

    Args:
        capsules: of the body.
        skeleton: of the body.
        n_betas: shape coefficients in use, the first ones of the capsules'.
        device, dtype: of all tensors.
        joints: those of 1..23, ascending, whose part of body_pose is free.

    Raises:
        ValueError: a capsule is missing, or n_betas is more than the capsules follow.
    """

    def __init__(
        self,
        capsules: Capsules,
        skeleton: Skeleton,
        n_betas: int = 10,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float64,
        joints: Iterable[int] | None = None,
    ) -> None:
        if not 0 <= n_betas <= capsules.n_betas:
            raise ValueError(f"n_betas: expected 0..{capsules.n_betas}, got {n_betas}")
        self._device, self._dtype = device, dtype
        self.joints = tuple(range(1, skeleton.n_joints) if joints is None else joints)
        sizes = (capsules.center, capsules.radius[:, None], capsules.length[:, None])
        linear = np.concatenate(sizes, 1)[..., : 1 + n_betas]
        self._constant, self._by_beta = self._tensor(linear[..., 0]), self._tensor(linear[..., 1:])
        self._axis, self._joint = self._tensor(capsules.axis), self._tensor(capsules.joint)
        hand = [name.endswith("hand") for name in capsules.names]
        self._sigma = self._tensor(np.where(hand, _SIGMA_HAND, _SIGMA))
        spheres = spread_spheres(capsules)
        self._free = self._tensor(np.array(self.joints, int))
        self._capsule, self._along = self._tensor(spheres.capsule), self._tensor(spheres.along)
        self._parents = self._tensor(np.array(skeleton.parents).clip(0))
        carried = skeleton.above().astype(int)[capsules.joint]
        self._set_pairs(incompatible(capsules), spheres.capsule, carried)

    def _tensor(self, array: np.ndarray) -> Tensor:
        dtype = torch.long if array.dtype.kind == "i" else self._dtype
        return torch.as_tensor(np.ascontiguousarray(array), dtype=dtype, device=self._device)

    def _set_pairs(
        self,
        limbs: list[np.ndarray],
        capsule: Int[np.ndarray, " S"],
        carried: Int[np.ndarray, "C 24"],
    ) -> None:
        """The pairs of capsules and of spheres of all limbs in order."""
        pairs = np.concatenate(limbs)
        inside = [[np.flatnonzero(capsule == c) for c in pair] for pair in pairs]
        spheres = [np.stack(np.meshgrid(*pair, indexing="ij")).reshape(2, -1) for pair in inside]
        count = [both.shape[1] for both in spheres]
        self._first, self._second = (self._tensor(side) for side in np.concatenate(spheres, 1))
        self._group = self._tensor(np.repeat(np.arange(len(pairs)), count))
        self._pairs, self._limbs = self._tensor(pairs), []
        start = 0
        for limb in limbs:
            groups = slice(start, start + len(limb))
            sign = carried[limb[:, 0]] - carried[limb[:, 1]]
            self._limbs.append(self._limb(sum(count[: groups.stop]), groups, sign.T))
            start = groups.stop
        self._ends = self._tensor(np.array([limb.end for limb in self._limbs]))

    def _limb(self, end: int, groups: slice, sign: Int[np.ndarray, "24 G"]) -> _Limb:
        joints = np.array([joint for joint in self.joints if sign[joint].any()], int)
        sign = sign[joints]
        direction = np.where((sign > 0).any(1), 1.0, -1.0)[:, None, None]
        place, size = np.searchsorted(self.joints, joints), 3 * len(joints)
        return _Limb(
            end,
            groups,
            self._tensor(place),
            self._tensor((sign != 0).astype(float)),
            self._tensor(direction),
            torch.as_tensor(np.tri(size).T > 0, device=self._device),
        )

    @property
    def size(self) -> int:
        """Entries of body_pose that have derivatives: three per free joint."""
        return 3 * len(self.joints)

    def __call__(
        self, posed: Posed, betas: Float[Tensor, "B n_betas"], weight: float
    ) -> Linearization:
        """The term alone, over the free joints' entries of body_pose."""
        cost, n = betas.new_zeros(len(betas)), self.size
        gradient, hessian = cost.new_zeros(len(cost), n), cost.new_zeros(len(cost), n, n)
        total = Linearization(cost, gradient, hessian)
        self.add_to(total, 0, posed, betas, weight)
        return total

    def add_to(
        self,
        total: Linearization,
        column: int,
        posed: Posed,
        betas: Float[Tensor, "B n_betas"],
        weight: float,
    ) -> None:
        """Add the term in place to a linearization whose entries from `column` on are those of the
        free joints. Rows in which nothing is near stay as they are."""
        contacts = self._contacts(posed, betas, weight)
        if not len(contacts.row):
            return
        total.cost.index_add_(0, contacts.row, 0.5 * contacts.residual**2)
        rows, local = torch.unique(contacts.row, return_inverse=True)
        groups = len(self._pairs)
        by_group = contacts.squares.new_zeros(len(rows) * groups, 42)
        by_group.index_add_(0, local * groups + self._group[contacts.pair], contacts.squares)
        by_group = by_group.view(len(rows), groups, 42)
        turns = self._turns(posed, rows)
        ends = torch.searchsorted(contacts.pair, self._ends).tolist()
        for limb, start, end in zip(self._limbs, [0, *ends], ends, strict=False):
            if start < end:
                near = torch.unique(local[start:end])
                mine = by_group[near, limb.groups], turns[near[:, None], limb.joints]
                _add_limb(limb, *mine, total, rows[near], column)

    def near(
        self, posed: Posed, betas: Float[Tensor, "B n_betas"], weight: float
    ) -> tuple[Int[Tensor, " R"], Linearization]:
        """The rows in which any pair is near enough to matter, and the term of these rows."""
        total = self(posed, betas, weight)
        rows = total.cost.nonzero()[:, 0]
        return rows, total[rows]

    def _spheres(
        self, posed: Posed, betas: Tensor
    ) -> tuple[Float[Tensor, "3 S B"], Float[Tensor, "C B"]]:
        """Centres for transl = 0, and s^2 of the spheres of each capsule."""
        sizes = self._constant + (self._by_beta @ betas.T).permute(2, 0, 1)  # (B, C, 5)
        variance = ((self._sigma * sizes[..., 3].clamp_min(MIN_RADIUS)) ** 2).T.contiguous()
        rod = sizes[..., 4, None].clamp_min(0) * self._axis
        placed = posed.world[:, self._joint] @ torch.stack([sizes[..., :3], rod], -1)
        middle = (posed.joints[:, self._joint] + placed[..., 0]).permute(2, 1, 0).contiguous()
        rod = placed[..., 1].permute(2, 1, 0).contiguous()
        along = self._along[:, None] * rod.index_select(1, self._capsule)
        return middle.index_select(1, self._capsule) + along, variance

    def _near(self, centers: Tensor, variance: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Sphere pairs that matter, ascending, their rows, -log e and s_a^2 + s_b^2."""
        apart = centers.index_select(1, self._first).sub_(centers.index_select(1, self._second))
        spread = variance[self._pairs].sum(1)
        exponent = apart.square_().sum(0).div_((2 * spread).index_select(0, self._group))
        pair, row = (exponent < _FAR).nonzero(as_tuple=True)
        return pair, row, exponent[pair, row], spread[self._group[pair], row]

    def _contacts(self, posed: Posed, betas: Tensor, weight: float) -> _Contacts:
        centers, variance = self._spheres(posed, betas)
        pair, row, exponent, spread = self._near(centers, variance)
        residual = weight * torch.exp(-exponent)
        first = centers[:, self._first[pair], row].T
        apart = first - centers[:, self._second[pair], row].T
        wrench = torch.cat([torch.linalg.cross(first, apart), apart], 1)
        wrench = wrench * (-residual / spread)[:, None]
        with_residual = torch.cat([wrench, residual[:, None]], 1)
        squares = (wrench[:, :, None] * with_residual[:, None]).flatten(1)
        return _Contacts(pair, row, residual, squares)

    def _turns(self, posed: Posed, rows: Tensor) -> Float[Tensor, "R J 3 6"]:
        """(v, j x v) of each entry of the free joints' axis-angles."""
        joints = self._free
        world, left = posed.world[rows], posed.left_jacobian[rows]
        axes = world[:, self._parents[joints]] @ left[:, joints]
        moments = hat(posed.joints[rows][:, joints]) @ axes
        return torch.cat([axes, moments], 2).mT


@lru_cache(maxsize=32)
def contacts_of(
    capsules: Capsules,
    skeleton: Skeleton,
    n_betas: int,
    device: str | torch.device,
    dtype: torch.dtype,
    joints: tuple[int, ...],
) -> Interpenetration:
    """Like Interpenetration, but made once, because every stage of every fit asks for it."""
    return Interpenetration(capsules, skeleton, n_betas, device, dtype, joints)


def contacts(bodies: Bodies, weight: float) -> Part:
    """The term, for fitting.objective.terms; it only has rows for the few bodies that touch
    themselves."""
    near = bodies.objective.contacts.near(bodies.posed, bodies.betas, weight)
    return Part(near[1], bodies.unknowns.pose, near[0])


def _add_limb(
    limb: _Limb,
    by_group: Float[Tensor, "R G 42"],
    turns: Float[Tensor, "R J 3 6"],
    total: Linearization,
    rows: Int[Tensor, " R"],
    column: int,
) -> None:
    """From the contacts of a limb to the joints; see the top of this file."""
    turns = turns * limb.sign
    by_joint = (limb.moved @ by_group).unflatten(2, (6, 7))
    half, gradient = (turns @ by_joint).flatten(1, 2).split([6, 1], 2)
    hessian = half @ turns.flatten(1, 2).mT  # right if the row's joint is the inner one
    hessian = torch.where(limb.upper, hessian, hessian.mT)
    # flat, in place: no copy of the large Hessian
    entries = column + (3 * limb.joints[:, None] + torch.arange(3, device=rows.device)).flatten()
    at = rows[:, None] * total.gradient.shape[1] + entries
    total.gradient.view(-1).index_add_(0, at.flatten(), gradient.flatten())
    at = at[:, :, None] * total.gradient.shape[1] + entries
    total.hessian.view(-1).index_add_(0, at.flatten(), hessian.flatten())
