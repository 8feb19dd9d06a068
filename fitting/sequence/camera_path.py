"""How a clip's camera moves. No torch here: a run that finds everything in its cache imports
this."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Bool, Float, Int32

from fitting.rows import Rows


class Move(IntEnum):
    """What a camera does during a shot; one that nothing is known about counts as still."""

    still = 0
    turns = 1
    goes = 2
    unknown = 3


@dataclass(frozen=True)
class CameraPath(Rows):
    """The camera of every frame.

    Its steady axes are those of the first frame of its shot; they do not turn with the camera.

    Args:
        shot: number of the shot; in another one, the camera stands elsewhere.
        turned: from the steady axes to those of the camera.
        move: what it does in its shot (`Move`).
    """

    shot: Int32[np.ndarray, " F"]
    turned: Float[np.ndarray, "F 3 3"]
    move: Int32[np.ndarray, " F"]

    @staticmethod
    def standing(frames: int) -> "CameraPath":
        """That of a camera on a tripod."""
        shot, turned = np.zeros(frames, np.int32), np.tile(np.eye(3), (frames, 1, 1))
        return CameraPath(shot, turned, np.full(frames, Move.still, np.int32))

    @property
    def in_place(self) -> Bool[np.ndarray, " F"]:
        """Where it does not leave its place: what stands on the floor stands in the steady axes."""
        return self.move != Move.goes

    @property
    def still(self) -> Bool[np.ndarray, " F"]:
        """Where it does not turn either: there is one world for the shot."""
        return (self.move == Move.still) | (self.move == Move.unknown)

    @property
    def turns(self) -> bool:
        """Whether the camera's axes differ from the steady ones anywhere."""
        return bool((self.turned != np.eye(3)).any())
