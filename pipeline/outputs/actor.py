"""One person through a clip, in the form that other programs need: upright, with one shape."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float64, Int

from fitting.body.body_model import BodyModel, BodyParams
from fitting.result import FitResult

Matrix4 = Float64[np.ndarray, "4 4"]
_SAME = 1e-9  # betas that differ by less are the same


@dataclass(frozen=True)
class Actor:
    """A person in the frames in which they were found.

    Args:
        track: the person's number in the clip.
        frames: ascending.
        betas: one shape for all frames.
        rest: SMPL's 24 joints of that shape in the rest pose, m.
        pose: axis-angle of the 24 joints, rad: the pelvis in the world, the others relative to
            their parents.
        pelvis: position of the pelvis joint in the world, m.
        expected_error: mean over the frames, m; 0 if it is not known.
        deviation: how far a joint is at most from its place in the fit of its frame, m. It is 0
            unless the frames were fitted with shapes of their own.
    """

    track: int
    frames: Int[np.ndarray, " T"]
    betas: Float64[np.ndarray, " n_betas"]
    rest: Float64[np.ndarray, "24 3"]
    pose: Float64[np.ndarray, "T 24 3"]
    pelvis: Float64[np.ndarray, "T 3"]
    expected_error: float
    deviation: float

    @property
    def first(self) -> int:
        return int(self.frames[0])

    @property
    def last(self) -> int:
        return int(self.frames[-1])

    @property
    def transl(self) -> Float64[np.ndarray, "T 3"]:
        """The translation that smplx adds to the posed body, which it turns about the resting
        pelvis."""
        return self.pelvis - self.rest[0]

    def params(self) -> BodyParams:
        """The bodies in the world, one row per frame."""
        n = len(self.frames)
        betas, pose = np.tile(self.betas, (n, 1)), self.pose.reshape(n, -1)
        return BodyParams(betas, pose[:, :3], pose[:, 3:], self.transl)

    def filled(self) -> "Actor":
        """The same with a row for every frame from the first to the last, because formats with a
        constant frame rate have no gaps. Joints take the shortest turn, the pelvis a straight
        line."""
        if self.last - self.first + 1 == len(self.frames):
            return self
        from scipy.spatial.transform import Rotation, Slerp

        every = np.arange(self.first, self.last + 1)
        turned = [
            Slerp(self.frames, Rotation.from_rotvec(self.pose[:, joint]))(every).as_rotvec()
            for joint in range(self.pose.shape[1])
        ]
        pelvis = [np.interp(every, self.frames, self.pelvis[:, axis]) for axis in range(3)]
        return replace(
            self, frames=every, pose=np.stack(turned, axis=1), pelvis=np.stack(pelvis, axis=1)
        )


def actor_of(rows: FitResult, body: BodyModel, world_from_camera: Matrix4) -> Actor:
    """One person of a clip.

    If the frames have shapes of their own, the person gets the mean shape. In each frame they are
    moved so that the joints appear where they were (`_shift`): a taller person fits the same
    picture from farther away.

    Args:
        rows: of one track, at least one, all of them fitted.
    """
    from scipy.spatial.transform import Rotation

    params = rows.params
    pose = np.concatenate([params.global_orient, params.body_pose], 1).reshape(-1, 24, 3)
    one_shape = bool((np.abs(params.betas - params.betas[0]) < _SAME).all())
    betas = params.betas[0] if one_shape else params.betas.mean(0)
    rest = rest_joints(body, betas[None])
    pelvis, deviation = rest[:, 0] + params.transl, 0.0
    if not one_shape:
        pelvis, deviation = _moved(rest, rest_joints(body, params.betas), body, pose, params.transl)
    turn = Rotation.from_matrix(world_from_camera[:3, :3])
    pose[:, 0] = (turn * Rotation.from_rotvec(pose[:, 0])).as_rotvec()
    known = rows.expected_error[rows.expected_error > 0]
    return Actor(
        track=int(rows.track[0]),
        frames=rows.frame.astype(int),
        betas=betas,
        rest=rest[0],
        pose=pose,
        pelvis=turn.apply(pelvis) + world_from_camera[:3, 3],
        expected_error=float(known.mean()) if len(known) else 0.0,
        deviation=deviation,
    )


def rest_joints(
    body: BodyModel, betas: Float[np.ndarray, "N n_betas"]
) -> Float64[np.ndarray, "N 24 3"]:
    """SMPL's joints in the rest pose, m."""
    used = body.shapedirs[..., : betas.shape[1]]
    by_shape = np.einsum("jv,vcb->jcb", body.J_regressor, used)
    return body.J_regressor @ body.v_template + np.einsum("jcb,nb->njc", by_shape, betas)


def posed_joints(
    rest: Float[np.ndarray, "N 24 3"],
    parents: Int[np.ndarray, "24"],
    pose: Float[np.ndarray, "T 24 3"],
    pelvis: Float[np.ndarray, "T 3"],
) -> Float64[np.ndarray, "T 24 3"]:
    """Positions of the joints, m.

    Args:
        rest: for each row, or one for all.
    """
    from scipy.spatial.transform import Rotation

    local = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().reshape(*pose.shape[:2], 3, 3)
    world, joints = local.copy(), np.empty(pose.shape)
    joints[:, 0] = pelvis
    for joint in range(1, len(parents)):
        parent = parents[joint]
        world[:, joint] = world[:, parent] @ local[:, joint]
        bone = np.broadcast_to(rest[:, joint] - rest[:, parent], (len(pose), 3))
        joints[:, joint] = joints[:, parent] + np.einsum("tij,tj->ti", world[:, parent], bone)
    return joints


def _moved(
    rest: Float[np.ndarray, "1 24 3"],
    rests: Float[np.ndarray, "T 24 3"],
    body: BodyModel,
    pose: Float[np.ndarray, "T 24 3"],
    transl: Float[np.ndarray, "T 3"],
) -> tuple[Float64[np.ndarray, "T 3"], float]:
    """The path (T, 3) of the shared shape's pelvis, and how far any joint is then off, m."""
    pelvis = rests[:, 0] + transl
    own = posed_joints(rests, body.parents, pose, pelvis)
    shared = posed_joints(rest, body.parents, pose, pelvis)
    shift = _shift(shared, own)
    off = np.linalg.norm(shared + shift[:, None] - own, axis=-1)
    return pelvis + shift, float(off.max())


def _shift(
    shared: Float[np.ndarray, "T 24 3"], own: Float[np.ndarray, "T 24 3"]
) -> Float[np.ndarray, "T 3"]:
    """The shift that brings joints nearest to where others are seen, by least squares.

    A joint X + d appears at Y's place if (X_x + d_x) Y_z = Y_x (X_z + d_z), and likewise for y.
    Each equation is divided by Y_z^2, so that it counts by how far the joint moves in the picture.
    """
    depth = own[..., 2:]
    seen = own[..., :2] / depth
    rows = np.zeros((*own.shape[:2], 2, 3))
    rows[..., 0, 0] = rows[..., 1, 1] = 1
    rows[..., 2] = -seen
    missing = seen * shared[..., 2:] - shared[..., :2]
    left = (rows / depth[..., None]).reshape(len(own), -1, 3)
    right = (missing / depth).reshape(len(own), -1, 1)
    turned = left.swapaxes(-1, -2)
    return np.linalg.solve(turned @ left, turned @ right)[..., 0]
