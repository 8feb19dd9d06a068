"""Where a fit starts: the direction the body faces, and its place in front of the camera."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fitting.fit_config import Start
from fitting.joints import LSP_14, TORSO
from fitting.rotations import quaternion_from_vector, quaternion_product

_LEFT_SHOULDER, _RIGHT_SHOULDER, _LEFT_HIP, _RIGHT_HIP = TORSO
_HEAD = [LSP_14.index("neck"), LSP_14.index("head_top")]
_KNEES = [LSP_14.index("left_knee"), LSP_14.index("right_knee")]
_TORSO_SIDES = ((_LEFT_SHOULDER, _LEFT_HIP), (_RIGHT_SHOULDER, _RIGHT_HIP))
_BONES = tuple(
    (LSP_14.index(a), LSP_14.index(b))
    for a, b in (
        ("left_shoulder", "left_elbow"),
        ("right_shoulder", "right_elbow"),
        ("left_elbow", "left_wrist"),
        ("right_elbow", "right_wrist"),
        ("left_hip", "left_knee"),
        ("right_hip", "right_knee"),
        ("left_knee", "left_ankle"),
        ("right_knee", "right_ankle"),
        ("left_shoulder", "right_shoulder"),
        ("neck", "head_top"),
    )
)
_FORESHORTENED = 0.2  # of the size by the bones; below it the torso says nothing about depth
MIN_JOINTS = 4  # fewer points do not determine rotation and place


def upright(roll: Float[Tensor, " B"], yaw: Float[Tensor, " B"]) -> Float[Tensor, "B 4"]:
    """Quaternions of bodies that face the camera, turned by yaw about their own vertical axis and
    then by roll about the optical axis (rad, clockwise in the image)."""
    zero = torch.zeros_like(roll)
    to_camera = torch.stack([torch.full_like(roll, torch.pi), zero, zero], -1)
    turn = quaternion_from_vector(torch.stack([zero, yaw, zero], -1))
    tilt = quaternion_from_vector(torch.stack([zero, zero, roll], -1))
    return quaternion_product(tilt, quaternion_product(quaternion_from_vector(to_camera), turn))


def turned(root: Float[Tensor, "B 4"]) -> Float[Tensor, "B 4"]:
    """The same rotations, turned by 180 degrees about the body's vertical axis."""
    half = torch.zeros(len(root), 3, dtype=root.dtype, device=root.device)
    half[:, 1] = torch.pi
    return quaternion_product(root, quaternion_from_vector(half))


def start_orientation(
    xy: Float[Tensor, "B 14 2"], weight: Float[Tensor, "B 14"], start: Start
) -> Float[Tensor, "B 4"]:
    """Root rotation that each fit starts from.

    With Start.image the body is rolled so that its trunk points the way the keypoints' trunk does
    (people lie, dive and stand on their hands) and faces away when the left shoulder and hip
    are on the image's left of the right ones.
    """
    roll = torch.zeros_like(xy[:, 0, 0])
    yaw = torch.zeros_like(roll)
    if start is Start.image:
        roll = trunk_roll(xy, weight)
        across = torch.zeros_like(roll)
        right_of_image = torch.stack([roll.cos(), roll.sin()], -1)
        for left, right in ((_LEFT_SHOULDER, _RIGHT_SHOULDER), (_LEFT_HIP, _RIGHT_HIP)):
            both = (weight[:, left] * weight[:, right])[:, None]
            across += (both * (xy[:, left] - xy[:, right]) * right_of_image).sum(1)
        yaw = torch.where(across < 0, torch.full_like(yaw, torch.pi), yaw)
    return upright(roll, yaw)


def trunk_roll(xy: Float[Tensor, "B 14 2"], weight: Float[Tensor, "B 14"]) -> Float[Tensor, " B"]:
    """How far the trunk leans in the image, rad clockwise; 0 if too little of it is seen."""
    upper, has_upper = _mean(xy, weight, [_LEFT_SHOULDER, _RIGHT_SHOULDER], _HEAD)
    lower, has_lower = _mean(xy, weight, [_LEFT_HIP, _RIGHT_HIP], _KNEES)
    head, has_head = _mean(xy, weight, _HEAD, [])
    up = torch.where(has_lower[:, None], upper - lower, head - upper)
    known = has_upper & (has_lower | has_head) & (up.norm(dim=1) > 0)
    return torch.where(known, torch.atan2(up[:, 0], -up[:, 1]), torch.zeros_like(up[:, 0]))


def start_translation(
    points: Float[Tensor, "B 14 3"],
    xy: Float[Tensor, "B 14 2"],
    weight: Float[Tensor, "B 14"],
    focal_length: Float[Tensor, " B"],
    center: Float[Tensor, "B 2"],
) -> Float[Tensor, "B 3"]:
    """Depth by similar triangles, then the shift that puts the body over its keypoints.

    z = f * (3-D torso height) / (2-D torso height), where the height is the mean shoulder-hip
    distance of the sides that are seen (the paper's camera initialisation). If no side is seen
    whole, or the torso points at the camera, another bone takes the torso's place: the one that
    looks longest for its length and so is the least foreshortened.
    """
    seen = (weight > 0).to(xy.dtype)
    torso_2d, torso_3d, both = _lengths(points, xy, seen, _TORSO_SIDES)
    bone_2d, bone_3d, ends = _lengths(points, xy, seen, _BONES)
    torso = (both * torso_2d).sum(1) / (both * torso_3d).sum(1).clamp_min(1e-6)
    bone = (ends * bone_2d / bone_3d).amax(1)
    size = torch.where(
        torso > _FORESHORTENED * bone, torso, bone
    )  # px per metre at the body's depth
    z = focal_length / size.clamp_min(1e-3)
    share = seen / seen.sum(1, keepdim=True).clamp_min(1)
    middle_2d = (share[..., None] * xy).sum(1)
    middle_3d = (share[..., None] * points).sum(1)
    at_middle = (middle_2d - center) / focal_length[:, None] * z[:, None]
    return torch.cat([at_middle - middle_3d[:, :2], (z - middle_3d[:, 2])[:, None]], 1)


def enough_to_fit(
    xy: Float[np.ndarray, "N 14 2"], confidence: Float[np.ndarray, "N 14"]
) -> Bool[np.ndarray, " N"]:
    """Rows with at least MIN_JOINTS joints that are not all in one place."""
    seen = confidence > 0
    xy = xy.astype(np.float64)  # the extent of float32's largest numbers does not fit into float32
    low = np.where(seen[..., None], xy, np.inf).min(1)
    high = np.where(seen[..., None], xy, -np.inf).max(1)
    with np.errstate(invalid="ignore"):
        extent = (high - low).max(1)
    return (seen.sum(1) >= MIN_JOINTS) & (extent > 1)


def _mean(
    xy: Tensor, weight: Tensor, joints: list[int], otherwise: list[int]
) -> tuple[Tensor, Tensor]:
    """Mean of the seen ones of `joints`, or of `otherwise` if none is; and whether any is seen."""
    result = torch.zeros_like(xy[:, 0])
    known = torch.zeros(len(xy), dtype=torch.bool, device=xy.device)
    for group in (joints, otherwise):
        if not group:
            continue
        seen = (weight[:, group] > 0).to(xy.dtype)[..., None]
        mean = (seen * xy[:, group]).sum(1) / seen.sum(1).clamp_min(1)
        result = torch.where(known[:, None], result, mean)
        known = known | (seen.sum((1, 2)) > 0)
    return result, known


def _lengths(
    points: Tensor, xy: Tensor, seen: Tensor, pairs: tuple[tuple[int, int], ...]
) -> tuple[Tensor, Tensor, Tensor]:
    """Lengths between pairs of joints in px and m, and 1 if both are seen; all (B, pairs)."""
    a, b = ([pair[end] for pair in pairs] for end in (0, 1))
    flat = (xy[:, a] - xy[:, b]).norm(dim=-1)
    solid = (points[:, a] - points[:, b]).norm(dim=-1)
    return flat, solid, seen[:, a] * seen[:, b]
