"""Twenty capsules that follow the body: where each sits, and how one is fitted to the skin."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial import cKDTree

from .exposure import vertex_normals
from .skeleton import index, other_side

_INSIDE = 0.15  # capsule points inside the body hardly count: the neighbours cover the gap there
_EVALUATIONS = 25
_TOLERANCE = 1e-5  # tighter moves the result by less than a millimetre, in twice the time
_STEP = 1e-4  # of the finite differences, relative


@dataclass(frozen=True)
class Capsule:
    """A capsule rigidly attached to a joint.

    Args:
        name: `head`, `left_thigh`, ...
        joint: the joint it moves with.
        parts: joints whose skin it stands for.
        child: joint at the bone's other end, which gives direction and length; empty where none.
        across: lies from left to right, as trunk capsules do.
    """

    name: str
    joint: str
    parts: tuple[str, ...]
    child: str = ""
    across: bool = False

    @property
    def midline(self) -> bool:
        return other_side(self.name) == self.name

    def mirrored(self) -> "Capsule":
        """The same on the other side."""
        parts = tuple(other_side(part) for part in self.parts)
        return Capsule(other_side(self.name), other_side(self.joint), parts, other_side(self.child))


MIDLINE = (
    Capsule("head", "head", ("head",)),
    Capsule("neck", "neck", ("neck",), child="head"),
    Capsule("chest", "spine3", ("spine3",), across=True),
    Capsule("ribs", "spine2", ("spine2",), across=True),
    Capsule("belly", "spine1", ("spine1",), across=True),
    Capsule("pelvis", "pelvis", ("pelvis",), across=True),
)
LEFT = (
    Capsule("left_collar", "left_collar", ("left_collar",), child="left_shoulder"),
    Capsule("left_upper_arm", "left_shoulder", ("left_shoulder",), child="left_elbow"),
    Capsule("left_forearm", "left_elbow", ("left_elbow",), child="left_wrist"),
    Capsule("left_hand", "left_wrist", ("left_wrist", "left_hand"), child="left_hand"),
    Capsule("left_thigh", "left_hip", ("left_hip",), child="left_knee"),
    Capsule("left_shin", "left_knee", ("left_knee",), child="left_ankle"),
    Capsule("left_foot", "left_ankle", ("left_ankle", "left_foot"), child="left_foot"),
)
CAPSULES = (*MIDLINE, *LEFT, *(capsule.mirrored() for capsule in LEFT))


@dataclass(frozen=True)
class Placed:
    """A capsule in space: middle (3,), unit axis (3,), radius, length between the end centres."""

    center: np.ndarray
    axis: np.ndarray
    radius: float
    length: float


class Skin:
    """A body's surface, ready for distances: vertices and face centres with their normals."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        corners = vertices[faces]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        double_area = np.linalg.norm(across, axis=1, keepdims=True)
        self.vertices = vertices
        self.area = np.bincount(
            faces.ravel(), np.repeat(double_area[:, 0] / 6, 3), minlength=len(vertices)
        )
        self._normals = np.concatenate(
            [vertex_normals(vertices, faces), across / np.maximum(double_area, 1e-12)]
        )
        self._tree = cKDTree(np.concatenate([vertices, corners.mean(1)]))

    def gap(self, points: np.ndarray) -> np.ndarray:
        """(m,) distance to the skin of points (m, 3), much reduced inside the body."""
        distance, nearest = self._tree.query(points)
        out = np.einsum("mx,mx->m", points - self._tree.data[nearest], self._normals[nearest]) > 0
        return np.where(out, distance, _INSIDE * distance)


def fit_capsule(skin: Skin, segment: np.ndarray, start: Placed, free: str) -> Placed:
    """Fit one capsule to the vertices `segment` of a body, both ways: skin to capsule and back.

    Args:
        skin: the body.
        segment: indices of its vertices.
        start: where to begin.
        free: besides centre and radius: `none`, `length`, or `axis` (length and axis).
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


def first_guess(skin: Skin, segment: np.ndarray, axis: np.ndarray) -> Placed:
    """A capsule through the middle of the segment, along `axis`."""
    points, area = skin.vertices[segment], skin.area[segment]
    axis = axis / np.linalg.norm(axis)
    center = np.average(points, axis=0, weights=area)
    along = (points - center) @ axis
    radius = np.median(np.linalg.norm(points - center - np.outer(along, axis), axis=1))
    return Placed(center, axis, float(radius), max(0.75 * float(np.ptp(along)), 0.02))


def distance_to_axis(points: np.ndarray, capsule: Placed) -> np.ndarray:
    """(m,) distance of points (m, 3) from the segment inside the capsule."""
    offset = points - capsule.center
    along = np.clip(offset @ capsule.axis, -capsule.length / 2, capsule.length / 2)
    return np.linalg.norm(offset - along[:, None] * capsule.axis, axis=1)


def surface_points(capsule: Placed, rings: int = 7, around: int = 12, caps: int = 2) -> np.ndarray:
    """(m, 3) points spread over the capsule's surface, ring after ring from end to end."""
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


def segment_of(capsule: Capsule, weights: np.ndarray) -> np.ndarray:
    """Vertices that a capsule stands for, by skin weights (6890, 24)."""
    joints = [index(part) for part in capsule.parts]
    if "collar" in capsule.name:  # no vertex belongs to the collar bone first of all
        return np.flatnonzero(weights[:, joints[0]] > 0.22)
    return np.flatnonzero(np.isin(weights.argmax(1), joints))


def _across(axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    other = np.array([0, 0, 1.0]) if abs(axis[2]) < 0.9 else np.array([1.0, 0, 0])
    u = np.cross(axis, other)
    u = u / np.linalg.norm(u)
    return u, np.cross(axis, u)
