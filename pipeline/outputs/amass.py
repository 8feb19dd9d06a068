"""`export=[amass]`: <name>-person0-amass.npz, motion in the form of AMASS, for its many tools."""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import numpy as np

from fitting.body.body_model import BodyModel
from pipeline.outputs.actor import Actor, rest_joints
from pipeline.outputs.scene import Scene
from pipeline.outputs.scene_format import SceneFormat, ending_of
from pipeline.storage.cache import npz_bytes

_Y_UP_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_N_POSES = 156  # 52 joints of SMPL-H: the first 22 are SMPL's, then 15 for each hand
_N_BODY = 66
_N_BETAS = 16


class Betas(Enum):
    """Whether betas are written; only those of official bodies mean anything to other programs."""

    auto = "auto"
    write = "write"
    zero = "zero"


@dataclass
class Amass(SceneFormat):
    """One npz per person. betas: auto writes those of official bodies, zeros for others."""

    name: ClassVar[str] = "amass"
    betas: Betas = Betas.auto

    def files(self, scene: Scene) -> dict[str, bytes]:
        """One file per person."""
        return {
            ending_of(actor, "-amass.npz"): bytes(npz_bytes(amass_arrays(actor, scene, self.betas)))
            for actor in scene.actors
        }


def amass_arrays(actor: Actor, scene: Scene, betas: Betas = Betas.auto) -> dict[str, np.ndarray]:
    """A person under the keys of AMASS, every frame from the first to the last.

    z is up. SMPL-H's hands are straight, and it has no place for SMPL's two hand joints.
    docs/exports.md has the keys that we add.
    """
    from scipy.spatial.transform import Rotation

    whole = actor.filled()
    pelvis = whole.pelvis @ _Y_UP_TO_Z_UP.T
    shape, place = written_shape(whole, scene, betas)
    turn = Rotation.from_matrix(_Y_UP_TO_Z_UP)
    poses = np.zeros((len(whole.frames), _N_POSES))
    poses[:, :_N_BODY] = whole.pose[:, :22].reshape(-1, _N_BODY)
    poses[:, :3] = (turn * Rotation.from_rotvec(whole.pose[:, 0])).as_rotvec()
    rate = np.array(scene.rate)
    return {
        "poses": poses,
        "trans": pelvis - place,
        "betas": np.pad(shape, (0, max(0, _N_BETAS - len(shape)))),
        "gender": np.array(scene.gender),
        "mocap_framerate": rate,  # SMPL-H's files
        "mocap_frame_rate": rate,  # SMPL-X's
        "pelvis": pelvis,
        "fitted_betas": whole.betas,
        "found": np.isin(whole.frames, actor.frames),
        "first_frame": np.array(whole.first),
        "track": np.array(whole.track),
        "world": np.array(f"{scene.world}; then turned so that z is up"),
    }


def written_shape(actor: Actor, scene: Scene, betas: Betas) -> tuple[np.ndarray, np.ndarray]:
    """The betas to write, and the resting place (3,) of the pelvis in a body of that shape, m.

    A reader places the pelvis at its own pelvis at rest plus trans.
    """
    if betas is Betas.write or (betas is Betas.auto and scene.official):
        return actor.betas, actor.rest[0]
    zero = np.zeros_like(actor.betas)
    return zero, _mean_pelvis(scene.body, zero)


def _mean_pelvis(body: BodyModel, zero: np.ndarray) -> np.ndarray:
    return rest_joints(body, zero[None])[0, 0]
