"""From MakeHuman's A-pose to SMPL's T-pose, every body with the same bone directions.

With equal directions in every sample the shape components can hold no posture.
"""

import numpy as np

from .makehuman import MakeHuman
from .rigid import Rigid, align, turn, unit
from .skeleton import CUBES, index, joint_blends

PELVIS = np.array([0.0, -0.22, 0.02])
"""Where the T-pose puts the pelvis, metres: SMPL's origin lies in the chest."""

LEAN = np.radians(5.0)
"""MakeHuman stands with shoulders and head forward of the hips; the trunk is leant back by this
about the hips, and the head forward again at the neck so that it looks straight ahead."""

_COLLAR_RAISE = np.radians(10.0)
_TOES_OUT = np.radians(9.0)
_FOREARM_ROLL = {"upper": 0.3, "lower": 0.8}  # share of the hand's roll taken by the forearm
# Directions of the left side's bones, rounded: arms level and a little back, legs slightly apart
# so that the knees lie under the hips and the ankles behind the knees.
_UPPER_ARM = unit(np.array([1.0, -0.04, -0.09]))
_FOREARM = unit(np.array([1.0, 0.02, -0.005]))
_HAND = unit(np.array([1.0, -0.08, -0.08]))
_THIGH = unit(np.array([0.09, -1.0, -0.012]))
_SHIN = unit(np.array([-0.034, -1.0, -0.11]))

_PARTS = {
    "clavicle": "collar",
    "shoulder01": "collar",
    "upperarm01": "arm",
    "upperarm02": "arm",
    "lowerarm01": "forearm_upper",
    "lowerarm02": "forearm_lower",
    "wrist": "hand",
    "upperleg01": "thigh",
    "upperleg02": "thigh",
    "lowerleg01": "shin",
    "lowerleg02": "shin",
    "foot": "foot",
}
_CUBE_PARTS = {
    "clavicle": "collar",
    "scapula": "collar",
    "shoulder": "arm",
    "elbow": "forearm_upper",
    "hand": "hand",
    "knee": "shin",
    "ankle": "foot",
    "foot-1": "foot",
    "toe-1-3": "foot",
    "toe-5-4": "foot",
    "eye": "head",
    "upper-leg": "trunk",
}

Motions = dict[str, Rigid]


def t_pose(
    human: MakeHuman, kept: np.ndarray, vertices: np.ndarray, cubes: np.ndarray, lean: float = LEAN
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn bodies into the T-pose with MakeHuman's own skin weights.

    Args:
        human: the data, for its weights.
        kept: (n,) base-mesh index of each vertex.
        vertices: (S, n, 3) and `cubes`: (S, cubes, 3) the bodies in MakeHuman's pose, metres.
        lean: radians the trunk leans back.

    Returns:
        Vertices, cubes and SMPL's joints (S, 24, 3) in the T-pose, pelvis at PELVIS.
    """
    cube = {name: cubes[:, i] for i, name in enumerate(CUBES)}
    hips = np.einsum("jc,scx->sjx", joint_blends()[[index("left_hip"), index("right_hip")]], cubes)
    motions = _trunk(cube, hips.mean(1), lean)
    for side, sign, hip in (("l", 1, hips[:, 0]), ("r", -1, hips[:, 1])):
        motions |= _arm(cube, side, sign, motions["trunk"]) | _leg(cube, side, sign, hip)
    moved = np.stack([motions[_cube_part(name)](cube[name]) for name in CUBES], axis=1)
    joints = np.einsum("jc,scx->sjx", joint_blends(), moved)
    joints[:, 1:3] = hips  # the thigh turns about the hip, so the blend of moved cubes is not it
    posed = _skin(_part_weights(human, kept, list(motions)), list(motions.values()), vertices)
    shift = (PELVIS - joints[:, 0])[:, None]
    return posed + shift, moved + shift, joints + shift


def _trunk(cube: dict[str, np.ndarray], hips: np.ndarray, lean: float) -> Motions:
    x = np.array([1.0, 0, 0])
    trunk = Rigid.about(turn(x, -lean), hips)
    head = Rigid.about(turn(x, lean), trunk(cube["neck"])) @ trunk
    return {"trunk": trunk, "head": head}


def _arm(cube: dict[str, np.ndarray], side: str, sign: int, trunk: Rigid) -> Motions:
    flip = np.array([sign, 1, 1])
    raise_ = turn(np.array([0, 0, 1.0]), sign * _COLLAR_RAISE)
    collar = Rigid.about(raise_, trunk(cube[f"{side}-clavicle"])) @ trunk
    arm = _aim(collar, cube[f"{side}-shoulder"], cube[f"{side}-elbow"], _UPPER_ARM * flip)
    forearm = _aim(arm, cube[f"{side}-elbow"], cube[f"{side}-hand"], _FOREARM * flip)
    hand = _aim(forearm, cube[f"{side}-hand"], cube[f"{side}-finger-3-1"], _HAND * flip)
    angle = _palm_down(hand, cube, side, sign)
    wrist, elbow = forearm(cube[f"{side}-hand"]), forearm(cube[f"{side}-elbow"])
    motions = {"collar": collar, "arm": arm}
    motions["hand"] = Rigid.about(turn(_HAND * flip, angle), wrist) @ hand
    for half, share in _FOREARM_ROLL.items():
        roll = turn(_FOREARM * flip, share * angle)
        motions[f"forearm_{half}"] = Rigid.about(roll, elbow) @ forearm
    return {f"{name}.{side}": motion for name, motion in motions.items()}


def _palm_down(hand: Rigid, cube: dict[str, np.ndarray], side: str, sign: int) -> np.ndarray:
    """(S,) angle about the hand's direction that turns the back of the hand up."""
    along = _HAND * np.array([sign, 1, 1])
    wrist, index_finger, little = (
        hand(cube[f"{side}-{name}"]) for name in ("hand", "finger-2-1", "finger-5-1")
    )
    back = sign * np.cross(index_finger - wrist, little - wrist)
    up = np.array([0, 1.0, 0]) - along * along[1]
    return np.arctan2(np.cross(back, up) @ along, back @ up)


def _leg(cube: dict[str, np.ndarray], side: str, sign: int, hip: np.ndarray) -> Motions:
    flip = np.array([sign, 1, 1])
    knee, ankle, toes = (cube[f"{side}-{name}"] for name in ("knee", "ankle", "foot-1"))
    thigh = Rigid.about(align(knee - hip, _THIGH * flip), hip)
    shin = _aim(thigh, knee, ankle, _SHIN * flip)
    forward = toes - ankle
    yaw = sign * _TOES_OUT - np.arctan2(forward[:, 0], forward[:, 2])
    sole = turn(np.broadcast_to([0, 1.0, 0], hip.shape), yaw)  # level: the foot only turns about y
    foot = Rigid(sole, shin(ankle) - np.einsum("sij,sj->si", sole, ankle))
    return {f"thigh.{side}": thigh, f"shin.{side}": shin, f"foot.{side}": foot}


def _aim(parent: Rigid, start: np.ndarray, end: np.ndarray, direction: np.ndarray) -> Rigid:
    """The parent's motion, then the turn about the moved `start` that points the bone."""
    origin = parent(start)
    return Rigid.about(align(parent(end) - origin, direction), origin) @ parent


def _cube_part(cube: str) -> str:
    side, _, name = cube.partition("-")
    if side not in ("l", "r"):
        return "head" if cube in ("neck", "head") else "trunk"
    part = "hand" if name.startswith("finger") else _CUBE_PARTS[name]
    return part if part in ("head", "trunk") else f"{part}.{side}"


def _bone_part(bone: str) -> str:
    name, _, side = bone.partition(".")
    if name.startswith(("finger", "metacarpal")):
        return f"hand.{side.lower()}"
    if name.startswith("toe"):
        return f"foot.{side.lower()}"
    if name in _PARTS:
        return f"{_PARTS[name]}.{side.lower()}"
    return "trunk" if name in ("root", "pelvis", "breast") or name.startswith("spine") else "head"


def _part_weights(human: MakeHuman, kept: np.ndarray, parts: list[str]) -> np.ndarray:
    weights = np.zeros((len(kept), len(parts)))
    for bone, weight in human.bone_weights.items():
        weights[:, parts.index(_bone_part(bone))] += weight[kept]
    return weights / weights.sum(1, keepdims=True)


def _skin(weights: np.ndarray, motions: list[Rigid], vertices: np.ndarray) -> np.ndarray:
    """Linear blend skinning of (S, n, 3) by one motion per column of `weights` (n, parts)."""
    posed = np.empty_like(vertices)
    for s in range(len(vertices)):
        rotation = np.stack([m.rotation[s] for m in motions]).reshape(len(motions), 9)
        translation = np.stack([m.translation[s] for m in motions])
        blended = (weights @ rotation).reshape(-1, 3, 3)
        posed[s] = np.einsum("vij,vj->vi", blended, vertices[s]) + weights @ translation
    return posed
