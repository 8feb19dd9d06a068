"""How well a capsule fits a part of a body's skin, and the capsule that fits best."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int
from scipy.optimize import least_squares
from scipy.spatial import KDTree

_INSIDE = 0.15  # capsule points inside the body hardly count, because neighbours cover the gap
_EVALUATIONS = 25
_TOLERANCE = 1e-5  # a tighter one takes twice the time and moves the result by less than 1 mm
_STEP = 1e-4  # of the finite differences, relative


@dataclass(frozen=True)
class Placed:
    """A capsule in space: its middle, unit axis, radius and length between the end centres, m."""

    center: Float64[np.ndarray, "3"]
    axis: Float64[np.ndarray, "3"]
    radius: float
    length: float


class Skin:
    """A body's surface, ready for distances: vertices and face centres with their normals."""

    def __init__(self, vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> None:
        corners = vertices[faces]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        double_area = np.linalg.norm(across, axis=1)
        self.vertices = vertices
        self.area = _gather(double_area / 6, faces, len(vertices))
        normals = np.stack([_gather(side, faces, len(vertices)) for side in across.T], 1)
        self._normals = np.concatenate([normals, across])
        self._points = np.concatenate([vertices, corners.mean(1)])
        self._tree = KDTree(self._points)

    def gap(self, points: Float[np.ndarray, "m 3"]) -> Float[np.ndarray, " m"]:
        """Distance to the skin, much reduced inside the body."""
        distance, nearest = self._tree.query(points)
        out = ((points - self._points[nearest]) * self._normals[nearest]).sum(1) > 0
        return np.where(out, distance, _INSIDE * distance)


def first_guess(skin: Skin, segment: np.ndarray, axis: np.ndarray) -> Placed:
    """A capsule through the middle of the vertices `segment`, along `axis`."""
    points, area = skin.vertices[segment], skin.area[segment]
    axis = axis / np.linalg.norm(axis)
    center = np.average(points, axis=0, weights=area)
    along = (points - center) @ axis
    radius = np.median(np.linalg.norm(points - center - np.outer(along, axis), axis=1))
    return Placed(center, axis, float(radius), max(0.75 * float(np.ptp(along)), 0.02))


def fit_capsule(skin: Skin, segment: np.ndarray, start: Placed, free: str) -> Placed:
    """Fit one capsule to vertices of a body, both ways: skin to capsule and back.

    Args:
        skin: the body.
        segment: indices of its vertices.
        start: the capsule to begin with.
        free: what else is free, besides centre and radius: `none`, `length`, or `axis` (and
            length).
    """
    points = skin.vertices[segment]
    share = np.sqrt(skin.area[segment] / skin.area[segment].sum())
    u, v = _across(start.axis)

    def unpack(p: np.ndarray) -> Placed:
        length = np.exp(p[4]) if free != "none" else start.length
        axis = start.axis + p[5] * u + p[6] * v if free == "axis" else start.axis
        return Placed(p[:3], axis / np.linalg.norm(axis), float(np.exp(p[3])), float(length))

    def residuals(p: np.ndarray) -> np.ndarray:
        capsule = unpack(p)
        there = (distance_to_axis(points, capsule) - capsule.radius) * share
        back = surface_points(capsule)
        return np.concatenate([there, skin.gap(back) / np.sqrt(len(back))])

    logs = [np.log(start.radius), np.log(start.length), 0.0, 0.0]
    count = {"none": 4, "length": 5, "axis": 7}[free]
    x0 = np.concatenate([start.center, logs])[:count]
    solution = least_squares(
        residuals, x0, max_nfev=_EVALUATIONS, diff_step=_STEP, ftol=_TOLERANCE, xtol=_TOLERANCE
    )
    return unpack(solution.x)


def distance_to_axis(points: Float[np.ndarray, "m 3"], capsule: Placed) -> Float[np.ndarray, " m"]:
    """Distance from the segment inside the capsule."""
    offset = points - capsule.center
    along = np.clip(offset @ capsule.axis, -capsule.length / 2, capsule.length / 2)
    return np.linalg.norm(offset - along[:, None] * capsule.axis, axis=1)


def surface_points(
    capsule: Placed, rings: int = 7, around: int = 12, caps: int = 2
) -> Float[np.ndarray, "m 3"]:
    """Points spread over the capsule's surface, in rings from end to end."""
    tilt = np.pi / 2 * np.arange(caps, 0, -1) / (caps + 0.5)
    elevation = np.concatenate([-tilt, np.zeros(rings), tilt[::-1]])
    end = np.concatenate([np.zeros(caps), np.linspace(0, 1, rings), np.ones(caps)]) - 0.5
    turn = np.linspace(0, 2 * np.pi, around, endpoint=False)
    u, v = _across(capsule.axis)
    circle = np.outer(np.cos(turn), u) + np.outer(np.sin(turn), v)
    height = capsule.radius * np.sin(elevation) + capsule.length * end
    rim = capsule.radius * np.cos(elevation)
    points = rim[:, None, None] * circle + height[:, None, None] * capsule.axis
    return capsule.center + points.reshape(-1, 3)


def _gather(of_faces: np.ndarray, faces: np.ndarray, count: int) -> np.ndarray:
    """(count,) sums over the faces around each vertex."""
    return np.bincount(faces.ravel(), np.repeat(of_faces, 3), minlength=count)


def _across(axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    other = np.array([0, 0, 1.0]) if abs(axis[2]) < 0.9 else np.array([1.0, 0, 0])
    u = np.cross(axis, other)
    u = u / np.linalg.norm(u)
    return u, np.cross(axis, u)
