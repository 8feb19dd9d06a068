"""A person in a glTF document: the mesh in its rest pose, its skeleton, its motion."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from fitting.body.body_model import BodyModel
from fitting.body.skeleton import SMPL_24
from pipeline.drawing.mesh_renderer import track_color, vertex_normals
from pipeline.outputs.actor import Actor
from pipeline.outputs.gltf import INDICES, VERTICES, Document
from pipeline.outputs.scene import Scene

_INFLUENCES = 4  # joints per vertex that every reader of glTF knows (3.7.3.3)
_ROUGHNESS = 0.8


@dataclass(frozen=True)
class Person:
    """Nodes of a person: the parent of the skeleton, the body, the joints in SMPL's order."""

    actor: Actor
    node: int
    body: int
    joints: tuple[int, ...]


class Mesher:
    """Adds bodies to a document; faces and skin weights, which all of them share, are added once.

    Pose blend shapes, which only official bodies have, cannot be written, because glTF's skins only
    bend by linear blending. They do not affect joints.
    """

    def __init__(self, gltf: Document, body: BodyModel) -> None:
        self._gltf, self.body = gltf, body
        self._shared: dict[str, Any] = {}
        self.left_out = 0.0  # largest skin weight left out, of vertices that have more than four

    def add(self, actor: Actor, name: str) -> int:
        """The mesh of a person in the rest pose, with the shape baked in."""
        gltf, body = self._gltf, self.body
        if not self._shared:
            self._share()
        shape = body.shapedirs[..., : len(actor.betas)] @ actor.betas
        vertices = (body.v_template + shape).astype(np.float32)
        normals = vertex_normals(vertices, body.faces).astype(np.float32)
        normals[~normals.any(1)] = (0, 0, 1)  # vertices without a face: unit length is required
        attributes = {
            "POSITION": gltf.array(vertices, target=VERTICES, bounds=True),
            "NORMAL": gltf.array(normals, target=VERTICES),
            **self._shared["attributes"],
        }
        indices, material = self._shared["indices"], self._material(actor.track, name)
        primitive = {"attributes": attributes, "indices": indices, "material": material}
        return gltf.add("meshes", name=name, primitives=[primitive])

    def _share(self) -> None:
        weights = self.body.weights
        joints = np.argsort(-weights, axis=1, kind="stable")[:, :_INFLUENCES]
        kept = np.take_along_axis(weights, joints, axis=1)
        self.left_out = max(0.0, float(1 - (kept.sum(1) / weights.sum(1)).min()))
        joints = np.where(kept > 0, joints, 0).astype(np.uint8)
        kept = (kept / kept.sum(1, keepdims=True)).astype(np.float32)
        small = len(self.body.v_template) < 2**16 - 1
        faces = self.body.faces.ravel().astype(np.uint16 if small else np.uint32)
        self._shared = {
            "attributes": {
                "JOINTS_0": self._gltf.array(joints, target=VERTICES),
                "WEIGHTS_0": self._gltf.array(kept, target=VERTICES),
            },
            "indices": self._gltf.array(faces, target=INDICES),
        }

    def _material(self, track: int, name: str) -> int:
        color = [*_linear(track_color(track)).tolist(), 1.0]
        pbr = {"baseColorFactor": color, "metallicFactor": 0.0, "roughnessFactor": _ROUGHNESS}
        return self._gltf.add("materials", name=name, pbrMetallicRoughness=pbr)


def add_person(gltf: Document, mesher: Mesher, actor: Actor) -> Person:
    """Add a person in the pose of their first frame."""
    name = f"person{actor.track}"
    joints = _joints(gltf, mesher.body, actor)
    node = gltf.add("nodes", name=name, children=[joints[0]], extras=_facts(actor))
    bind = np.tile(np.eye(4, dtype=np.float32), (SMPL_24.n_joints, 1, 1))
    bind[:, 3, :3] = -actor.rest  # glTF stores matrices column by column
    skin = gltf.add(
        "skins", name=f"{name}_skeleton", joints=list(joints), inverseBindMatrices=gltf.array(bind)
    )
    # The node of a skinned mesh belongs at the root; its own transform is ignored (3.7.3.3).
    body = f"{name}_body"
    mesh = gltf.add("nodes", name=body, mesh=mesher.add(actor, body), skin=skin)
    return Person(actor, node, mesh, joints)


def add_animation(gltf: Document, scene: Scene, people: list[Person]) -> None:
    """Add everybody's motion: rotations of all joints and the place of the pelvis, with keys in the
    frames in which they were found. People who are not there are shrunk to nothing."""
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []

    def key(node: int, path: str, times: int, values: np.ndarray, how: str) -> None:
        output = gltf.array(values.astype(np.float32))
        samplers.append({"input": times, "output": output, "interpolation": how})
        target = {"node": node, "path": path}
        channels.append({"sampler": len(samplers) - 1, "target": target})

    for person in people:
        actor = person.actor
        times = gltf.array((actor.frames / scene.rate).astype(np.float32), bounds=True)
        key(person.joints[0], "translation", times, actor.pelvis, "LINEAR")
        quaternions = _quaternions(actor)
        for joint, node in enumerate(person.joints):
            key(node, "rotation", times, quaternions[:, joint], "LINEAR")
        frames, there = _presence(actor, scene.n_frames)
        if len(frames) > 1:
            times = gltf.array((frames / scene.rate).astype(np.float32), bounds=True)
            key(person.node, "scale", times, np.repeat(there[:, None], 3, axis=1), "STEP")
    gltf.add("animations", name=scene.name, samplers=samplers, channels=channels)


def _joints(gltf: Document, body: BodyModel, actor: Actor) -> tuple[int, ...]:
    """The nodes of the skeleton, posed as in the first frame."""
    quaternions = _quaternions(actor)[0]
    first = len(gltf.objects["nodes"])
    for joint, name in enumerate(SMPL_24.names):
        bone = actor.rest[joint] - actor.rest[body.parents[joint]]
        children = (first + np.flatnonzero(body.parents == joint)).tolist()
        gltf.add(
            "nodes",
            name=name,
            **({"children": children} if children else {}),
            translation=(bone if joint else actor.pelvis[0]).tolist(),
            rotation=quaternions[joint].tolist(),
        )
    return tuple(range(first, first + SMPL_24.n_joints))


def _facts(actor: Actor) -> dict[str, Any]:
    """The facts about a person in the `extras` of their node."""
    return {
        "track": actor.track,
        "betas": actor.betas.tolist(),
        "first_frame": actor.first,
        "last_frame": actor.last,
        "frames_found": len(actor.frames),
        "expected_error_mm": round(1000 * actor.expected_error, 1) or None,
        "joints_off_by_one_shape_mm": round(1000 * actor.deviation, 1),
    }


def _presence(actor: Actor, n_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames at which a person appears (1) or is gone (0)."""
    keys = [(actor.first, 1.0)]
    if actor.first > 0:
        keys.insert(0, (0, 0.0))
    if actor.last + 1 < n_frames:
        keys.append((actor.last + 1, 0.0))
    frames, there = zip(*keys, strict=True)
    return np.array(frames), np.array(there)


def _quaternions(actor: Actor) -> Float32[np.ndarray, "T 24 4"]:
    """x, y, z, w; neighbours in time have the same sign, so that any reader takes the short way."""
    from scipy.spatial.transform import Rotation

    shape = (*actor.pose.shape[:2], 4)
    quaternions = Rotation.from_rotvec(actor.pose.reshape(-1, 3)).as_quat().reshape(shape)
    flips = np.einsum("tjk,tjk->tj", quaternions[1:], quaternions[:-1]) < 0
    signs = np.where(np.cumsum(flips, axis=0) % 2, -1.0, 1.0)
    quaternions[1:] *= signs[..., None]
    return quaternions.astype(np.float32)


def _linear(color: np.ndarray) -> np.ndarray:
    """sRGB 0..255 -> linear 0..1, as glTF's factors are (3.9.2); IEC 61966-2-1."""
    c = color / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
