"""The joints of a body: their names, and which hangs on which."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Skeleton:
    """Joints in an order in which every parent comes before its children.

    Args:
        names: of the joints, the root's first.
        parents: of each joint; -1 for the root.

    Raises:
        ValueError: there are more names than parents, or fewer, or a child comes first.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.names) != self.n_joints:
            raise ValueError(f"skeleton: {len(self.names)} names, {self.n_joints} parents")
        if any(parent >= joint for joint, parent in enumerate(self.parents)):
            raise ValueError("skeleton: expected every parent before its children")

    @property
    def n_joints(self) -> int:
        return len(self.parents)

    @property
    def n_turned(self) -> int:
        """Joints that body_pose turns: all but the root."""
        return self.n_joints - 1

    @property
    def n_pose(self) -> int:
        """Entries of body_pose."""
        return 3 * self.n_turned

    def above(self) -> Float[np.ndarray, "J J"]:
        """Row j has 1 for joint j and for every joint between it and the root."""
        above = np.eye(self.n_joints)
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                above[joint] += above[parent]
        return above


SMPL_24 = Skeleton(
    names=(
        "pelvis",
        "left_hip",
        "right_hip",
        "spine1",
        "left_knee",
        "right_knee",
        "spine2",
        "left_ankle",
        "right_ankle",
        "spine3",
        "left_foot",
        "right_foot",
        "neck",
        "left_collar",
        "right_collar",
        "head",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hand",
        "right_hand",
    ),
    parents=(
        -1,
        0,
        0,
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        9,
        9,
        12,
        13,
        14,
        16,
        17,
        18,
        19,
        20,
        21,
    ),
)
"""Of every body in SMPL's format; a file's own parents count for that file."""
