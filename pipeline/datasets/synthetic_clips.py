"""Invented clips: a captured motion on a floor, a body and a camera, all of them known."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from fitting.body.body_model import BodyParams
from fitting.camera import Camera
from fitting.files.model_files import check_axes, read_npz
from fitting.joints import LSP_14, POINTS, Keypoints
from fitting.rows import Rows
from pipeline.datasets.synthetic import IMAGE_SIDE

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

    from fitting.body.kinematics import Kinematics

_LEFT_HIP, _RIGHT_SHOULDER = LSP_14.index("left_hip"), LSP_14.index("right_shoulder")
_HALF_IMAGE = 0.46  # share of the side: no joint comes closer to the edge
_NEAREST = 1.0  # m in front of the camera that every joint stays
_MIN_TORSO = 35  # px, the clip's median
_LOWEST_CAMERA = 0.3  # m above the floor
_TRIES = 50
_PAN_LAG = 1.0  # s over which a panning camera smooths the path that it follows
_PAN_SHARE = 0.8  # share of the way that it follows
_ROOT_LAG = 0.03  # s over which the walked path is smoothed
_SUPPORT_HEIGHT = 0.02  # m above the lowest sole; scale of what carrying from there costs
_SUPPORT_CHANGE = 0.3  # m/s; scale of what a change of the body's speed costs
_CONTACT_HEIGHT, _CONTACT_SPEED = 0.03, 0.12  # m, m/s: a foot's point below both stands
_SOLES = tuple(
    [POINTS.index(f"{side}_{part}") for part in parts]
    for side in ("left", "right")
    for parts in (("big_toe", "small_toe"), ("heel",))
)
"""Points of the feet that can stand: left toes, left heel, right toes, right heel."""


class CameraMotion(Enum):
    """A camera that stands still, or one that pans slowly to follow the person."""

    static = "static"
    panning = "panning"


@dataclass(frozen=True)
class Motions:
    """Captured motions: poses (T, 24, 3) rad including the root's, y up, feet down; and their
    names."""

    poses: tuple[Float[np.ndarray, "T 24 3"], ...]
    names: tuple[str, ...]
    fps: float


@dataclass(frozen=True)
class TrueFrames(Rows):
    """The truth about one clip, one row per frame, in the camera's frame (m) unless stated.

    Args:
        keypoints: of the detector; in frames in which it found nobody, those it would have given.
        found: whether it found the person.
        exchanged: joints of LSP_14 whose left and right it exchanged.
        camera: the true one.
        params: the bodies.
        joints: LSP_14.
        soles: left toes, left heel, right toes, right heel.
        contact: which of these stand on the floor, in this frame and the next.
        world_from_camera: rotation; in the world y is up and the floor at 0.
        camera_place: in the world, m.
    """

    keypoints: Keypoints
    found: Bool[np.ndarray, " T"]
    exchanged: Bool[np.ndarray, "T 14"]
    camera: Camera
    params: BodyParams
    joints: Float[np.ndarray, "T 14 3"]
    soles: Float[np.ndarray, "T 4 3"]
    contact: Bool[np.ndarray, "T 4"]
    world_from_camera: Float[np.ndarray, "T 3 3"]
    camera_place: Float[np.ndarray, "T 3"]


def load_motions(path: str | Path) -> Motions:
    """Read the motions of tools/select_test_clips.py.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such an npz, or the arrays do not fit together.
    """
    data = read_npz(path, "motions", ("pose", "frames", "trial_ids", "fps"))
    check_axes(str(path), data, {"pose": 3, "frames": 1, "trial_ids": 1, "fps": 0})
    pose, frames, names = data["pose"].astype(np.float64), data["frames"], data["trial_ids"]
    if pose.shape[1:] != (24, 3) or frames.sum() != len(pose) or len(names) != len(frames):
        raise ValueError(
            f"{path}: expected pose (T, 24, 3), T in all of frames and a name for each of these, "
            f"got {pose.shape}, {frames.sum()} in {len(frames)} and {len(names)} names"
        )
    if not len(frames) or frames.min() < 3 or not np.isfinite(pose).all():
        raise ValueError(f"{path}: expected finite motions of 3 frames or more each, got others")
    poses = tuple(np.split(pose, np.cumsum(frames)[:-1]))
    return Motions(poses, tuple(map(str, names)), float(data["fps"]))


def draw_clip(
    index: int, kinematics: "Kinematics", motions: Motions, motion: CameraMotion, seed: int
) -> TrueFrames:
    """Clip number `index`, without errors: the motions in turn, each with a new body and camera.

    Args:
        kinematics: with the points EXTRA.
        motion: of the camera.
    """
    pose = motions.poses[index % len(motions.poses)]
    stage = _Stage(pose, np.random.default_rng([seed, index, 0]), kinematics, motions.fps)
    true = stage.filmed(motion)
    for _ in range(_TRIES):
        large = np.median(torso_of(true.keypoints.xy)) >= _MIN_TORSO
        if large and true.camera_place[0, 1] >= _LOWEST_CAMERA:
            break
        true = stage.filmed(motion)
    return true


def pixels_of(true: TrueFrames) -> Float[np.ndarray, "T 14 2"]:
    """The joints' positions in the image, px."""
    return _pixels(true.joints, true.camera)


def _pixels(points: Float[np.ndarray, "T n 3"], camera: Camera) -> Float[np.ndarray, "T n 2"]:
    flat = points[..., :2] / points[..., 2:]
    return camera.focal_length[:, None, None] * flat + camera.center[:, None]


def soles_of(points: Float[np.ndarray, "T 25 3"]) -> Float[np.ndarray, "T 4 3"]:
    """Left toes, left heel, right toes, right heel of POINTS."""
    return np.stack([points[:, part].mean(1) for part in _SOLES], 1)


class _Stage:
    """A body that moves over a floor, to be filmed; world: y up, the floor at 0, m."""

    def __init__(
        self, pose: np.ndarray, rng: np.random.Generator, kinematics: "Kinematics", fps: float
    ) -> None:
        from scipy.spatial.transform import Rotation

        self._rng, self._kinematics, self._fps = rng, kinematics, fps
        self._root = Rotation.from_rotvec(pose[:, 0])
        self._body_pose = pose[:, 1:].reshape(len(pose), 69).copy()
        self._body_pose[:, 63:] = 0  # hands are not captured
        betas = rng.normal(0, 0.8, kinematics.n_betas).clip(-2, 2)
        self._betas = np.tile(betas, (len(pose), 1))
        points, pelvis = self._posed(self._root)
        self._pelvis = _walked(soles_of(points) - pelvis[:, None], fps)
        self._world = points + (self._pelvis - pelvis)[:, None]

    def filmed(self, motion: CameraMotion) -> TrueFrames:
        """The clip that the next camera sees, without errors."""
        rotation, place, focal_length = self._shot(motion)
        root = rotation * self._root
        points, pelvis = self._posed(root)
        transl = rotation.apply(self._pelvis - place) - pelvis
        points = points + transl[:, None]
        frames = len(points)
        center = np.full((frames, 2), (IMAGE_SIDE - 1) / 2)
        camera = Camera(np.full(frames, focal_length), center)
        pixels = _pixels(points, camera)
        return TrueFrames(
            keypoints_of(pixels, np.ones(pixels.shape[:2])),
            np.ones(frames, bool),
            np.zeros((frames, 14), bool),
            camera,
            BodyParams(self._betas, root.as_rotvec(), self._body_pose, transl),
            points[:, :14],
            soles_of(points),
            _standing(soles_of(self._world), self._fps),
            rotation.inv().as_matrix(),
            np.tile(place, (frames, 1)),
        )

    def _posed(self, root: "Rotation") -> tuple[np.ndarray, np.ndarray]:
        """Points (T, 25, 3) and the pelvis (T, 3) without translation."""
        import torch

        posed = self._kinematics.points(
            *(torch.as_tensor(a) for a in (root.as_matrix(), self._body_pose, self._betas))
        )
        return posed.points.numpy(), posed.joints[:, 0].numpy()

    def _shot(self, motion: CameraMotion) -> tuple["Rotation", np.ndarray, float]:
        """A camera that has the whole clip in the picture: its rotation from the world (in each
        frame), its place, and its focal length in px."""
        from scipy.spatial.transform import Rotation

        tilt = Rotation.from_euler("x", np.pi + self._rng.normal(0, 0.15))
        first = tilt * Rotation.from_euler("y", self._rng.uniform(-np.pi, np.pi))
        focal_length = self._rng.uniform(0.8, 1.8) * IMAGE_SIDE
        seen = first.apply(self._world[:, :14].reshape(-1, 3))
        middle = first.inv().apply((seen.min(0) + seen.max(0)) / 2)
        distance = 2.0
        while True:
            place = middle - distance * first.inv().apply([0, 0, 1])
            turn = Rotation.from_euler("y", self._pan(first, place, motion))
            rotation = first * turn.inv()
            x = np.einsum("tab,tnb->tna", rotation.as_matrix(), self._world[:, :14] - place)
            half = focal_length * np.abs(x[..., :2]) / np.maximum(x[..., 2:], 0.3)
            if x[..., 2].min() > _NEAREST and half.max() < _HALF_IMAGE * IMAGE_SIDE:
                return rotation, place, focal_length
            distance *= 1.05

    def _pan(self, first: "Rotation", place: np.ndarray, motion: CameraMotion) -> np.ndarray:
        """The camera's turn in each frame, rad about the world's y."""
        if motion is CameraMotion.static:
            return np.zeros(len(self._pelvis))
        from scipy.ndimage import gaussian_filter1d

        ahead = first.inv().apply([0, 0, 1])
        to = self._pelvis - place
        angle = np.arctan2(to[:, 0], to[:, 2]) - np.arctan2(ahead[0], ahead[2])
        angle = (angle + np.pi) % (2 * np.pi) - np.pi
        return gaussian_filter1d(_PAN_SHARE * angle, _PAN_LAG * self._fps, mode="nearest")


def _walked(soles: Float[np.ndarray, "T 4 3"], fps: float) -> Float[np.ndarray, "T 3"]:
    """The pelvis's path, given the soles relative to it: the lowest point stands on the floor, and
    the sole that carries the body does not slide."""
    from scipy.ndimage import gaussian_filter1d

    steps = -np.diff(soles, axis=0)
    carried = steps[np.arange(len(steps)), _support(soles, steps, fps)]
    path = np.concatenate([np.zeros((1, 3)), np.cumsum(carried, 0)])
    path[:, 1] = -soles[..., 1].min(1)
    return gaussian_filter1d(path, _ROOT_LAG * fps, axis=0, mode="nearest")


def _support(
    soles: Float[np.ndarray, "T 4 3"], steps: Float[np.ndarray, "T-1 4 3"], fps: float
) -> Int[np.ndarray, " T-1"]:
    """The sole that carries the body from each frame to the next: a low one, chosen so that the
    body's speed does not jump (the path of least cost, by dynamic programming)."""
    above = soles[..., 1] - soles[..., 1].min(1, keepdims=True)
    height = 0.5 * (np.maximum(above[1:], above[:-1]) / _SUPPORT_HEIGHT) ** 2
    speed = fps * steps[..., [0, 2]]
    cost, before = height[0], []
    for now in range(1, len(steps)):
        change = np.linalg.norm(speed[now][:, None] - speed[now - 1][None], axis=-1)
        total = cost + change / _SUPPORT_CHANGE
        before.append(total.argmin(1))
        cost = total.min(1) + height[now]
    path = [int(cost.argmin())]
    for choice in reversed(before):
        path.append(int(choice[path[-1]]))
    return np.array(path[::-1])


def _standing(soles: Float[np.ndarray, "T 4 3"], fps: float) -> Bool[np.ndarray, "T 4"]:
    """Which soles stand in a frame and the next one; none in the last frame."""
    speed = fps * np.linalg.norm(np.diff(soles, axis=0), axis=-1)
    height = np.maximum(soles[1:, :, 1], soles[:-1, :, 1])
    stands = (speed < _CONTACT_SPEED) & (height < _CONTACT_HEIGHT)
    return np.concatenate([stands, np.zeros((1, 4), bool)])


def torso_of(xy: Float[np.ndarray, "T 14 2"]) -> Float[np.ndarray, " T"]:
    """Right shoulder to left hip of each frame, px."""
    return np.linalg.norm(xy[:, _RIGHT_SHOULDER] - xy[:, _LEFT_HIP], axis=1)


def keypoints_of(pixels: np.ndarray, confidence: np.ndarray) -> Keypoints:
    """One person, one row per frame."""
    frames = np.arange(len(pixels), dtype=np.int32)
    pixels, confidence = pixels.astype(np.float32), confidence.astype(np.float32)
    return Keypoints(
        frames,
        np.zeros_like(frames),
        pixels[:, :14],
        confidence[:, :14],
        pixels[:, 14:],
        confidence[:, 14:],
    )
