"""The sum of the terms over what a stage frees: the problem that the solver is given."""

from copy import copy
from functools import cached_property
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.body.body_model import BodyModel
from fitting.body.kinematics import Kinematics, Posed
from fitting.camera import project
from fitting.capsules.capsules import Capsules
from fitting.fit_config import Kernel
from fitting.objective.interpenetration import Interpenetration, contacts_of
from fitting.objective.point_jacobian import PointJacobian
from fitting.objective.residuals import (
    BENDING,
    Observations,
    Weights,
    bending_term,
    data_term,
    depth_term,
    joints_3d_term,
    pose_prior_term,
    shape_term,
    student_data_term,
)
from fitting.objective.unknowns import Unknowns
from fitting.priors import MaxMixture, PosePrior, mixture_over
from fitting.rotations import (
    matrix_from_quaternion,
    quaternion_from_vector,
    quaternion_product,
)
from fitting.solver.levenberg_marquardt import Linearization
from fitting.trail import TERMS

Columns = slice | list[int]
"""Entries of the step that a term depends on."""

TOUCHING = (7, 8, 20, 21)
"""Ankles and wrists: they move no point of LSP's but feet and hands, which must not go through."""


class Model:
    """What is fitted, on one device and in one precision.

    Args:
        body, prior: what is fitted and what is likely.
        capsules: of the body, where bodies keep out of themselves.
        n_betas: shape coefficients to use.
        extras: the points of face and feet are fitted, too.
    """

    def __init__(
        self, body: BodyModel, prior: PosePrior, capsules: Capsules | None = None,
        n_betas: int = 10, device: str = "cpu", dtype: torch.dtype = torch.float64,
        extras: bool = False,
    ) -> None:  # fmt: skip
        self.kinematics = Kinematics(body, n_betas, device, dtype, extras)
        self.prior, self.capsules = prior, capsules

    @property
    def dtype(self) -> torch.dtype:
        return self.kinematics.dtype

    def unknowns(self, free: list[str], interpenetration: bool = False) -> Unknowns:
        """Of a stage that frees these of PARAMETERS. Joints that move no point are left to the
        prior, which knows their best values (MaxMixture)."""
        joints = set(self.kinematics.movers) | (set(TOUCHING) if interpenetration else set())
        return Unknowns(
            root="global_orient" in free,
            joints=tuple(sorted(joints)) if "body_pose" in free else (),
            n_betas=self.kinematics.n_betas if "betas" in free else 0,
            transl="transl" in free,
        )

    def split(self, x: Float[Tensor, "B S"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Quaternion (B, 4), body_pose (B, 69), betas (B, n_betas), transl (B, 3)."""
        return x.split([4, 69, self.kinematics.n_betas, 3], dim=1)  # pyright: ignore

    def pose(self, x: Float[Tensor, "B S"]) -> Posed:
        """The bodies of the states, without their translation."""
        root, body_pose, betas, _ = self.split(x)
        return self.kinematics.points(matrix_from_quaternion(root), body_pose, betas)


class Objective:
    """The problem of one stage: terms, their weights, and the unknowns they are lowered over."""

    def __init__(
        self, model: Model, unknowns: Unknowns, observations: Observations, weights: Weights
    ) -> None:
        self.model, self.unknowns = model, unknowns
        self.observations, self.weights = observations, weights
        self.jacobian = PointJacobian(model.kinematics, unknowns)

    @cached_property
    def prior(self) -> MaxMixture:
        """Over the entries of body_pose that are free."""
        kinematics = self.model.kinematics
        entries = tuple(self.unknowns.pose_entries)
        return mixture_over(entries, self.model.prior, kinematics.device, kinematics.dtype)

    @cached_property
    def contacts(self) -> Interpenetration | None:
        """E_sp by the free joints, where it is on."""
        model, kinematics = self.model, self.model.kinematics
        if not (self.weights.interpenetration and self.unknowns.joints and model.capsules):
            return None
        return contacts_of(
            model.capsules, tuple(kinematics.parents.tolist()), kinematics.n_betas,
            kinematics.device, kinematics.dtype, self.unknowns.joints,
        )  # fmt: skip

    @cached_property
    def on(self) -> frozenset[str]:
        """Names of the terms that act: with a weight, and on something that is free."""
        at, weights = self.unknowns, self.weights
        acts_on = {
            "pose_prior": at.joints, "bending": at.joints, "shape": at.n_betas,
            "depth": at.transl, "interpenetration": self.contacts, "joints_3d": True,
        }  # fmt: skip
        return frozenset(
            ["data", *(n for n, something in acts_on.items() if something and getattr(weights, n))]
        )

    def select(self, rows: Int[Tensor, " R"]) -> Self:
        other = copy(self)
        other.observations = self.observations[rows]
        return other

    def retract(self, x: Float[Tensor, "B S"], step: Float[Tensor, "B D"]) -> Tensor:
        """The state after a step."""
        at, moved = self.unknowns, x.clone()
        if at.root:
            turn = quaternion_from_vector(step[:, :3])
            moved[:, :4] = quaternion_product(turn, x[:, :4])
        _, body_pose, betas, transl = self.model.split(moved)
        if at.joints:
            body_pose.unflatten(1, (23, 3))[:, [j - 1 for j in at.joints]] += step[
                :, at.pose
            ].unflatten(1, (-1, 3))
        if at.n_betas:
            betas += step[:, at.betas]
        if at.transl:
            transl += step[:, at.translation]
        return moved

    def complete(self, x: Float[Tensor, "B S"]) -> Tensor:
        """The state with the joints that only the prior acts on where the prior has them."""
        if not (self.weights.pose_prior and self.unknowns.joints):
            return x
        root, body_pose, betas, transl = self.model.split(x)
        return torch.cat([root, self.prior.complete(body_pose), betas, transl], 1)

    def terms(self, x: Float[Tensor, "B S"]) -> dict[str, tuple[Columns, Linearization]]:
        """Every term that is on but E_sp, with the entries of the step that it depends on."""
        return self._terms(x, self.model.pose(x))

    def _terms(self, x: Tensor, posed: Posed) -> dict[str, tuple[Columns, Linearization]]:
        _, pose, betas, transl = self.model.split(x)
        seen, weights, at = self.observations, self.weights, self.unknowns
        terms: dict[str, tuple[Columns, Linearization]] = self._of_points(posed, transl)
        if "pose_prior" in self.on:
            terms["pose_prior"] = at.pose, pose_prior_term(pose, self.prior, weights.pose_prior)
        if "bending" in self.on:
            columns = [at.pose.start + at.pose_entries.index(entry) for entry in BENDING]
            terms["bending"] = columns, bending_term(pose, weights.bending)
        if "shape" in self.on:
            terms["shape"] = at.betas, shape_term(betas, weights.shape)
        if "depth" in self.on:
            per_metre = weights.depth / seen.depth_unit
            terms["depth"] = slice(-1, None), depth_term(transl[:, 2], seen.depth, per_metre)
        return terms

    def _of_points(self, posed: Posed, transl: Tensor) -> dict[str, tuple[Columns, Linearization]]:
        """The data term and, on the same derivatives, the pull to lifted joints."""
        seen, weights = self.observations, self.weights
        pixels, by_point = project(posed.points + transl[:, None], seen.focal_length, seen.center)
        by_point = by_point * seen.scale[:, None, None, None]
        terms: dict[str, tuple[Columns, Linearization]] = {}
        if "joints_3d" in self.on:
            by_axis = self.model.kinematics.eye.expand(*by_point.shape[:2], 3, 3)
            whole = self.jacobian(posed, by_axis)
            lifted = joints_3d_term(
                posed.points[:, :14], whole[:, :14], seen.target, weights.joints_3d
            )
            terms["joints_3d"] = slice(None), lifted
            jacobian = by_point @ whole
        else:
            jacobian = self.jacobian(posed, by_point)
        difference = (pixels - seen.xy) * seen.scale[:, None, None]
        difference = torch.where(seen.weight[..., None] > 0, difference, 0.0)  # 0 x NaN is NaN
        student = weights.kernel is Kernel.student and weights.robust_sigma < torch.inf
        kernel = student_data_term if student else data_term
        terms["data"] = slice(None), kernel(difference, jacobian, seen.weight, weights.robust_sigma)
        return terms

    def values(self, x: Float[Tensor, "B S"]) -> Float[Tensor, "B {len(TERMS)}"]:
        """What each of TERMS adds to the cost; 0 where it is off."""
        posed = self.model.pose(x)
        values = {name: term.cost for name, (_, term) in self._terms(x, posed).items()}
        if self.contacts:
            betas = self.model.split(x)[2]
            contacts = self.contacts(posed, betas, self.weights.interpenetration)
            values["interpenetration"] = contacts.cost
        nothing = torch.zeros_like(x[:, 0])
        return torch.stack([values.get(name, nothing) for name in TERMS], 1)

    def linearize(self, x: Float[Tensor, "B S"]) -> Linearization:
        posed = self.model.pose(x)
        terms = self._terms(x, posed)
        _, total = terms.pop("data")
        cost, gradient, hessian = total.cost, total.gradient, total.hessian
        for columns, term in terms.values():
            cost += term.cost
            gradient[:, columns] += term.gradient
            if isinstance(columns, slice):
                hessian[:, columns, columns] += term.hessian
            else:
                rows = torch.tensor(columns, device=hessian.device)
                hessian[:, rows[:, None], rows] += term.hessian
        if self.contacts:  # few bodies touch themselves: only their rows are added to
            betas, pose = self.model.split(x)[2], self.unknowns.pose
            rows, term = self.contacts.near(posed, betas, self.weights.interpenetration)
            cost[rows] += term.cost
            gradient[rows, pose] += term.gradient
            hessian[rows, pose, pose] += term.hessian
        return Linearization(cost, gradient, hessian)
