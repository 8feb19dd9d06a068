"""What is fitted: a body with its priors, on one device and in one precision."""

from collections.abc import Iterable
from copy import copy
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.body.body_model import BodyModel
from fitting.body.kinematics import Kinematics, Posed
from fitting.body.skeleton import SMPL_24
from fitting.capsules.capsules import Capsules
from fitting.objective.terms import TERMS, Term
from fitting.objective.unknowns import Unknowns
from fitting.priors import PosePrior
from fitting.rotations import matrix_from_quaternion

TOUCHING = (7, 8, 20, 21)
"""Ankles and wrists: they move no point of LSP's, but feet and hands, which must not go through."""


class Model:
    """What is fitted, on one device and in one precision.

    Args:
        body, prior: the body, and which poses are likely.
        capsules: of the body, if body parts must keep out of each other.
        n_betas: shape coefficients to use.
        extras: whether the points of face and feet are fitted too.

    Attributes:
        terms: those that objectives are made of (`with_terms`).
    """

    def __init__(
        self,
        body: BodyModel,
        prior: PosePrior,
        capsules: Capsules | None = None,
        n_betas: int = 10,
        device: str = "cpu",
        dtype: torch.dtype = torch.float64,
        extras: bool = False,
    ) -> None:
        self.kinematics = Kinematics(body, n_betas, device, dtype, extras)
        self.prior, self.capsules = prior, capsules
        self.terms: tuple[Term, ...] = TERMS

    @property
    def dtype(self) -> torch.dtype:
        return self.kinematics.dtype

    def with_terms(self, terms: Iterable[Term]) -> Self:
        """The same model with other terms."""
        other = copy(self)
        other.terms = tuple(terms)
        return other

    def unknowns(self, free: list[str], interpenetration: bool = False) -> Unknowns:
        """The unknowns of a stage that frees these of PARAMETERS. Joints that move no point are
        left to the prior, which knows their best values (MaxMixture)."""
        joints = set(self.kinematics.movers) | (set(TOUCHING) if interpenetration else set())
        return Unknowns(
            root="global_orient" in free,
            joints=tuple(sorted(joints)) if "body_pose" in free else (),
            n_betas=self.kinematics.n_betas if "betas" in free else 0,
            transl="transl" in free,
        )

    def split(self, x: Float[Tensor, "B S"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Quaternion (B, 4), body_pose (B, 69), betas (B, n_betas), transl (B, 3)."""
        return x.split([4, SMPL_24.n_pose, self.kinematics.n_betas, 3], dim=1)  # pyright: ignore

    def pose(self, x: Float[Tensor, "B S"]) -> Posed:
        """The bodies of the states, without their translation."""
        root, body_pose, betas, _ = self.split(x)
        return self.kinematics.points(matrix_from_quaternion(root), body_pose, betas)
