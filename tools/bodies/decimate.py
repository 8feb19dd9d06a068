"""From MakeHuman's 13380 body vertices to SMPL's 6890, by leaving vertices out.

Every vertex kept is one of MakeHuman's own, so targets and skin weights are only indexed.
"""

from dataclasses import dataclass

import numpy as np

from .exposure import exposure
from .half_mesh import HalfMesh
from .macros import Sliders, target_weights
from .makehuman import MakeHuman

VERTICES, FACES = 6890, 13776
BODY_VERTICES = 13380

# Very different bodies, because the simplified mesh must be good for all of them.
_EXAMPLES = (
    Sliders(gender=1.0),
    Sliders(gender=0.0, cup=0.6),
    Sliders(gender=1.0, muscle=0.8, weight=0.4),
    Sliders(gender=0.0, muscle=0.4, weight=0.8, cup=0.7),
    Sliders(gender=1.0, muscle=0.4, weight=0.85),
    Sliders(gender=0.0, muscle=0.4, weight=0.3, cup=0.4),
)
_FULLY_SEEN = 0.15  # exposure from which a vertex counts in full
_HIDDEN_IMPORTANCE = 0.004
# MakeHuman spends more vertices on fingers and toes than a whole-body fit can use.
_REGIONS = {("finger", "metacarpal", "wrist"): 0.35, ("toe", "foot"): 0.3}


@dataclass(frozen=True)
class Topology:
    """The mesh of the bodies.

    Args:
        vertices: (6890,) base-mesh index of each vertex.
        faces: (13776, 3) triangles, outward counter-clockwise.
        mirror: (6890,) the vertex on the other side.
    """

    vertices: np.ndarray
    faces: np.ndarray
    mirror: np.ndarray


def decimate(human: MakeHuman) -> Topology:
    """Simplify the left half, mirror it and glue the two along the midline."""
    mirror = human.mirror[:BODY_VERTICES]
    shapes = np.stack([_example(human, person) for person in _EXAMPLES])
    rim = mirror == np.arange(BODY_VERTICES)
    left = rim | (human.vertices[:BODY_VERTICES, 0] > 0)
    quads = human.groups["body"]
    faces = _triangulate(quads[left[quads].all(1)], shapes.mean(0)[:BODY_VERTICES])
    importance = _importance(human, faces)
    half = HalfMesh(shapes[:, :BODY_VERTICES], faces, rim, importance)
    half.simplify(VERTICES)
    triangles = np.array([half.faces[i] for i in sorted(half.faces)])
    whole = np.concatenate([triangles, mirror[triangles][:, ::-1]])
    kept = np.unique(whole)
    number = np.full(BODY_VERTICES, -1)
    number[kept] = np.arange(len(kept))
    topology = Topology(kept, number[whole], number[mirror[kept]])
    if (len(kept), len(whole)) != (VERTICES, FACES):
        raise RuntimeError(
            f"expected {VERTICES} vertices, {FACES} faces; got {len(kept)}, {len(whole)}"
        )
    return topology


def _example(human: MakeHuman, person: Sliders) -> np.ndarray:
    vertices = human.vertices.copy()
    for name, weight in target_weights(person).items():
        target = human.target(name)
        if target is not None:
            vertices[target[0]] += weight * target[1]
    return vertices


def _triangulate(quads: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Cut each quad along its shorter diagonal."""
    a, b, c, d = quads.T
    first = np.linalg.norm(vertices[a] - vertices[c], axis=1)
    second = np.linalg.norm(vertices[b] - vertices[d], axis=1)
    along = (first <= second)[:, None, None]
    one = np.stack([np.stack([a, b, c], 1), np.stack([a, c, d], 1)], 1)
    other = np.stack([np.stack([a, b, d], 1), np.stack([b, c, d], 1)], 1)
    return np.where(along, one, other).reshape(-1, 3)


def _importance(human: MakeHuman, half: np.ndarray) -> np.ndarray:
    """(13380,) 1 for skin in plain sight, less for hands and feet, next to 0 for hidden skin."""
    eyes = np.concatenate([human.groups["helper-l-eye"], human.groups["helper-r-eye"]])
    occluders = np.concatenate([eyes[:, [0, 1, 2]], eyes[:, [0, 2, 3]]])
    skin = np.concatenate([half, human.mirror[half][:, ::-1]])
    seen = exposure(_example(human, Sliders()), skin, occluders)[:BODY_VERTICES]
    importance = np.clip(seen / _FULLY_SEEN, _HIDDEN_IMPORTANCE, 1)
    for bones, factor in _REGIONS.items():
        weights = [w for bone, w in human.bone_weights.items() if bone.startswith(bones)]
        importance[np.max(weights, axis=0)[:BODY_VERTICES] > 0.5] *= factor
    return importance
