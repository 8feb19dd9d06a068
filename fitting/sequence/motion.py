"""People over time. No torch here: a run that finds everything in its cache imports this."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from fitting.joints import Keypoints
from fitting.result import FitResult
from fitting.rows import Rows
from fitting.sequence.camera_path import Move
from fitting.sequence.world import World


@dataclass(frozen=True)
class Motion(Rows):
    """What was seen of people, and the bodies fitted to it, one row per person per frame.

    The rows are those of the keypoints and of people's short gaps. In gaps, all keypoints have
    confidence 0, and the status is FILLED. Frames ascend.

    Args:
        keypoints: in the form that the bodies were fitted to.
        result: the bodies.
        reading: how the keypoints differ from the detector's (fitting.sequence.sides): 0: not at
            all; left and right exchanged of 1: the body, 2: the legs, 3: the arms; -1: they fit to
            nothing before and after, and are left out.
        world: of each row's camera.
        camera_move: what that camera does in its shot (fitting.sequence.camera_path.Move).

    Raises:
        ValueError: the rows of the parts do not belong together.
    """

    keypoints: Keypoints
    result: FitResult
    reading: Int32[np.ndarray, " N"] = None  # pyright: ignore[reportAssignmentType]
    world: World = None  # pyright: ignore[reportAssignmentType]
    camera_move: Int32[np.ndarray, " N"] = None  # pyright: ignore[reportAssignmentType]

    def __post_init__(self) -> None:
        if self.reading is None:
            object.__setattr__(self, "reading", np.zeros(len(self.keypoints), np.int32))
        if self.world is None:
            object.__setattr__(self, "world", World.unknown(len(self.keypoints)))
        if self.camera_move is None:
            unknown = np.full(len(self.keypoints), Move.unknown, np.int32)
            object.__setattr__(self, "camera_move", unknown)
        for name in ("reading", "camera_move"):
            if (shape := getattr(self, name).shape) != (len(self.keypoints),):
                raise ValueError(f"Motion.{name}: expected one per row, got {shape}")
        for name in ("frame", "track"):
            seen, fitted = getattr(self.keypoints, name), getattr(self.result, name)
            if seen.shape != fitted.shape or (seen != fitted).any():
                raise ValueError(f"Motion.{name}: expected the same in keypoints and result")

    def __len__(self) -> int:
        return len(self.keypoints)
