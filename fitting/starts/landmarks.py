"""Where a detector's landmarks lie on the body: not where the body's joints are.

What a detector calls a hip is a point that people click on pictures. It lies 4 cm above and 2 cm
inside the joint that the leg turns about; shoulders, neck and ankles are as far off. A landmark
moves with the body, so its offset is constant in the frame of its limb, and can be taken off once
the lifter has told how the limb points. tools/fit_landmark_offsets.py measures the offsets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from fitting.joints import HIPS, LSP_14, N_LSP, POINTS, part_of
from fitting.objective.residuals import Observations

_HEAD = ("shoulder", "head_top", "neck")
_SHANK = ("hip", "knee", "ankle")
_LIMBS = {
    "hip": ("hip", "neck", "mid_hip"),
    "shoulder": ("shoulder", "neck", "mid_hip"),
    "knee": ("hip", "hip", "knee"),
    "elbow": ("shoulder", "shoulder", "elbow"),
    "wrist": ("shoulder", "elbow", "wrist"),
    **dict.fromkeys(("ankle", "big_toe", "small_toe", "heel"), _SHANK),
    **dict.fromkeys(("neck", "head_top", "nose", "eye", "ear"), _HEAD),
}
"""Of each part, whose frame its offset is in: what lies left and right, the upper end, the lower
end. The head is taken to face where the shoulders do, feet where the shanks do."""


def on_the_body(
    seen: Observations,
    joints: Float[Tensor, "B 14 3"],
    offsets: Mapping[str, Sequence[float]],
) -> Observations:
    """The keypoints moved from the detector's landmarks to the points of the body.

    Args:
        seen: the landmarks.
        joints: the person's, as lifted: about the hips, in the camera's axes, m.
        offsets: FitConfig.landmark_offsets.
    """
    by_axis = shifts_per_metre(joints, seen)
    table = table_of(offsets).to(by_axis)[: by_axis.shape[1]]
    shift = torch.einsum("bnik,nk->bni", by_axis, table)
    return replace(seen, xy=torch.where(seen.seen[..., None], seen.xy - shift, seen.xy))


def shifts_per_metre(
    joints: Float[Tensor, "B 14 3"], seen: Observations
) -> Float[Tensor, "B n 2 3"]:
    """How far the keypoints move in the image, px, for 1 m along each axis of their limb's
    frame."""
    frames = limb_frames(joints)[:, : seen.xy.shape[1]]
    ray = (seen.xy - seen.center[:, None]) / seen.focal_length[:, None, None]
    flat = frames[..., :2, :] - ray[..., None] * frames[..., 2:, :]
    size = _pixels_per_metre(joints[..., :2], seen.xy[:, :N_LSP], seen.weight[:, :N_LSP])
    return size[:, None, None, None] * flat


def limb_frames(joints: Float[Tensor, "B 14 3"]) -> Float[Tensor, "B 25 3 3"]:
    """The frame of the limb that carries each of POINTS.

    Its columns are the axes of an offset: out to the point's side (to the person's left, if it has
    no side), up along the limb, and to the front of somebody who stands.
    """
    at: dict[str, Tensor] = {name: joints[:, index] for index, name in enumerate(LSP_14)}
    at["mid_hip"] = joints[:, HIPS].mean(1)
    frames = []
    for point in POINTS:
        part = part_of(point)
        side = point.removesuffix(part)
        across, *ends = _LIMBS[part]
        top, bottom = (at[end] if end in at else at[side + end] for end in ends)
        frame = _frame(at[f"left_{across}"] - at[f"right_{across}"], top - bottom)
        outwards = -1.0 if side == "right_" else 1.0
        frames.append(frame * frame.new_tensor([outwards, 1.0, 1.0]))
    return torch.stack(frames, 1)


def landmarks(
    joints: Float[Tensor, "B 14 3"], offsets: Mapping[str, Sequence[float]]
) -> Float[Tensor, "B 14 3"]:
    """Where a detector would see the joints of these bodies, m."""
    table = table_of(offsets).to(joints)[:N_LSP]
    return joints + torch.einsum("bnik,nk->bni", limb_frames(joints)[:, :N_LSP], table)


def table_of(offsets: Mapping[str, Sequence[float]]) -> Float[Tensor, "25 3"]:
    """The offset of each of POINTS, m; 0 where none is given."""
    rows = [list(offsets.get(part_of(point), (0.0, 0.0, 0.0))) for point in POINTS]
    return torch.tensor(rows, dtype=torch.float64)


def _frame(left: Tensor, up: Tensor) -> Tensor:
    """Right angles: up as given, left as near as can be to the given one, and front."""
    up = torch.nn.functional.normalize(up, dim=-1)
    left = torch.nn.functional.normalize(left - (up * left).sum(-1, keepdim=True) * up, dim=-1)
    return torch.stack([left, up, torch.linalg.cross(left, up)], -1)


def _pixels_per_metre(flat: Tensor, xy: Tensor, weight: Tensor) -> Tensor:
    """The person's size in the image, by least squares."""
    share = (weight / weight.sum(1, keepdim=True).clamp_min(1e-9))[..., None]
    flat, xy = (a - (share * a).sum(1, keepdim=True) for a in (flat, xy))
    return (share * flat * xy).sum((1, 2)) / (share * flat**2).sum((1, 2)).clamp_min(1e-6)
