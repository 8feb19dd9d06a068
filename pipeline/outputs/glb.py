"""`export=[glb]`: <name>.glb for Blender, three.js, Unity and others: bodies, motion, camera."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipeline.outputs.gltf import Document
from pipeline.outputs.gltf_person import Mesher, add_animation, add_person
from pipeline.outputs.scene import Scene
from pipeline.outputs.scene_format import SceneFormat

_NEAR, _FAR = 0.05, 1000.0  # m
_OPENCV_TO_GLTF = np.diag([1.0, -1.0, -1.0, 1.0])  # a glTF camera looks along -z with y up (3.10)


@dataclass
class Glb(SceneFormat):
    """One skinned, animated body per person, and the camera that sees what the picture shows."""

    name: ClassVar[str] = "glb"

    def files(self, scene: Scene) -> dict[str, bytes]:
        """The one file."""
        return {".glb": glb_bytes(scene)}


def glb_bytes(scene: Scene) -> bytes:
    """The scene as a GLB, made in memory; docs/exports.md has its conventions."""
    gltf = Document()
    roots, mesher = [_camera(gltf, scene)], Mesher(gltf, scene.body)
    people = [add_person(gltf, mesher, actor) for actor in scene.actors]
    for person in people:
        roots += [person.node, person.body]
    if scene.n_frames > 1 and people:
        add_animation(gltf, scene, people)
    gltf.add("scenes", name=scene.name, nodes=roots)
    extras = {
        "world": scene.world,
        "fps": scene.fps,
        "n_frames": scene.n_frames,
        "gender": scene.gender,
        "official_betas": scene.official,
        "largest_skin_weight_left_out": round(mesher.left_out, 4),
    }
    asset = {"version": "2.0", "generator": "smplify-pipeline", "extras": extras}
    return gltf.glb(asset=asset, scene=0)


def _camera(gltf: Document, scene: Scene) -> int:
    """The node of the fitted camera. In glTF the principal point is the middle of the image; that
    of a cropped photo is in `extras` only."""
    from scipy.spatial.transform import Rotation

    width, height = scene.image_size
    lens = {
        "yfov": float(2 * np.arctan(height / (2 * scene.focal_length))),
        "aspectRatio": width / height,
        "znear": _NEAR,
        "zfar": _FAR,
    }
    extras = {
        "focal_length_px": scene.focal_length,
        "center_px": list(scene.center),
        "image_size_px": [width, height],
    }
    camera = gltf.add("cameras", name="camera", type="perspective", perspective=lens, extras=extras)
    pose = scene.world_from_camera @ _OPENCV_TO_GLTF
    return gltf.add(
        "nodes",
        name="camera",
        camera=camera,
        translation=pose[:3, 3].tolist(),
        rotation=Rotation.from_matrix(pose[:3, :3]).as_quat().tolist(),
    )
