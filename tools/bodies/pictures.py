"""Shaded pictures of the bodies, for people: they see a wrong body before it is measured."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fitting.capsules.capsule_skin import Placed, surface_points

from .rigid import turn
from .shape_space import COMPONENTS
from .skeleton import index
from .skinning import pose

Body = dict[str, np.ndarray]
Mesh = tuple[np.ndarray, np.ndarray]

_SIZE = 290, 330  # pixels, width and height of one figure
_SPAN = 2.1  # metres from the bottom to the top of a figure
_LIGHT = np.array([0.35, 0.5, 0.8])
_VIEWS = {"front": 0, "45": 45, "side": 90, "back": 180}

# Degrees about x, y, z by joint of the left side; the right side mirrors unless named.
POSES = {
    "t": {},
    "arms_down": {"left_shoulder": (0, 0, -70), "left_elbow": (0, -12, 0)},
    "walk": {
        "left_hip": (-30, 0, 0),
        "right_hip": (18, 0, 0),
        "left_knee": (12, 0, 0),
        "right_knee": (35, 0, 0),
        "left_shoulder": (15, -25, -65),
        "left_elbow": (0, -20, 0),
    },
    "sit": {
        "left_hip": (-88, 0, 6),
        "left_knee": (88, 0, 0),
        "left_shoulder": (0, -25, -60),
        "left_elbow": (0, -65, 0),
        "spine1": (6, 0, 0),
    },
    "reach": {
        "left_shoulder": (0, 0, 60),
        "right_shoulder": (0, 70, 10),
        "right_elbow": (0, 90, 0),
        "left_collar": (0, 0, 18),
        "left_hip": (-70, 0, 15),
        "right_hip": (0, 0, 0),
        "left_knee": (110, 0, 0),
        "right_knee": (0, 0, 0),
        "spine1": (10, 15, 0),
    },
}


def rotations(name: str) -> np.ndarray:
    """(24, 3, 3) joint rotations of one of POSES."""
    angles = np.zeros((24, 3))
    for joint, degrees in POSES[name].items():
        angles[index(joint)] = np.radians(degrees)
        twin = joint.replace("left_", "right_")
        if twin not in POSES[name]:
            angles[index(twin)] = np.radians(degrees) * [1, -1, -1]
    size = np.linalg.norm(angles, axis=1)
    return turn(angles / np.maximum(size, 1e-12)[:, None], size)


def save_pictures(bodies: dict[str, Body], folder: Path) -> None:
    """Write poses_, betas_ and capsules_<gender>.png."""
    folder.mkdir(parents=True, exist_ok=True)
    for gender, body in bodies.items():
        faces = body["f"].astype(int)
        zero = np.zeros(COMPONENTS)
        rows = []
        for name in POSES:
            mesh = pose(body, zero, rotations(name))[0], faces
            rows.append([shade(mesh, yaw) for yaw in _VIEWS.values()])
        _save(rows, folder / f"poses_{gender}.png")
        rows = []
        for size in (-2, 2):
            shapes = [pose(body, size * beta)[0] for beta in np.eye(COMPONENTS)]
            rows += [[shade((shape, faces), yaw) for shape in shapes] for yaw in (0, 90)]
        _save(rows, folder / f"betas_{gender}.png")
        if "capsule_radius" in body:
            _save(_capsule_rows(body, faces), folder / f"capsules_{gender}.png")


def shade(mesh: Mesh, yaw: float, size: tuple[int, int] = _SIZE, span: float = _SPAN) -> np.ndarray:
    """(height, width) grey picture seen along -z after turning the mesh by -yaw degrees."""
    import trimesh

    middle = (mesh[0].min(0) + mesh[0].max(0)) / 2
    vertices = (mesh[0] - middle) @ turn(np.array([0, 1.0, 0]), np.radians(yaw))
    solid = trimesh.Trimesh(vertices, mesh[1], process=False)
    width, height = size
    step = span / height
    x, y = np.meshgrid(np.arange(width) - width / 2, height / 2 - np.arange(height))
    start = np.stack([x.ravel() * step, y.ravel() * step, np.full(x.size, 3.0)], axis=1)
    ray = np.broadcast_to([0.0, 0, -1], start.shape)
    face = solid.ray.intersects_first(start, ray)
    light = np.clip(solid.face_normals @ (_LIGHT / np.linalg.norm(_LIGHT)), 0, 1)
    grey = np.where(face >= 0, 40 + 200 * light[face], 255)
    return grey.reshape(height, width).astype(np.uint8)


def _capsule_rows(body: Body, faces: np.ndarray) -> list[list[np.ndarray]]:
    rows = []
    for name, beta in (("t", 0), ("arms_down", 2), ("sit", -2), ("reach", 0)):
        betas = np.zeros(COMPONENTS)
        betas[1:4] = beta
        skin, joints, turns = pose(body, betas, rotations(name))
        shapes = [_capsule_mesh(capsule) for capsule in _place(body, betas, joints, turns)]
        offsets = np.cumsum([0] + [len(v) for v, _ in shapes])
        hull = np.concatenate([v for v, _ in shapes])
        ends = np.concatenate([f + offset for (_, f), offset in zip(shapes, offsets, strict=False)])
        meshes = ((skin, faces), (hull, ends))
        rows.append([shade(mesh, yaw) for yaw in (0, 90) for mesh in meshes])
    return rows


def _place(
    body: Body, betas: np.ndarray, joints: np.ndarray, turns: np.ndarray
) -> Iterator[Placed]:
    """The capsules of a posed body."""
    one = np.concatenate([[1.0], betas])
    for i, joint in enumerate(body["capsule_joint"]):
        center = joints[joint] + turns[joint] @ (body["capsule_center"][i] @ one)
        radius, length = (
            max(float(body[f"capsule_{name}"][i] @ one), 0.005) for name in ("radius", "length")
        )
        yield Placed(center, turns[joint] @ body["capsule_axis"][i], radius, length)


def _capsule_mesh(capsule: Placed) -> Mesh:
    import trimesh

    points = surface_points(capsule, rings=2, around=20, caps=6)
    hull = trimesh.convex.convex_hull(points)
    return np.asarray(hull.vertices), np.asarray(hull.faces)


def _save(rows: list[list[np.ndarray]], path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.concatenate([np.concatenate(row, axis=1) for row in rows])).save(path)
