"""`export=[smpl]`: <name>-person0.smpl, the file of Meshcapade's tools.

It is an npz of eight numeric arrays. We write them ourselves, and the tests read them back with
`smplcodec`, the package that defines them: a package cannot vouch for itself.
"""

import io
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fitting.body.skeleton import SMPL_24
from pipeline.outputs.actor import Actor
from pipeline.outputs.amass import Betas, written_shape
from pipeline.outputs.scene import Scene
from pipeline.outputs.scene_format import SceneFormat, ending_of

_CODEC = 2  # version of the format
_SMPL = 0  # number of the model SMPL in the format
_GENDERS = ("neutral", "male", "female")


@dataclass
class SmplFile(SceneFormat):
    """One file per person. betas: auto writes those of official bodies, zeros for others."""

    name: ClassVar[str] = "smpl"
    betas: Betas = Betas.auto

    def files(self, scene: Scene) -> dict[str, bytes]:
        """One file per person."""
        return {
            ending_of(actor, ".smpl"): smpl_bytes(actor, scene, self.betas)
            for actor in scene.actors
        }


def smpl_bytes(actor: Actor, scene: Scene, betas: Betas = Betas.auto) -> bytes:
    """A person as a .smpl file of the model SMPL, every frame from the first to the last; y up."""
    whole = actor.filled()
    shape, place = written_shape(whole, scene, betas)
    n = len(whole.frames)
    arrays = {
        "codecVersion": np.array(_CODEC, np.int32),
        "smplVersion": np.array(_SMPL, np.int32),
        "gender": np.array(_GENDERS.index(scene.gender), np.int32),
        "shapeParameters": shape.astype(np.float32),
        "frameCount": np.array(n, np.int32),
        "frameRate": np.array(scene.rate, np.float32),
        "bodyTranslation": (whole.pelvis - place).astype(np.float32),
        "bodyPose": whole.pose.reshape(n, SMPL_24.n_joints, 3).astype(np.float32),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # pyright: ignore[reportArgumentType]  (numpy's stub)
    return buffer.getvalue()
