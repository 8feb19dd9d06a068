"""The data of a track: what is seen in each of its frames, and where its bodies start."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.assets import Assets
from fitting.body.body_model import BodyParams
from fitting.camera import Camera
from fitting.fit_config import FitConfig
from fitting.joints import EXTRA, LSP_14, POINTS, Keypoints
from fitting.objective.model import Model
from fitting.objective.residuals import Observations
from fitting.rotations import quaternion_from_vector, slerp
from fitting.sequence.timeline import ADDED, Timeline
from fitting.starts.initialize import start_translation
from fitting.starts.retrieval import TORSO_LENGTH
from fitting.starts.starts import observe


def keypoints_of(timeline: Timeline, keypoints: Keypoints) -> Keypoints:
    """The values of every frame; in frames that were added, nothing is seen."""
    nothing = Keypoints(
        np.zeros(1, np.int32),
        np.zeros(1, np.int32),
        np.zeros((1, len(LSP_14), 2), np.float32),
        np.zeros((1, len(LSP_14)), np.float32),
        np.zeros((1, len(EXTRA), 2), np.float32),
        np.zeros((1, len(EXTRA)), np.float32),
    )
    rows = np.where(timeline.row == ADDED, len(keypoints), timeline.row)
    seen = Keypoints.concatenate([keypoints, nothing])[rows]
    frame, track = timeline.frame.astype(np.int32), np.full(len(rows), timeline.track, np.int32)
    return replace(seen, frame=frame, track=track)


def states_of(timeline: Timeline, params: BodyParams, device: str) -> Float[Tensor, "T S"]:
    """The fitted bodies as states. Frames without a fit get a body on the way from the last fitted
    one to the next.

    Args:
        params: of all rows that the timeline refers to.
    """
    at = np.flatnonzero(timeline.known)
    own = params[timeline.row[at]]

    def tensor(array: np.ndarray) -> Tensor:
        return torch.as_tensor(array, dtype=torch.float64, device=device)

    root = quaternion_from_vector(tensor(own.global_orient))
    rest = torch.cat([tensor(a) for a in (own.body_pose, own.betas, own.transl)], 1)
    frame = np.arange(len(timeline))
    last = np.searchsorted(at, frame, side="right") - 1
    following = np.minimum(last + 1, len(at) - 1)
    way = np.maximum(timeline.times[at[following]] - timeline.times[at[last]], 1e-9)
    share = tensor((timeline.times - timeline.times[at[last]]) / way)[:, None]
    turned = slerp(root[last], root[following], share)
    return torch.cat([turned, torch.lerp(rest[last], rest[following], share)], 1)


def observed(
    model: Model,
    timeline: Timeline,
    people: tuple[Keypoints, Camera],
    x: Float[Tensor, "T S"],
    assets: Assets,
    config: FitConfig,
) -> Observations:
    """What the terms need to know about every frame.

    Sizes and depths come from similar triangles for the bodies that the track starts from. A frame
    without a body has no depth and no lifted joints of its own, because too little is seen.

    Args:
        people: what is seen in every frame, and by which camera.
        x: the states that the track starts from.
    """
    keypoints, camera = people
    known = torch.as_tensor(timeline.known, device=x.device)
    seen = observe(keypoints, camera, assets.lifter, assets.fusion, config, str(x.device))
    seen = _padded(seen)
    points, sure = model.pose(x).points[:, : len(LSP_14)], seen.seen[:, : len(LSP_14)].to(x)
    place = start_translation(
        points, seen.xy[:, : len(LSP_14)], sure, seen.focal_length, seen.center
    )
    depth = torch.where(known, place[:, 2], x[:, -1]).clamp_min(0.1)
    unit = depth if config.relative_depth else torch.ones_like(depth)
    scale = torch.ones_like(depth)
    if config.reference_torso:
        scale = config.reference_torso * depth / (seen.focal_length * TORSO_LENGTH)
    return replace(
        seen,
        scale=scale,
        depth=depth,
        depth_unit=torch.where(known, unit, torch.inf),
        target=torch.where(known[:, None, None], seen.target, 0.0),
    )


def _padded(seen: Observations) -> Observations:
    """The same with all of POINTS; points that the detector lacks are not seen."""
    missing = len(POINTS) - seen.xy.shape[1]
    if not missing:
        return seen
    columns = seen.xy.new_zeros(len(seen.xy), missing)
    return replace(
        seen,
        xy=torch.cat([seen.xy, columns[..., None].expand(-1, -1, 2)], 1),
        seen=torch.cat([seen.seen, columns > 0], 1),
        weight=torch.cat([seen.weight, columns], 1),
    )
