"""SMPLify (Bogo et al., "Keep it SMPL", ECCV 2016): camera stage, then body stages with falling
weights, for all rows and all their starts in one batch."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from fitting.body_model import BodyModel, BodyParams
from fitting.camera import Camera, project
from fitting.fit_config import FitConfig
from fitting.initialize import enough_to_fit, start_orientation, start_translation, turned
from fitting.joints import LSP_14, TORSO, Keypoints
from fitting.kinematics import Kinematics
from fitting.levenberg_marquardt import Solution, minimize
from fitting.priors import MaxMixture, PosePrior
from fitting.residuals import Objective, Observations, Weights, free_entries
from fitting.result import FitResult
from fitting.rotations import matrix_from_quaternion, vector_from_quaternion
from fitting.rows import Rows
from fitting.status import Status


def fit(
    keypoints: Keypoints, camera: Camera, body: BodyModel, prior: PosePrior, config: FitConfig,
    device: str = "cpu",
) -> FitResult:  # fmt: skip
    """Fit the body to every row of keypoints.

    Args:
        keypoints: N rows, of any mixture of images.
        camera: N rows.
        body: with config.n_betas shape coefficients or more.
        prior: over body_pose.
        config: stages and weights.
        device: torch device.

    Returns:
        N rows in the order of the keypoints. A row that cannot be fitted has a status that says so.
    """
    if len(camera.focal_length) != len(keypoints):
        raise ValueError(f"camera: expected {len(keypoints)} rows, got {len(camera.focal_length)}")
    rows = np.flatnonzero(enough_to_fit(keypoints.xy, keypoints.confidence))
    result = _placeholder(keypoints, camera, prior, config.n_betas)
    if not len(rows):
        return result
    with torch.no_grad():
        objective = Objective(
            Kinematics(body, config.n_betas, device),
            MaxMixture(prior, device),
            _observe(keypoints, camera, rows, device),
            Weights(torch.inf),
        )
        objective, x = _start(objective, prior, config)
        camera_stage = _camera_stage(objective, x, config)
        fitted = _body_stages(objective, camera_stage, config)
        return _with_rows(result, rows, objective, fitted)


@dataclass(frozen=True)
class _Fitted(Rows):
    """The chosen fit of each row: state, cost, status, iterations over all stages, start."""

    x: Tensor
    cost: Tensor
    status: Tensor
    iterations: Tensor
    hypothesis: Tensor


def _observe(keypoints: Keypoints, camera: Camera, rows: np.ndarray, device: str) -> Observations:
    def tensor(array: np.ndarray) -> Tensor:
        return torch.as_tensor(array[rows], dtype=torch.float64, device=device)

    seen = keypoints.confidence[..., None] > 0
    focal_length = tensor(camera.focal_length)
    return Observations(
        xy=tensor(np.where(seen, keypoints.xy, 0)),  # what is missing may be NaN
        weight=tensor(keypoints.confidence),
        focal_length=focal_length,
        center=tensor(camera.center),
        scale=torch.ones_like(focal_length),
        depth=torch.zeros_like(focal_length),
    )


def _start(
    objective: Objective, prior: PosePrior, config: FitConfig
) -> tuple[Objective, Float64[Tensor, "B S"]]:
    """The state before the camera stage; fixes the size and depth that the weights refer to."""
    seen, kinematics = objective.observations, objective.kinematics
    batch = len(seen.xy)
    root = start_orientation(seen.xy, seen.weight, config.camera.start)
    pose = torch.as_tensor(prior.mean_pose).to(root).expand(batch, -1)
    betas = root.new_zeros(batch, kinematics.n_betas)
    points = kinematics.points(matrix_from_quaternion(root), pose, betas).points
    transl = start_translation(points, seen.xy, seen.weight, seen.focal_length, seen.center)
    scale = seen.scale
    if config.reference_torso:
        left_shoulder, _, left_hip, _ = TORSO
        torso = (points[:, left_shoulder] - points[:, left_hip]).norm(dim=1)
        scale = config.reference_torso * transl[:, 2] / (seen.focal_length * torso)
    seen = replace(seen, scale=scale, depth=transl[:, 2])
    return replace(objective, observations=seen), torch.cat([root, pose, betas, transl], 1)


def _camera_stage(objective: Objective, x: Tensor, config: FitConfig) -> Solution:
    """Translation and root rotation from the torso alone, or from every joint where the torso is
    not seen (3 points of it are the least that fix a rotation)."""
    seen, stage = objective.observations, config.camera
    torso = torch.zeros(14, dtype=torch.bool, device=x.device)
    torso[list(TORSO)] = True
    known = seen.weight > 0
    use_torso = (known & torso).sum(1, keepdim=True) >= 3
    weight = (known & (torso | ~use_torso)).to(x.dtype)
    objective = replace(
        objective,
        observations=replace(seen, weight=weight),
        weights=Weights(torch.inf, depth=stage.depth),
    )
    free = free_entries(["global_orient", "transl"], objective.kinematics.n_betas, x.device)
    return minimize(objective, x, free, stage.max_iterations, config.tolerance)


def _body_stages(objective: Objective, camera: Solution, config: FitConfig) -> _Fitted:
    """All body stages from one or two starts a row; keeps the one with the lower data term."""
    seen = objective.observations
    per_joint = [config.joint_weights.get(name, 1.0) for name in LSP_14]
    seen = replace(seen, weight=seen.weight * seen.xy.new_tensor(per_joint))
    x, row, hypothesis = _starts(camera.x, seen, config)
    objective = replace(objective, observations=seen[row])
    iterations = camera.iterations[row]
    for stage in config.stages:
        weights = Weights(
            config.robust_sigma, stage.pose_prior, stage.bending, stage.shape, stage.depth
        )
        objective = replace(objective, weights=weights)
        free = free_entries(stage.free, objective.kinematics.n_betas, x.device)
        solution = minimize(objective, x, free, stage.max_iterations, config.tolerance)
        x, iterations = solution.x, iterations + solution.iterations
    fitted = _Fitted(x, solution.cost, solution.status, iterations, hypothesis)
    data = objective.terms(x)["data"][1].cost
    return fitted[_least_per_row(data, row)]


def _starts(x: Tensor, seen: Observations, config: FitConfig) -> tuple[Tensor, Tensor, Tensor]:
    """States, the row each belongs to and its hypothesis: every row as it is and, where the
    shoulders are so close that front and back cannot be told apart, turned by 180 degrees too."""
    left, right = TORSO[:2]
    apart = (seen.xy[:, left] - seen.xy[:, right]).norm(dim=1) * seen.scale
    known = (seen.weight[:, left] > 0) & (seen.weight[:, right] > 0)
    side_view = (known & (apart < config.side_view_threshold)).nonzero()[:, 0]
    other = torch.cat([turned(x[side_view, :4]), x[side_view, 4:]], 1)
    row = torch.cat([torch.arange(len(x), device=x.device), side_view])
    hypothesis = (torch.arange(len(row), device=x.device) >= len(x)).long()
    return torch.cat([x, other]), row, hypothesis


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
    result: FitResult, rows: np.ndarray, objective: Objective, fitted: _Fitted
) -> FitResult:
    """The placeholder with the fitted rows written in."""
    root, pose, betas, transl = objective.split(fitted.x)
    seen = objective.observations
    posed = objective.kinematics.points(matrix_from_quaternion(root), pose, betas)
    joints = posed.points + transl[:, None]
    pixels, _ = project(joints, seen.focal_length, seen.center)
    known = (seen.weight > 0).to(pixels.dtype)
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
