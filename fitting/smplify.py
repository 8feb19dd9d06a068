"""SMPLify (Bogo et al., "Keep it SMPL", ECCV 2016): camera stage, then body stages with falling
weights, for all rows and all their starts in one batch."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from fitting.body_model import BodyModel, BodyParams
from fitting.camera import Camera, project
from fitting.fit_config import PARAMETERS, FitConfig, Joints
from fitting.initialize import enough_to_fit, start_orientation, start_translation, turned
from fitting.joints import LSP_14, TORSO, Keypoints
from fitting.kinematics import Kinematics
from fitting.levenberg_marquardt import minimize
from fitting.objective import Model, Objective
from fitting.priors import PosePrior
from fitting.residuals import Observations, Weights
from fitting.result import FitResult
from fitting.retrieval import TORSO_LENGTH, PoseLibrary
from fitting.rotations import matrix_from_quaternion, vector_from_quaternion
from fitting.rows import Rows
from fitting.status import Status


def fit(
    keypoints: Keypoints, camera: Camera, body: BodyModel, prior: PosePrior, config: FitConfig,
    device: str = "cpu",
    library: PoseLibrary | None = None,
) -> FitResult:  # fmt: skip
    """Fit the body to every row of keypoints.

    Args:
        keypoints: N rows, of any mixture of images.
        camera: N rows.
        body: with config.n_betas shape coefficients or more.
        prior: over body_pose.
        config: stages and weights.
        device: torch device.
        library: of poses to start from; needed where config.starts is above 0.

    Returns:
        N rows in the order of the keypoints. A row that cannot be fitted has a status that says so.
    """
    if len(camera.focal_length) != len(keypoints):
        raise ValueError(f"camera: expected {len(keypoints)} rows, got {len(camera.focal_length)}")
    if config.starts and library is None:
        raise ValueError(f"fit.starts is {config.starts}: a pose library is needed")
    rows = np.flatnonzero(enough_to_fit(keypoints.xy, keypoints.confidence))
    result = _placeholder(keypoints, camera, prior, config.n_betas)
    if not len(rows):
        return result
    with torch.no_grad():
        model = Model(Kinematics(body, config.n_betas, device), prior)
        seen = _observe(keypoints[rows], camera[rows], config, device)
        if config.starts and library is not None:
            starts = _retrieved(model, seen, library, config)
        else:
            starts = _mean_pose(model, seen, config)
        starts = _camera_stage(model, starts, config)
        fitted = _body_stages(model, _both_ways(starts, config), config)
        return _with_rows(result, rows, model, seen, fitted)


@dataclass(frozen=True)
class _Starts(Rows):
    """Where fits start: states, what each sees, the person each is of, its number among the
    person's starts, and the iterations spent on it."""

    x: Tensor
    seen: Observations
    person: Tensor
    hypothesis: Tensor
    iterations: Tensor


@dataclass(frozen=True)
class _Fitted(Rows):
    """The chosen fit of each row: state, cost, status, iterations over all stages, start."""

    x: Tensor
    cost: Tensor
    status: Tensor
    iterations: Tensor
    hypothesis: Tensor


def _observe(keypoints: Keypoints, camera: Camera, config: FitConfig, device: str) -> Observations:
    def tensor(array: np.ndarray) -> Tensor:
        return torch.as_tensor(array, dtype=torch.float64, device=device)

    weight = keypoints.confidence
    if config.confidence_sigma:
        confidence, error = np.array(config.confidence_sigma).T
        weight = np.where(weight > 0, 1 / np.interp(weight, confidence, error), 0)
    per_joint = np.array([config.joint_weights.get(name, 1.0) for name in LSP_14])
    focal_length = tensor(camera.focal_length)
    return Observations(
        xy=tensor(np.where(keypoints.confidence[..., None] > 0, keypoints.xy, 0)),  # may be NaN
        seen=tensor(keypoints.confidence) > 0,
        weight=tensor(weight * per_joint),
        focal_length=focal_length,
        center=tensor(camera.center),
        scale=torch.ones_like(focal_length),
        depth=torch.zeros_like(focal_length),
        depth_unit=torch.ones_like(focal_length),
    )


def _mean_pose(model: Model, seen: Observations, config: FitConfig) -> _Starts:
    """One start a person: the prior's mean pose, turned as the camera stage asks for."""
    kinematics = model.kinematics
    batch = len(seen.xy)
    known = seen.seen.to(seen.xy.dtype)
    root = start_orientation(seen.xy, known, config.camera.start)
    pose = torch.as_tensor(model.prior.mean_pose).to(root).expand(batch, -1)
    betas = root.new_zeros(batch, kinematics.n_betas)
    points = kinematics.points(matrix_from_quaternion(root), pose, betas).points
    transl = start_translation(points, seen.xy, known, seen.focal_length, seen.center)
    x = torch.cat([root, pose, betas, transl], 1)
    left_shoulder, _, left_hip, _ = TORSO
    torso = (points[:, left_shoulder] - points[:, left_hip]).norm(dim=1)
    person = torch.arange(batch, device=x.device)
    return _sized(x, seen, person, torch.zeros_like(person), torso, config)


def _retrieved(
    model: Model, seen: Observations, library: PoseLibrary, config: FitConfig
) -> _Starts:
    """Several starts a person: what in the library looks like the keypoints."""
    k = config.starts
    found = library.candidates(seen, k)
    batch = len(seen.xy)
    betas = seen.xy.new_zeros(batch, k, model.kinematics.n_betas)
    x = torch.cat([found.root, found.body_pose, betas, found.transl], -1).flatten(0, 1)
    person = torch.arange(batch, device=x.device).repeat_interleave(k)
    hypothesis = torch.arange(k, device=x.device).repeat(batch)
    torso = torch.full_like(x[:, 0], TORSO_LENGTH)
    return _sized(x, seen[person], person, hypothesis, torso, config)


def _sized(
    x: Tensor, seen: Observations, person: Tensor, hypothesis: Tensor, torso: Tensor,
    config: FitConfig,
) -> _Starts:  # fmt: skip
    """Fixes the size in the image and the depth that the weights refer to."""
    depth, scale = x[:, -1], seen.scale
    if config.reference_torso:
        scale = config.reference_torso * depth / (seen.focal_length * torso)
    unit = depth if config.relative_depth else torch.ones_like(depth)
    seen = replace(seen, scale=scale, depth=depth, depth_unit=unit)
    return _Starts(x, seen, person, hypothesis, torch.zeros_like(person))


def _camera_stage(model: Model, starts: _Starts, config: FitConfig) -> _Starts:
    """Translation and root rotation, from the trunk alone or from every joint.

    Where fewer than 3 points of the trunk are seen, too few to fix a rotation, every joint counts.
    """
    seen, stage = starts.seen, config.camera
    weights = Weights(config.robust_sigma, config.kernel, depth=stage.depth)
    if stage.joints is Joints.torso:
        torso = torch.zeros(14, dtype=torch.bool, device=seen.xy.device)
        torso[list(TORSO)] = True
        use_torso = (seen.seen & torso).sum(1, keepdim=True) >= 3
        known = seen.seen & (torso | ~use_torso)
        seen = replace(seen, weight=known.to(seen.xy.dtype))
        weights = Weights(torch.inf, depth=stage.depth)
    objective = Objective(model, model.unknowns(["global_orient", "transl"]), seen, weights)
    solution = minimize(objective, starts.x, stage.max_iterations, config.tolerance)
    return replace(starts, x=solution.x, iterations=starts.iterations + solution.iterations)


def _both_ways(starts: _Starts, config: FitConfig) -> _Starts:
    """Every start as it is and, where the shoulders are so close that front and back cannot be
    told apart, turned by 180 degrees too."""
    seen, (left, right) = starts.seen, TORSO[:2]
    apart = (seen.xy[:, left] - seen.xy[:, right]).norm(dim=1) * seen.scale
    known = seen.seen[:, left] & seen.seen[:, right]
    side_view = (known & (apart < config.side_view_threshold)).nonzero()[:, 0]
    other = starts[side_view]
    x = torch.cat([turned(other.x[:, :4]), other.x[:, 4:]], 1)
    number = other.hypothesis + max(config.starts, 1)
    both = starts[torch.cat([torch.arange(len(starts), device=x.device), side_view])]
    return replace(
        both,
        x=torch.cat([starts.x, x]),
        hypothesis=torch.cat([starts.hypothesis, number]),
    )


def _body_stages(model: Model, starts: _Starts, config: FitConfig) -> _Fitted:
    """All body stages from every start; keeps each person's best by the terms of `choice`."""
    x, iterations = starts.x, starts.iterations
    for stage in config.stages:
        weights = Weights(
            config.robust_sigma, config.kernel,
            stage.pose_prior, stage.bending, stage.shape, stage.depth,
        )  # fmt: skip
        objective = Objective(model, model.unknowns(stage.free), starts.seen, weights)
        solution = minimize(objective, x, stage.max_iterations, config.tolerance)
        x, iterations = solution.x, iterations + solution.iterations
    x = objective.complete(x)
    fitted = _Fitted(x, solution.cost, solution.status, iterations, starts.hypothesis)
    choice = Weights(
        config.robust_sigma, config.kernel, config.choice.pose_prior,
        shape=config.choice.shape, depth=config.choice.depth,
    )  # fmt: skip
    everything = model.unknowns(list(PARAMETERS))
    value = Objective(model, everything, starts.seen, choice).cost(x)
    return fitted[_least_per_row(value, starts.person)]


def _least_per_row(value: Tensor, row: Tensor) -> Tensor:
    """Index of the least value among the entries of each row, rows in order."""
    order = torch.argsort(value, stable=True)
    order = order[torch.argsort(row[order], stable=True)]
    first = torch.ones(len(order), dtype=torch.bool, device=value.device)
    first[1:] = row[order][1:] != row[order][:-1]
    return order[first]


def _placeholder(keypoints: Keypoints, camera: Camera, prior: PosePrior, n_betas: int) -> FitResult:
    """Every row marked as skipped: the mean pose at the origin."""
    n = len(keypoints)
    params = BodyParams(
        betas=np.zeros((n, n_betas)), global_orient=np.zeros((n, 3)),
        body_pose=np.tile(prior.mean_pose, (n, 1)), transl=np.zeros((n, 3)),
    )  # fmt: skip
    return FitResult(
        frame=keypoints.frame, track=keypoints.track, params=params, camera=camera,
        joints=np.zeros((n, 14, 3)), reprojection_error=np.zeros(n), cost=np.zeros(n),
        status=np.full(n, Status.SKIPPED, np.int32), iterations=np.zeros(n, np.int32),
        hypothesis=np.zeros(n, np.int32),
    )  # fmt: skip


def _with_rows(
    result: FitResult, rows: np.ndarray, model: Model, seen: Observations, fitted: _Fitted
) -> FitResult:
    """The placeholder with the fitted rows written in."""
    root, pose, betas, transl = model.split(fitted.x)
    joints = model.pose(fitted.x).points + transl[:, None]
    pixels, _ = project(joints, seen.focal_length, seen.center)
    known = seen.seen.to(pixels.dtype)
    error = (known * (pixels - seen.xy).norm(dim=-1)).sum(1) / known.sum(1)
    new = {
        "joints": joints, "reprojection_error": error, "cost": fitted.cost,
        "status": fitted.status, "iterations": fitted.iterations, "hypothesis": fitted.hypothesis,
    }  # fmt: skip
    params = {
        "betas": betas, "global_orient": vector_from_quaternion(root), "body_pose": pose,
        "transl": transl,
    }  # fmt: skip
    return replace(
        result,
        params=BodyParams(
            **{n: _insert(getattr(result.params, n), rows, t) for n, t in params.items()}
        ),
        **{n: _insert(getattr(result, n), rows, t) for n, t in new.items()},
    )


def _insert(array: np.ndarray, rows: np.ndarray, values: Tensor) -> np.ndarray:
    whole = array.copy()
    whole[rows] = values.cpu().numpy()
    return whole
