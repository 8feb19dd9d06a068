"""Where fits start: what is seen of each person, and the states from which the stages begin."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fitting.camera import Camera
from fitting.fit_config import FitConfig, StartPose
from fitting.joints import EXTRA, HIPS, LSP_14, N_LSP, TORSO, Keypoints
from fitting.objective.model import Model
from fitting.objective.residuals import Observations
from fitting.rotations import matrix_from_quaternion
from fitting.rows import Rows
from fitting.starts.fusion import Fusion
from fitting.starts.initialize import start_orientation, start_translation, turned
from fitting.starts.landmarks import on_the_body
from fitting.starts.lifter import Lifter
from fitting.starts.retrieval import TORSO_LENGTH, PoseLibrary
from fitting.starts.unseen_legs import legs_unseen, with_hanging_legs

_LIFTED_FLOOR = 0.02  # m; no lifted joint is surer than this
_MOVES = 2  # of landmarks onto the body: the limbs point a little otherwise when lifted again


@dataclass(frozen=True)
class Starts(Rows):
    """One row per start, the starts of a person in any order.

    Args:
        x: states (fitting.objective.objective).
        seen: of the person, with the size and depth that this start gives them.
        person: row among the people.
        hypothesis: number of the start among those of the person.
        iterations: of the solver, spent so far.
        status: of the last stage.
    """

    x: Float[Tensor, "R S"]
    seen: Observations
    person: Int[Tensor, " R"]
    hypothesis: Int[Tensor, " R"]
    iterations: Int[Tensor, " R"]
    status: Int[Tensor, " R"]


def uses_extras(keypoints: Keypoints, config: FitConfig) -> Bool[np.ndarray, " N"]:
    """Which people have points of face and feet to fit."""
    return (config.extra_weight > 0) & (keypoints.extra_confidence > 0).any(1)


def observe(
    keypoints: Keypoints,
    camera: Camera,
    lifter: Lifter | None,
    fusion: Fusion | None,
    config: FitConfig,
    device: str,
) -> Observations:
    """What the terms need to know about every person, in double precision."""

    def tensor(array: np.ndarray) -> Tensor:
        return torch.as_tensor(array, dtype=torch.float64, device=device)

    xy, confidence, per_point = keypoints.xy, keypoints.confidence, _point_weights(config)
    if uses_extras(keypoints, config).any():
        xy = np.concatenate([xy, keypoints.extra_xy], 1)
        confidence = np.concatenate([confidence, keypoints.extra_confidence], 1)
    weight = confidence
    if config.confidence_sigma:
        sure, error = np.array(config.confidence_sigma).T
        weight = np.where(weight > 0, 1 / np.interp(weight, sure, error), 0)
    focal_length = tensor(camera.focal_length)
    seen = Observations(
        xy=tensor(np.where(confidence[..., None] > 0, xy, 0)),  # may be NaN
        seen=tensor(confidence) > 0,
        weight=tensor(weight * per_point[: xy.shape[1]]),
        focal_length=focal_length,
        center=tensor(camera.center),
        scale=torch.ones_like(focal_length),
        depth=torch.zeros_like(focal_length),
        depth_unit=torch.ones_like(focal_length),
        target=torch.zeros(len(xy), N_LSP, 4, dtype=torch.float64, device=device),
    )
    if config.lifts and lifter:
        known = tensor(confidence)
        landmarks, lifted = seen, lifter.lift(seen.xy, known, focal_length, seen.center)
        for _ in range(_MOVES if config.landmark_offsets else 0):
            seen = on_the_body(landmarks, lifted.joints, config.landmark_offsets)
            lifted = lifter.lift(seen.xy, known, focal_length, seen.center)
        if fusion:
            lifted = fusion.fuse(lifted, tensor(keypoints.points_3d[:, :14]), rays_of(seen))
        sure = 1 / (lifted.sigma**2 + _LIFTED_FLOOR**2).sqrt()
        seen = replace(seen, target=torch.cat([lifted.joints, sure[..., None]], -1).to(seen.xy))
        if config.hanging_legs:
            hidden = legs_unseen(known, config.doubtful)
            seen = with_hanging_legs(seen, hidden, config.hanging_legs)
    return seen


def rays_of(seen: Observations) -> Tensor:
    """From the camera to the middle of the hips or, where one is not seen, of all that is."""
    hips = seen.seen[:, HIPS].all(1, keepdim=True)
    among = torch.where(hips, torch.zeros_like(seen.seen), seen.seen)
    among[:, HIPS] |= hips
    count = among.sum(1, keepdim=True).clamp_min(1)
    middle = (seen.xy * among[..., None]).sum(1) / count
    flat = (middle - seen.center) / seen.focal_length[:, None]
    return torch.cat([flat, torch.ones_like(flat[:, :1])], 1)


def _point_weights(config: FitConfig) -> np.ndarray:
    """The values for all POINTS."""
    of_joints = [config.joint_weights.get(name, 1.0) for name in LSP_14]
    return np.array([*of_joints, *[config.extra_weight] * len(EXTRA)])


def find_starts(
    model: Model, seen: Observations, library: PoseLibrary | None, config: FitConfig
) -> Starts:
    """The starts of every person, in double precision, which `model` must have too."""
    if config.starts and library:
        return _retrieved(model, seen, library, config)
    return _mean_pose(model, seen, config)


def _mean_pose(model: Model, seen: Observations, config: FitConfig) -> Starts:
    """One start per person: the prior's mean pose or the rest pose, turned as the settings say."""
    kinematics, batch = model.kinematics, len(seen.xy)
    xy, known = seen.xy[:, :N_LSP], seen.seen[:, :N_LSP].to(seen.xy.dtype)
    root = start_orientation(xy, known, config.camera.start)
    pose = torch.as_tensor(model.prior.mean_pose).to(root).expand(batch, -1)
    if config.camera.pose is StartPose.rest:
        pose = torch.zeros_like(pose)
    betas = root.new_zeros(batch, kinematics.n_betas)
    points = kinematics.points(matrix_from_quaternion(root), pose, betas).points[:, :N_LSP]
    transl = start_translation(points, xy, known, seen.focal_length, seen.center)
    x = torch.cat([root, pose, betas, transl], 1)
    left_shoulder, _, left_hip, _ = TORSO
    torso = (points[:, left_shoulder] - points[:, left_hip]).norm(dim=1)
    person = torch.arange(batch, device=x.device)
    return _sized(x, seen, (person, torch.zeros_like(person)), torso, config)


def _retrieved(model: Model, seen: Observations, library: PoseLibrary, config: FitConfig) -> Starts:
    """Several starts per person: poses of the library that look like the keypoints."""
    k, batch = config.starts, len(seen.xy)
    found = library.candidates(seen, k, config.lookup)
    betas = seen.xy.new_zeros(batch, k, model.kinematics.n_betas)
    x = torch.cat([found.root, found.body_pose, betas, found.transl], -1).flatten(0, 1)
    person = torch.arange(batch, device=x.device).repeat_interleave(k)
    hypothesis = torch.arange(k, device=x.device).repeat(batch)
    torso = torch.full_like(x[:, 0], TORSO_LENGTH)
    return _sized(x, seen[person], (person, hypothesis), torso, config)


def _sized(
    x: Tensor, seen: Observations, whose: tuple[Tensor, Tensor], torso: Tensor, config: FitConfig
) -> Starts:
    """Fix the size in the image, and the depth that the weights refer to."""
    depth, scale = x[:, -1], seen.scale
    if config.reference_torso:
        scale = config.reference_torso * depth / (seen.focal_length * torso)
    unit = depth if config.relative_depth else torch.ones_like(depth)
    seen = replace(seen, scale=scale, depth=depth, depth_unit=unit)
    nothing = torch.zeros_like(whose[0])
    return Starts(x, seen, *whose, nothing, nothing)


def both_ways(starts: Starts, config: FitConfig) -> Starts:
    """Every start as it is and, if the shoulders are so close that front and back cannot be told
    apart, also turned by 180 degrees."""
    seen, (left, right) = starts.seen, TORSO[:2]
    apart = (seen.xy[:, left] - seen.xy[:, right]).norm(dim=1) * seen.scale
    known = seen.seen[:, left] & seen.seen[:, right]
    side_view = (known & (apart < config.side_view_threshold)).nonzero()[:, 0]
    other = starts[side_view]
    x = torch.cat([turned(other.x[:, :4]), other.x[:, 4:]], 1)
    number = other.hypothesis + max(config.starts, 1)
    both = starts[torch.cat([torch.arange(len(starts), device=x.device), side_view])]
    return replace(
        both, x=torch.cat([starts.x, x]), hypothesis=torch.cat([starts.hypothesis, number])
    )
