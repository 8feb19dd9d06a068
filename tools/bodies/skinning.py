"""SMPL's 24 skin weights from MakeHuman's 163 bones, and plain linear blend skinning."""

import numpy as np
import scipy.sparse as sparse

from .decimate import Topology
from .makehuman import MakeHuman
from .skeleton import MIRROR, PARENTS, index

_JOINT_OF_BONE = {
    "clavicle": "collar",
    "shoulder01": "collar",
    "upperarm01": "shoulder",
    "upperarm02": "shoulder",
    "lowerarm01": "elbow",
    "lowerarm02": "elbow",
    "wrist": "wrist",
    "upperleg01": "hip",
    "upperleg02": "hip",
    "lowerleg01": "knee",
    "lowerleg02": "knee",
    "foot": "ankle",
}
_PREFIXES = {"metacarpal": "wrist", "finger1": "wrist", "finger": "hand", "toe": "foot"}
_TRUNK = ("root", "pelvis", "breast", "spine")
_BAND = 0.05  # metres above and below a spine joint over which the weight passes on
_SMOOTHINGS, _INFLUENCES, _SMALLEST = 3, 4, 0.004


def skin_weights(
    human: MakeHuman, topology: Topology, vertices: np.ndarray, joints: np.ndarray
) -> np.ndarray:
    """(6890, 24) weights, at most four a vertex, rows summing to 1, exactly mirror symmetric.

    Args:
        human: the data.
        topology: the mesh.
        vertices: (6890, 3) and `joints`: (24, 3) the mean body in the T-pose, metres.
    """
    weights, trunk = _merge(human, topology.vertices)
    weights += trunk[:, None] * _along_spine(vertices[:, 1], joints[:, 1])
    neighbours = adjacency(topology.faces, len(vertices))
    for _ in range(_SMOOTHINGS):
        weights = 0.5 * weights + 0.5 * (neighbours @ weights)
    weights = symmetric_rows(weights, topology.mirror, vertices)
    fifth = np.sort(weights, axis=1)[:, -_INFLUENCES - 1]
    weights[weights <= fifth[:, None]] = 0  # on the midline a left-right pair goes together
    weights[weights < _SMALLEST] = 0
    weights /= weights.sum(1, keepdims=True)  # its last bit may differ between the sides
    return symmetric_rows(weights, topology.mirror, vertices)


def symmetric_rows(weights: np.ndarray, mirror: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Right half rewritten from the left, midline averaged with its mirror: exact symmetry."""
    reflected = weights[mirror][:, MIRROR]
    middle = (mirror == np.arange(len(mirror)))[:, None]
    left = vertices[:, :1] > 0
    return np.where(middle, (weights + reflected) / 2, np.where(left, weights, reflected))


def adjacency(faces: np.ndarray, count: int) -> sparse.csr_matrix:
    """Row-normalised matrix that averages each vertex's neighbours."""
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    ones = sparse.csr_matrix((np.ones(len(pairs)), pairs.T), shape=(count, count))
    return sparse.diags(1 / np.asarray(ones.sum(1)).ravel()) @ ones


def pose(
    body: dict[str, np.ndarray], betas: np.ndarray, rotations: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pose a body without pose blend shapes.

    Args:
        body: arrays of an SMPL file.
        betas: (10,) shape.
        rotations: (24, 3, 3) local joint rotations; None for the T-pose.

    Returns:
        Vertices (6890, 3), joints (24, 3) in metres and the joints' global rotations (24, 3, 3).
    """
    shaped = body["v_template"] + body["shapedirs"] @ betas
    rest = body["J_regressor"] @ shaped
    local = np.broadcast_to(np.eye(3), (24, 3, 3)) if rotations is None else rotations
    turns, joints = local.copy(), rest.copy()
    for j in range(1, 24):
        parent = PARENTS[j]
        turns[j] = turns[parent] @ local[j]
        joints[j] = joints[parent] + turns[parent] @ (rest[j] - rest[parent])
    shift = joints - np.einsum("jab,jb->ja", turns, rest)
    blended = np.einsum("vj,jab->vab", body["weights"], turns)
    vertices = np.einsum("vab,vb->va", blended, shaped) + body["weights"] @ shift
    return vertices, joints, turns


def _merge(human: MakeHuman, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 24) weights of all but the trunk, and (n,) the trunk's, still to be divided."""
    weights, trunk = np.zeros((len(kept), 24)), np.zeros(len(kept))
    for bone, weight in human.bone_weights.items():
        name, _, side = bone.partition(".")
        if name.startswith(_TRUNK):
            trunk += weight[kept]
        else:
            weights[:, _joint(name, side)] += weight[kept]
    total = weights.sum(1) + trunk
    return weights / total[:, None], trunk / total


def _joint(bone: str, side: str) -> int:
    by_prefix = next((j for prefix, j in _PREFIXES.items() if bone.startswith(prefix)), None)
    joint = _JOINT_OF_BONE.get(bone, by_prefix)
    if joint:
        return index(f"{'left' if side == 'L' else 'right'}_{joint}")
    return index("neck") if bone in ("neck01", "neck02") else index("head")


def _along_spine(y: np.ndarray, joints_y: np.ndarray) -> np.ndarray:
    """(n, 24) the trunk's weight passed from pelvis up the three spine joints, by height."""
    share = np.zeros((len(y), 24))
    left_over = np.ones(len(y))
    for upper in ("spine3", "spine2", "spine1"):
        middle = joints_y[index(upper)]
        t = np.clip((y - middle + _BAND) / (2 * _BAND), 0, 1)
        step = t * t * (3 - 2 * t)
        share[:, index(upper)] = left_over * step
        left_over = left_over * (1 - step)
    share[:, index("pelvis")] = left_over
    return share
