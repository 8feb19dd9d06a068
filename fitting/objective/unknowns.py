"""What a stage solves for, and the place of each unknown in its step."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Unknowns:
    """The entries of a step: turn of the root (3), joints (3 each), betas, translation (3).

    The state that they move always holds everything: quaternion of the root (4), body_pose (69),
    betas, transl (3). A rotation vector turns the root from the left, so there is no singularity.

    Args:
        root: whether global_orient is free.
        joints: those of SMPL's 1..23, ascending, whose part of body_pose is free.
        n_betas: number of free shape coefficients: all of the body's, or 0.
        transl: whether the translation is free.
    """

    root: bool
    joints: tuple[int, ...]
    n_betas: int
    transl: bool

    @property
    def turned(self) -> tuple[int, ...]:
        """Every joint with three entries of the step, the root first."""
        return (0,) * self.root + self.joints

    @property
    def pose_entries(self) -> list[int]:
        """Entries of body_pose that are free."""
        return [3 * (joint - 1) + axis for joint in self.joints for axis in range(3)]

    def columns(self, entries: Iterable[int]) -> list[int]:
        """The step's entries for these entries of body_pose, all of which are free."""
        free = self.pose_entries
        return [self.pose.start + free.index(entry) for entry in entries]

    @property
    def pose(self) -> slice:
        """The step's entries for the free part of body_pose."""
        return slice(3 * self.root, 3 * len(self.turned))

    @property
    def betas(self) -> slice:
        return slice(self.pose.stop, self.pose.stop + self.n_betas)

    @property
    def translation(self) -> slice:
        return slice(self.betas.stop, self.size)

    @property
    def size(self) -> int:
        """How many entries the step has."""
        return self.betas.stop + 3 * self.transl
