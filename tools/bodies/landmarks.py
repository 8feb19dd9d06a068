"""Landmark vertices, and the order of vertices that gives them SMPL's well-known numbers.

With the landmarks at these indices the unmodified smplx package returns the right points for its
joints 24 to 44, and code that reads vertex 411 as the top of the head works.
"""

import numpy as np

from .skeleton import CUBES, index, other_side

VERTEX_OF_LANDMARK = {
    "head_top": 411,
    "nose": 332,
    "left_eye": 2800,
    "right_eye": 6260,
    "left_ear": 583,
    "right_ear": 4071,
    "left_big_toe": 3216,
    "left_small_toe": 3226,
    "left_heel": 3387,
    "right_big_toe": 6617,
    "right_small_toe": 6624,
    "right_heel": 6787,
    "left_thumb": 2746,
    "left_index": 2319,
    "left_middle": 2445,
    "left_ring": 2556,
    "left_pinky": 2673,
    "right_thumb": 6191,
    "right_index": 5782,
    "right_middle": 5905,
    "right_ring": 6016,
    "right_pinky": 6133,
}
# metres from the joint cube to the skin
_CORNEA = np.array([0, 0, 0.013])
_TOE_TIP = np.array([0, 0, 0.01])
_FINGER_TIP = np.array([0.004, 0, 0])
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def find_landmarks(
    vertices: np.ndarray, cubes: np.ndarray, joints: np.ndarray, mirror: np.ndarray
) -> dict[str, int]:
    """Landmark name -> vertex, on the mean body in the T-pose.

    Args:
        vertices: (6890, 3), `cubes`: (cubes, 3) and `joints`: (24, 3), metres.
        mirror: (6890,) vertex on the other side.
    """
    cube = dict(zip(CUBES, cubes, strict=True))
    middle = mirror == np.arange(len(mirror))
    x, y, z = vertices.T
    eye = cube["l-eye"]
    face = middle & (y > joints[index("head"), 1]) & (y < eye[1] - 0.015) & (y > eye[1] - 0.06)
    side_of_head = (np.abs(y - eye[1]) < 0.06) & (z < eye[2] - 0.04)
    side_of_head &= y > joints[index("head"), 1]
    foot = (y < joints[index("left_ankle"), 1]) & (x > 0)
    found = {
        "head_top": _most(middle, y),
        "nose": _most(face, z),
        "left_eye": _nearest(vertices, eye + _CORNEA),
        "left_ear": _most(side_of_head, x),
        "left_big_toe": _nearest(vertices, cube["l-toe-1-3"] + _TOE_TIP),
        "left_small_toe": _nearest(vertices, cube["l-toe-5-4"]),
        "left_heel": _most(foot, _heelness(vertices, joints)),
    }
    for number, finger in enumerate(_FINGERS, start=1):
        tip = cube[f"l-finger-{number}-4"] + _FINGER_TIP
        found[f"left_{finger}"] = _nearest(vertices, tip)
    found |= {other_side(name): int(mirror[vertex]) for name, vertex in found.items()}
    if len(set(found.values())) != len(VERTEX_OF_LANDMARK):
        raise RuntimeError(f"expected a vertex of its own for each landmark, got {found}")
    return found


def smpl_order(found: dict[str, int], count: int) -> np.ndarray:
    """(n,) old index of each new vertex: swaps that put every landmark at its SMPL index."""
    old_of_new, new_of_old = np.arange(count), np.arange(count)
    for name, new in VERTEX_OF_LANDMARK.items():
        old, displaced = found[name], old_of_new[new]
        place = new_of_old[old]
        old_of_new[[new, place]] = old, displaced
        new_of_old[[old, displaced]] = new, place
    return old_of_new


def _heelness(vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Backward, about 2 cm above the sole, in line with the ankle."""
    x, y, z = vertices.T
    height = np.abs(y - y.min() - 0.02)
    return -z - 0.35 * height - 0.1 * np.abs(x - joints[index("left_ankle"), 0])


def _most(mask: np.ndarray, value: np.ndarray) -> int:
    return int(np.argmax(np.where(mask, value, -np.inf)))


def _nearest(vertices: np.ndarray, point: np.ndarray) -> int:
    return int(np.argmin(np.linalg.norm(vertices - point, axis=1)))
