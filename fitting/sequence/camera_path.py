"""How a clip's camera moves. No torch here: a run that finds everything in its cache imports
this."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int32

from fitting.rows import Rows


@dataclass(frozen=True)
class CameraPath(Rows):
    """The camera of every frame.

    Its steady axes are those of the first frame of its shot; they do not turn with the camera.

    Args:
        shot: number of the shot; in another one, the camera stands elsewhere.
        turned: from the steady axes to those of the camera.
        in_place: whether it does not leave its place: what stands on the floor stands in the
            steady axes.
        still: whether it does not turn either: there is one world for the shot.
    """

    shot: Int32[np.ndarray, " F"]
    turned: Float[np.ndarray, "F 3 3"]
    in_place: Bool[np.ndarray, " F"]
    still: Bool[np.ndarray, " F"]

    @staticmethod
    def standing(frames: int) -> "CameraPath":
        """That of a camera on a tripod."""
        yes = np.ones(frames, bool)
        return CameraPath(np.zeros(frames, np.int32), np.tile(np.eye(3), (frames, 1, 1)), yes, yes)

    @property
    def turns(self) -> bool:
        """Whether the camera's axes differ from the steady ones anywhere."""
        return bool((self.turned != np.eye(3)).any())
