"""People who walk before a camera, as a fit gives them, and where their joints are by smplx."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from fitting.body.body_model import BodyModel, BodyParams
from fitting.camera import Camera
from fitting.result import FitResult
from fitting.solver.status import Status
from tests.pipeline.fake_detector import fit_result

FPS = 12.5
SIZE = (640, 480)
FOCAL = 700.0


def walkers(
    frames: dict[int, list[int]], n_betas: int = 10, *, own_shapes: bool = False, seed: int = 0
) -> FitResult:
    """Two metres apart, 4 m before the camera, turning and swinging their joints.

    Args:
        frames: of each person by track.
        own_shapes: every frame has betas of its own.
    """
    rows = sorted((frame, track) for track, some in frames.items() for frame in some)
    n, rng = len(rows), np.random.default_rng(seed)
    time = np.array([frame for frame, _ in rows]) / FPS
    track = np.array([track for _, track in rows], np.int32)
    swing = rng.normal(0, 0.35, (9, 69))[track % 9] * np.cos(3 * time)[:, None]
    orient = np.zeros((n, 3))
    orient[:, 0], orient[:, 1] = np.pi, 0.3 * np.sin(time)
    betas = rng.normal(0, 1, (9, n_betas))[track % 9]
    if own_shapes:
        betas = betas + rng.normal(0, 0.4, (n, n_betas))
    transl = np.stack([2.0 * track - 1, 0.2 + 0 * time, 4 + 0.2 * time], axis=1)
    result = replace(
        fit_result(n),
        frame=np.array([frame for frame, _ in rows], np.int32),
        track=track,
        params=BodyParams(betas, orient, swing, transl),
        camera=Camera(np.full(n, FOCAL), np.tile((np.array(SIZE) - 1) / 2, (n, 1))),
        status=np.full(n, Status.CONVERGED, np.int32),
    )
    assert len(result) == n
    return result


def smplx_joints(body: BodyModel, params: BodyParams) -> Float[np.ndarray, "N 24 3"]:
    """SMPL's joints by the package smplx, which the exports do not use for joints."""
    import torch
    from smplx.lbs import lbs

    n = len(params)
    pose = np.concatenate([params.global_orient, params.body_pose], axis=1)
    arrays = (
        params.betas,
        pose,
        np.tile(body.v_template, (n, 1, 1)),
        body.shapedirs[..., : params.betas.shape[1]],
        body.posedirs.reshape(-1, 207).T,
        body.J_regressor,
        body.parents,
        body.weights,
    )
    _, joints = lbs(*map(torch.as_tensor, arrays))
    return joints.numpy() + params.transl[:, None]


def upright(points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """Of the camera's axes, turned so that y is up."""
    return points * np.array([1, -1, -1])
