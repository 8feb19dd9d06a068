"""SMPL's 24 joints, and where each one lies between MakeHuman's joint cubes."""

import numpy as np

from fitting.body.skeleton import SMPL_24

JOINT_NAMES = SMPL_24.names
PARENTS = np.array(SMPL_24.parents)


def index(name: str) -> int:
    """Number of a joint."""
    return JOINT_NAMES.index(name)


def other_side(name: str) -> str:
    """`left_hip` -> `right_hip` and back; a midline name is returned as it is."""
    side, _, rest = name.partition("_")
    swapped = {"left": "right", "right": "left"}.get(side)
    return f"{swapped}_{rest}" if swapped else name


MIRROR = np.array([index(other_side(name)) for name in JOINT_NAMES])

MIDLINE_CUBES = ("pelvis", "spine-4", "spine-3", "spine-2", "spine-1", "neck", "head")
SIDE_CUBES = (
    "upper-leg",
    "knee",
    "ankle",
    "foot-1",
    "toe-1-3",
    "toe-5-4",
    "clavicle",
    "scapula",
    "shoulder",
    "elbow",
    "hand",
    "finger-2-1",
    "finger-3-1",
    "finger-5-1",
    "eye",
    "finger-1-4",
    "finger-2-4",
    "finger-3-4",
    "finger-4-4",
    "finger-5-4",
)
CUBES = (*MIDLINE_CUBES, *(f"{side}-{name}" for side in "lr" for name in SIDE_CUBES))

# Fractions of MakeHuman's joint cubes, each summing to 1, chosen so that the joints divide the
# trunk as SMPL's do: MakeHuman's hips are too far out, its spine has other divisions.
_MIDLINE_BLENDS = {
    "pelvis": {"pelvis": 0.25, "spine-4": 0.75},
    "spine1": {"spine-3": 0.75, "spine-2": 0.25},
    "spine2": {"spine-2": 0.5, "spine-1": 0.5},
    "spine3": {"spine-2": 0.13, "spine-1": 0.87},
    "neck": {"neck": 1.0},
    "head": {"neck": 0.4, "head": 0.6},
}
_SIDE_BLENDS = {
    "hip": {"{s}-upper-leg": 0.86, "{o}-upper-leg": 0.08, "{s}-knee": 0.06},
    "knee": {"{s}-knee": 1.0},
    "ankle": {"{s}-ankle": 1.0},
    "foot": {"{s}-foot-1": 1.0},
    "collar": {"{s}-clavicle": 0.35, "{s}-scapula": 0.65},
    "shoulder": {"{s}-shoulder": 1.0},
    "elbow": {"{s}-elbow": 1.0},
    "wrist": {"{s}-hand": 1.0},
    "hand": {"{s}-hand": 0.2, "{s}-finger-3-1": 0.8},
}


def _blend(joint: str) -> dict[str, float]:
    if joint in _MIDLINE_BLENDS:
        return _MIDLINE_BLENDS[joint]
    side, _, name = joint.partition("_")
    near, far = ("l", "r") if side == "left" else ("r", "l")
    return {cube.format(s=near, o=far): w for cube, w in _SIDE_BLENDS[name].items()}


def joint_blends() -> np.ndarray:
    """(24, cubes) matrix that takes the centres of CUBES to the joints; rows sum to 1."""
    matrix = np.zeros((len(JOINT_NAMES), len(CUBES)))
    for row, joint in enumerate(JOINT_NAMES):
        for cube, weight in _blend(joint).items():
            matrix[row, CUBES.index(cube)] = weight
    return matrix
