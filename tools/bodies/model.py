"""All steps in order: MakeHuman's data in, the arrays of three SMPL-format bodies out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .decimate import Topology, decimate
from .landmarks import VERTEX_OF_LANDMARK, find_landmarks, smpl_order
from .makehuman import MakeHuman
from .morphs import Morphs
from .population import GENDERS, draw
from .regressor import joint_regressor
from .shape_space import shape_space
from .skeleton import JOINT_NAMES, MIRROR, PARENTS
from .skinning import skin_weights
from .tpose import LEAN, t_pose

PEOPLE = 800  # a gender
REGRESSOR_PEOPLE = 120  # of each gender
SEED = 0
LICENCE = "CC0-1.0 (derived from MakeHuman / MPFB data, see LICENSE.md)"

Body = dict[str, np.ndarray]


@dataclass(frozen=True)
class Sample:
    """People of one gender in the T-pose: vertices (S, 6890, 3), cubes and joints, metres."""

    vertices: np.ndarray
    cubes: np.ndarray
    joints: np.ndarray


def build(human: MakeHuman, say: Callable[[str], None], lean: float = LEAN) -> dict[str, Body]:
    """Build the bodies.

    Args:
        human: the data.
        say: told what was done, one line at a time.
        lean: radians the trunk leans back from MakeHuman's posture.

    Returns:
        Gender -> arrays of its file, all but the capsules (fitting.capsules.capsule_fit).
    """
    topology = decimate(human)
    say(f"mesh: {len(topology.vertices)} vertices, {len(topology.faces)} faces")
    morphs = Morphs(human, topology.vertices)
    samples = {gender: _sample(human, topology, morphs, gender, lean) for gender in GENDERS}
    neutral = samples["neutral"]
    mean, joints = neutral.vertices.mean(0), neutral.joints.mean(0)
    weights = skin_weights(human, topology, mean, joints)
    regressor = _regressor(samples, topology, say)
    found = find_landmarks(mean, neutral.cubes.mean(0), joints, topology.mirror)
    order = smpl_order(found, len(mean))
    bodies = {}
    for gender, sample in samples.items():
        space = shape_space(sample.vertices, topology.faces)
        say(
            f"{gender}: 10 components hold {space.explained:.1%} of the variance, "
            f"mean error {1000 * space.mean_error:.1f} mm"
        )
        shape = (space.mean[order], space.directions[order])
        skin = (regressor[:, order], weights[order])
        bodies[gender] = _arrays(gender, *shape, *skin, topology, order)
    return bodies


def _sample(
    human: MakeHuman, topology: Topology, morphs: Morphs, gender: str, lean: float
) -> Sample:
    people = draw(gender, PEOPLE, SEED, morphs)
    vertices, cubes = morphs.shapes([person.targets() for person in people])
    vertices, cubes, joints = t_pose(human, topology.vertices, vertices, cubes, lean)
    flip = np.array([-1, 1, 1])
    vertices = (vertices + vertices[:, topology.mirror] * flip) / 2
    joints = (joints + joints[:, MIRROR] * flip) / 2
    return Sample(vertices, cubes, joints)


def _regressor(
    samples: dict[str, Sample], topology: Topology, say: Callable[[str], None]
) -> np.ndarray:
    first, last = slice(REGRESSOR_PEOPLE), slice(-REGRESSOR_PEOPLE, None)

    def take(part: slice) -> tuple[np.ndarray, np.ndarray]:
        parts = [(s.vertices[part], s.joints[part]) for s in samples.values()]
        return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))

    regressor = joint_regressor(*take(first), topology.mirror)
    vertices, joints = take(last)
    error = 1000 * np.linalg.norm(regressor @ vertices - joints, axis=2)
    worst = JOINT_NAMES[error.mean(0).argmax()]
    say(f"joint regressor, people left out: mean {error.mean():.1f} mm, worst joint {worst}")
    return regressor


def _arrays(
    gender: str,
    mean: np.ndarray,
    directions: np.ndarray,
    regressor: np.ndarray,
    weights: np.ndarray,
    topology: Topology,
    order: np.ndarray,
) -> Body:
    number = np.argsort(order)
    mirror = number[topology.mirror[order]]
    template = _exactly_symmetric(mean.astype(np.float32), mirror)
    parents = np.where(PARENTS < 0, 2**32 - 1, PARENTS)  # SMPL's root: -1 as an unsigned int
    regressor = regressor.astype(np.float32)
    return {
        "v_template": template,
        "shapedirs": _exactly_symmetric(directions.astype(np.float32), mirror, mean),
        "posedirs": np.zeros((*mean.shape, 207), np.float32),
        "J_regressor": regressor,
        "weights": weights.astype(np.float32),
        "kintree_table": np.stack([parents, np.arange(len(PARENTS))]).astype(np.int64),
        "f": number[topology.faces].astype(np.uint32),
        "J": (regressor.astype(float) @ template).astype(np.float32),
        "head_top": np.int64(VERTEX_OF_LANDMARK["head_top"]),
        "landmark_names": np.array(list(VERTEX_OF_LANDMARK)),
        "landmark_vertices": np.array(list(VERTEX_OF_LANDMARK.values())),
        "mirror": mirror,
        "gender": np.array(gender),
        "licence": np.array(LICENCE),
    }


def _exactly_symmetric(
    array: np.ndarray, mirror: np.ndarray, places: np.ndarray | None = None
) -> np.ndarray:
    """(n, 3, ...) with the right half rewritten from the left and x = 0 on the midline."""
    flip = np.array([-1, 1, 1], array.dtype).reshape(1, 3, *[1] * (array.ndim - 2))
    x = (array if places is None else places)[:, 0]
    middle = mirror == np.arange(len(mirror))
    right = ((x < 0) & ~middle).reshape(-1, *[1] * (array.ndim - 1))
    result = np.where(right, array[mirror] * flip, array)
    result[middle, 0] = 0
    return result
