"""`export=[bvh]`: <name>-person0.bvh, a skeleton and its motion, for Blender, MotionBuilder, Unity.

No package that writes BVH is well kept, and the format is a page of text.
"""

import io
import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from fitting.body.body_model import BodyModel
from fitting.body.skeleton import SMPL_24
from fitting.joints import EXTRA
from pipeline.outputs.actor import Actor
from pipeline.outputs.scene import Scene
from pipeline.outputs.scene_format import SceneFormat, ending_of

_CM = 100.0  # per m; tools that read BVH expect cm
_ORDER = "ZXY"  # R = Rz Rx Ry, as the channels are listed


@dataclass
class Bvh(SceneFormat):
    """One file per person: the skeleton of their shape in cm, y up."""

    name: ClassVar[str] = "bvh"

    def files(self, scene: Scene) -> dict[str, bytes]:
        """One file per person."""
        return {ending_of(actor, ".bvh"): bvh_text(actor, scene).encode() for actor in scene.actors}


def bvh_text(actor: Actor, scene: Scene) -> str:
    """A person as BVH, every frame from the first to the last."""
    whole = actor.filled()
    order: list[int] = []
    hierarchy = "\n".join(_lines(whole, scene.body, 0, 0, order))
    values = np.concatenate([_CM * whole.pelvis, _angles(whole)[:, order].reshape(-1, 72)], axis=1)
    frames = io.StringIO()
    np.savetxt(frames, values, fmt="%.5f")
    return (
        f"HIERARCHY\n{hierarchy}\nMOTION\nFrames: {len(values)}\n"
        f"Frame Time: {1 / scene.rate:.8f}\n{frames.getvalue()}"
    )


def _lines(actor: Actor, body: BodyModel, joint: int, depth: int, order: list[int]) -> list[str]:
    """A joint and all below it; `order` gets them in the order of the actor's columns."""
    order.append(joint)
    indent, inner = "\t" * depth, "\t" * (depth + 1)
    # Only channels place the root, because readers differ on whether they add an offset.
    bone = actor.rest[joint] - actor.rest[body.parents[joint]] if joint else np.zeros(3)
    turns = " ".join(f"{axis}rotation" for axis in _ORDER)
    places = "Xposition Yposition Zposition "
    lines = [
        f"{indent}{'JOINT' if joint else 'ROOT'} {SMPL_24.names[joint]}",
        f"{indent}{{",
        f"{inner}OFFSET {_offset(bone)}",
        f"{inner}CHANNELS {'3 ' if joint else '6 ' + places}{turns}",
    ]
    children = np.flatnonzero(body.parents == joint)
    for child in children:
        lines += _lines(actor, body, int(child), depth + 1, order)
    if not len(children):
        end = _offset(_end(actor, body, joint))
        lines += [f"{inner}End Site", f"{inner}{{", f"{inner}\tOFFSET {end}", f"{inner}}}"]
    return [*lines, f"{indent}}}"]


def _end(actor: Actor, body: BodyModel, joint: int) -> Float[np.ndarray, "3"]:
    """Where the last bone of a chain ends, from its joint: toes, top of the head, finger tips."""
    shape = body.shapedirs[..., : len(actor.betas)] @ actor.betas
    vertices = body.v_template + shape
    name = SMPL_24.names[joint]
    if name == "head":
        return vertices[body.head_top] - actor.rest[joint]
    toe = name.replace("foot", "big_toe")
    if toe in EXTRA:
        return vertices[body.landmarks[EXTRA.index(toe)]] - actor.rest[joint]
    return actor.rest[joint] - actor.rest[body.parents[joint]]  # of the palm's length


def _angles(actor: Actor) -> Float[np.ndarray, "T 24 3"]:
    """Degrees in the order of the channels, without jumps of a full turn."""
    from scipy.spatial.transform import Rotation

    turns = Rotation.from_rotvec(actor.pose.reshape(-1, 3))
    with warnings.catch_warnings():  # at a quarter turn about x, many angles are right
        warnings.filterwarnings("ignore", "Gimbal lock detected")
        angles = turns.as_euler(_ORDER, degrees=True)
    return np.unwrap(angles.reshape(actor.pose.shape), axis=0, period=360)


def _offset(place: Float[np.ndarray, "3"]) -> str:
    return " ".join(f"{_CM * value:.6f}" for value in place)
