"""The sum of the terms over a stage's unknowns: the problem that the solver gets."""

from collections.abc import Mapping
from copy import copy
from functools import cached_property
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fitting.objective.bodies import Bodies, Part
from fitting.objective.interpenetration import Interpenetration, contacts_of
from fitting.objective.model import Model
from fitting.objective.point_jacobian import PointJacobian
from fitting.objective.residuals import Loss, Observations
from fitting.objective.terms import CAPSULES, POINTS_3D, check_names, names_of
from fitting.objective.unknowns import Unknowns
from fitting.priors import MaxMixture, mixture_over
from fitting.rotations import quaternion_from_vector, quaternion_product
from fitting.solver.levenberg_marquardt import Linearization


class Objective:
    """The problem of one stage.

    Args:
        model: what is fitted, with the terms.
        unknowns: those over which the sum is minimised.
        observations: what the image says, one row a problem.
        weights: of the terms, by name, on their residuals; a term that is not named is off, except
            the data term.
        loss: of the data term.

    Raises:
        ValueError: a weight belongs to none of the model's terms.
    """

    def __init__(
        self,
        model: Model,
        unknowns: Unknowns,
        observations: Observations,
        weights: Mapping[str, float],
        loss: Loss,
    ) -> None:
        check_names("weights", weights, model.terms)
        self.model, self.unknowns = model, unknowns
        self.observations, self.loss = observations, loss
        self.jacobian = PointJacobian(model.kinematics, unknowns)
        self.weights = {term.name: weights.get(term.name, term.weight) for term in model.terms}
        self._acting = [
            term
            for term in model.terms
            if self.weights[term.name] and all(self._has(need) for need in term.needs)
        ]
        self._adds = [(term.name, term.adds, self.weights[term.name]) for term in self._acting]
        self.shares_jacobian = any(POINTS_3D in term.needs for term in self._acting)

    def _has(self, need: str) -> bool:
        """Whether everything exists that a term needs."""
        at = self.unknowns
        met = {
            "global_orient": at.root,
            "body_pose": at.joints,
            "betas": at.n_betas,
            "transl": at.transl,
            CAPSULES: self.model.capsules,
            POINTS_3D: True,
        }
        return bool(met[need])

    @property
    def on(self) -> frozenset[str]:
        """Names of the terms that act: they have a weight, and everything that they need."""
        return frozenset(names_of(self._acting))

    @cached_property
    def _joints(self) -> Int[Tensor, " J"]:
        """The free joints' places in body_pose; a list would be sent to the device each time."""
        return torch.tensor(self.unknowns.joints, device=self.model.kinematics.device) - 1

    @cached_property
    def prior(self) -> MaxMixture:
        """The pose prior over the entries of body_pose that are free."""
        kinematics = self.model.kinematics
        entries = tuple(self.unknowns.pose_entries)
        return mixture_over(entries, self.model.prior, kinematics.device, kinematics.dtype)

    @cached_property
    def contacts(self) -> Interpenetration:
        """E_sp over the free joints; capsules must exist."""
        kinematics, capsules = self.model.kinematics, self.model.capsules
        assert capsules is not None, "without them, a term that needs them is off"
        return contacts_of(
            capsules,
            kinematics.skeleton,
            kinematics.n_betas,
            kinematics.device,
            kinematics.dtype,
            self.unknowns.joints,
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
            turns = step[:, at.pose].unflatten(1, (-1, 3))
            body_pose.unflatten(1, (-1, 3))[:, self._joints] += turns
        if at.n_betas:
            betas += step[:, at.betas]
        if at.transl:
            transl += step[:, at.translation]
        return moved

    def complete(self, x: Float[Tensor, "B S"]) -> Tensor:
        """The state, with the joints that only the prior acts on at the prior's best values."""
        if "pose_prior" not in self.on:
            return x
        root, body_pose, betas, transl = self.model.split(x)
        return torch.cat([root, self.prior.complete(body_pose), betas, transl], 1)

    def parts(self, x: Float[Tensor, "B S"]) -> dict[str, Part]:
        """What each acting term adds to the cost, by name."""
        return self._parts(Bodies(self, x))

    def _parts(self, bodies: Bodies) -> dict[str, Part]:
        return {name: adds(bodies, weight) for name, adds, weight in self._adds}

    def values(self, x: Float[Tensor, "B S"]) -> Float[Tensor, "B T"]:
        """What each of the model's terms adds to the cost; 0 where it is off."""
        values = {name: part.cost(len(x)) for name, part in self.parts(x).items()}
        nothing = torch.zeros_like(x[:, 0])
        return torch.stack([values.get(name, nothing) for name in self.weights], 1)

    def linearize(self, x: Float[Tensor, "B S"]) -> Linearization:
        return self.linearize_bodies(Bodies(self, x))

    def linearize_bodies(self, bodies: Bodies) -> Linearization:
        """The same, for callers that also need the bodies and their derivatives."""
        # Terms of the whole step come first, because the others are added into their arrays.
        x = bodies.x
        parts = sorted(self._parts(bodies).values(), key=lambda part: not part.whole)
        if parts and parts[0].whole:
            total = parts.pop(0).linear
        else:
            batch, size = len(x), self.unknowns.size
            shapes = (batch,), (batch, size), (batch, size, size)
            total = Linearization(*(x.new_zeros(shape) for shape in shapes))
        for part in parts:
            part.add_to(total)
        return total
