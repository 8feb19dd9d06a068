"""The floor that people stand on, as views from elsewhere show it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fitting.sequence.world import World

_SPACING = 0.5  # m between the lines
_DOWN = np.diag([1.0, -1.0, -1.0])  # from x right, y up, z towards the viewer to OpenCV's axes


@dataclass(frozen=True)
class Floor:
    """Where the floor is, and the axes in which it is level: x right, y down, z forward.

    Args:
        upright: rotation from the camera's axes to the level ones.
        depth: of the floor below the camera, m.
    """

    upright: Float[np.ndarray, "3 3"]
    depth: float

    @staticmethod
    def of(world: World) -> "Floor":
        """That of a world of one row."""
        (matrix,) = world.world_from_camera
        return Floor(_DOWN @ matrix[:3, :3], float(matrix[1, 3]))

    def levelled(self, points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """Points of the camera in the level axes."""
        return points @ self.upright.T

    def lines(self, middle: Float[np.ndarray, "3"], reach: float) -> Float[np.ndarray, "L 2 3"]:
        """Both ends of the lines of a square grid on the floor, in the level axes, m.

        Args:
            middle: a point above the middle of the grid.
            reach: how far the grid goes from there, to the next full square.
        """
        squares = int(np.ceil(reach / _SPACING))
        steps = _SPACING * np.arange(-squares, squares + 1)
        ends = np.full_like(steps, steps[-1])
        level = np.zeros_like(steps)
        across = np.stack(
            [np.stack([-ends, level, steps], 1), np.stack([ends, level, steps], 1)], 1
        )
        along = across[..., [2, 1, 0]]
        place = np.array([middle[0], self.depth, middle[2]])
        return np.concatenate([across, along]) + place
