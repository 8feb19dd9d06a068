"""Where up is and where the floor is, told by feet that stand and by bodies that are upright.

In the axes of a camera that stands still, up is the unit vector n and the floor n . p = h that make

    sum over standing soles  w log(1 + ((n . p - h) / (c s))^2)   and the priors
    |n - body|^2 / b^2 + n_x^2 / r^2 + n_z^2 / t^2

least: p: a sole, w: the chance that it stands, per time that a detector's errors last; body: where
heads are, seen from feet; n_x and n_z: the camera's roll and tilt. People who walk to and fro say
where up is, those who stay in one place leave it to the priors: the covariance tells.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from fitting.rows import Rows

_FLOOR = 0.08  # s, m: how far a standing sole is found from the floor
_KERNEL = 2.0  # c
_BODY, _ROLL, _TILT = 0.2, 0.05, 0.35  # b, r, t: rad
_ITERATIONS = 30
_STANDING = 0.5  # s that one sole at least has to stand, else nothing is known about the floor
_SUREST = np.radians(12)  # a floor whose slope is less sure than this is none


@dataclass(frozen=True)
class World(Rows):
    """The world of each row's camera; NaN where it cannot be told.

    Args:
        world_from_camera: takes points of the camera into the world: y up, the floor at y = 0, x to
            the camera's right, the origin below the camera, m.
        tilt: standard deviation of the direction of up, rad.
        floor: standard deviation of the floor's height where people stand, m.
    """

    world_from_camera: Float64[np.ndarray, "N 4 4"]
    tilt: Float64[np.ndarray, " N"]
    floor: Float64[np.ndarray, " N"]

    @staticmethod
    def unknown(n: int) -> "World":
        """Of n rows."""
        return World(np.full((n, 4, 4), np.nan), np.full(n, np.nan), np.full(n, np.nan))


def world_of(
    soles: Float[np.ndarray, "P 3"],
    seconds: Float[np.ndarray, " P"],
    body: Float[np.ndarray, "3"],
    errors_last: float,
) -> World | None:
    """The world (one row) of one camera that stands still; None where the floor cannot be told.

    Args:
        soles: that may stand, in the camera's axes, m.
        seconds: that each stands there, times the chance that it does.
        body: where heads are, seen from feet; length 1.
        errors_last: time after which a detector errs anew, s.
    """
    if seconds.sum() < _STANDING:
        return None
    weight, up, height = (
        seconds / errors_last,
        body,
        float(np.average(soles @ body, weights=seconds)),
    )
    information = np.eye(3)
    for _ in range(_ITERATIONS):
        sides = _sides(up)
        information, gradient = _linearized(soles, weight, (up, height), sides, body)
        step = -np.linalg.solve(information, gradient)
        up = up + sides @ step[:2]
        up, height = up / np.linalg.norm(up), height + step[2]
        if np.abs(step).max() < 1e-6:
            break
    covariance = np.linalg.inv(information)
    tilt = float(np.sqrt(np.linalg.eigvalsh(covariance[:2, :2])[-1]))
    if tilt > _SUREST:
        return None
    # The height is that of the plane below the middle of the soles.
    middle = np.append(np.average(soles, axis=0, weights=weight) @ _sides(up), -1)
    floor = float(np.sqrt(middle @ covariance @ middle))
    return World(_matrix(up, height)[None], np.array([tilt]), np.array([floor]))


def _linearized(
    soles: np.ndarray,
    weight: np.ndarray,
    plane: tuple[np.ndarray, float],
    sides: np.ndarray,
    body: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Information and gradient of two turns of up and of the floor's height."""
    up, height = plane
    residual = (soles @ up - height) / _FLOOR
    slope = np.column_stack([soles @ sides, -np.ones(len(soles))]) / _FLOOR
    trust = weight / (1 + (residual / _KERNEL) ** 2)
    information = slope.T @ (trust[:, None] * slope)
    gradient = slope.T @ (trust * residual)
    information[:2, :2] += np.eye(2) / _BODY**2
    gradient[:2] -= sides.T @ body / _BODY**2
    for axis, sigma in ((0, _ROLL), (2, _TILT)):
        information[:2, :2] += np.outer(sides[axis], sides[axis]) / sigma**2
        gradient[:2] += sides[axis] * up[axis] / sigma**2
    return information, gradient


def _sides(up: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 2"]:
    """Two directions square to up."""
    first = np.cross(up, [0.0, 0.0, 1.0] if abs(up[2]) < 0.9 else [1.0, 0.0, 0.0])
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(up, first)], 1)


def _matrix(up: Float[np.ndarray, "3"], height: float) -> Float64[np.ndarray, "4 4"]:
    """world_from_camera."""
    right = np.array([1.0, 0.0, 0.0]) - up[0] * up
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = right, up, np.cross(right, up)
    matrix[1, 3] = -height
    return matrix
