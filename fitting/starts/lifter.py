"""From 2-D keypoints to 3-D joints by a small network: a start for the fit and a weak term in it.

Ours, not the paper's (docs/lifter.md). The network sees every person as if the camera looked
straight at them and their trunk stood upright in the image; its answer is turned back.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitting.files.model_files import read_npz
from fitting.joints import HIPS, LSP_14, POINTS
from fitting.rows import Rows
from fitting.starts.initialize import trunk_roll

ERROR_PER_SIGMA = (8 / np.pi) ** 0.5  # mean length of a 3-D normal vector of unit sigma
_ARRAYS = (
    "first_weight",
    "first_bias",
    "hidden_weight",
    "hidden_bias",
    "last_weight",
    "last_bias",
)
_OTHER_SIDE = {"left": "right", "right": "left"}
MIRRORED = [
    POINTS.index(_OTHER_SIDE.get(side, side) + dash + part)
    for side, dash, part in (name.partition("_") for name in POINTS)
]
"""The index of each of POINTS in a mirror image; the first 14 stay among LSP's joints."""
INPUTS = 3 * len(POINTS) + 2
_ROUNDS = 2  # of re-weighting in the search for the middle of a person
_FAR = 2.5  # mean distances from the middle at which a point counts a quarter
_LARGEST = 5.0  # mean distances; points farther from the middle are moved there
_SMALLEST = 1e-4  # tangent of the angle, for a person of one pixel


@dataclass(frozen=True)
class Lifted(Rows):
    """What the keypoints say about the joints, for any body.

    Args:
        joints: LSP's 14 relative to the middle of the hips, in the camera's axes (x right, y down,
            z forward), m.
        sigma: expected standard deviation of each coordinate of each joint, m.
    """

    joints: Float[Tensor, "B 14 3"]
    sigma: Float[Tensor, "B 14"]


@dataclass(frozen=True)
class Upright:
    """People turned to stand upright in the middle of an image of focal length 1.

    Args:
        points: in the order of POINTS, in units of their mean distance from the middle; 0 if
            missing.
        confidence: 0 if missing.
        lean: cosine and sine of how far the trunk leaned in the image, which tells where down was.
        rotation: from these axes to the camera's.
    """

    points: Float[Tensor, "B 25 2"]
    confidence: Float[Tensor, "B 25"]
    lean: Float[Tensor, "B 2"]
    rotation: Float[Tensor, "B 3 3"]

    def mirrored(self) -> "Upright":
        """Left and right exchanged, in the image and in the names; the rotation stays."""
        flip = self.points.new_tensor([-1.0, 1.0])
        points, confidence = self.points[:, MIRRORED] * flip, self.confidence[:, MIRRORED]
        return Upright(points, confidence, -self.lean * flip, self.rotation)

    def features(self) -> Float[Tensor, "B 77"]:
        """The input of the network; a missing point is 0, 0 with confidence 0."""
        parts = self.points.flatten(1), self.confidence, self.lean
        return torch.cat(parts, 1).float()


@dataclass(frozen=True)
class Lifter:
    """The network: a linear layer, residual blocks of two, a linear layer, with rectifiers
    between."""

    first_weight: Float[Tensor, "H 77"]
    first_bias: Float[Tensor, " H"]
    hidden_weight: Float[Tensor, "L H H"]
    hidden_bias: Float[Tensor, "L H"]
    last_weight: Float[Tensor, "56 H"]
    last_bias: Float[Tensor, " 56"]

    def __post_init__(self) -> None:
        h, layers = len(self.first_bias), len(self.hidden_bias)
        shapes = {
            "first_weight": (h, INPUTS),
            "first_bias": (h,),
            "hidden_weight": (layers, h, h),
            "hidden_bias": (layers, h),
            "last_weight": (4 * len(LSP_14), h),
            "last_bias": (4 * len(LSP_14),),
        }
        for name, shape in shapes.items():
            found = tuple(getattr(self, name).shape)
            if found != shape:
                raise ValueError(f"Lifter.{name}: expected shape {shape}, got {found}")
        if layers % 2:
            raise ValueError(f"Lifter.hidden_weight: expected pairs of layers, got {layers}")

    def to(self, device: torch.device | str) -> "Lifter":
        """The same on another device."""
        return Lifter(**{name: getattr(self, name).to(device) for name in _ARRAYS})

    @torch.no_grad()
    def lift(
        self,
        xy: Float[Tensor, "B n 2"],
        confidence: Float[Tensor, "B n"],
        focal_length: Float[Tensor, " B"],
        center: Float[Tensor, "B 2"],
    ) -> Lifted:
        """Joints of people seen by a camera; the mean over the keypoints and their mirror image.

        Args:
            xy: of the 14 LSP joints or of all POINTS, px; values with confidence 0 are ignored.
            confidence: 0..1, 0 = missing.
            focal_length, center: the camera, px; the image diagonal is good enough.

        Returns:
            Tensors of the dtype and on the device of xy.

        Raises:
            ValueError: n is neither 14 nor 25.
        """
        view = upright_view(xy, confidence, focal_length, center)
        net, sides = self.to(xy.device), MIRRORED[: len(LSP_14)]
        joints, sigma = net(view.features())
        other, other_sigma = net(view.mirrored().features())
        joints = (joints + other[:, sides] * other.new_tensor([-1.0, 1.0, 1.0])) / 2
        sigma = (sigma + other_sigma[:, sides]) / 2
        joints = joints.to(xy.dtype) @ view.rotation.mT
        return Lifted(joints - joints[:, HIPS].mean(1, keepdim=True), sigma.to(xy.dtype))

    def __call__(self, x: Float[Tensor, "B 77"]) -> tuple[Tensor, Tensor]:
        """Joints (B, 14, 3) and sigma (B, 14), m, in the axes of the upright view."""
        x = torch.relu(x @ self.first_weight.mT + self.first_bias)
        layers = zip(self.hidden_weight, self.hidden_bias, strict=True)
        for (weight, bias), (second_weight, second_bias) in zip(layers, layers, strict=True):
            inner = torch.relu(x @ weight.mT + bias)
            x = x + torch.relu(inner @ second_weight.mT + second_bias)
        return split_output(x @ self.last_weight.mT + self.last_bias)


def load_lifter(path: str | Path) -> Lifter:
    """Read a network that tools/train_lifter.py saved.

    Raises:
        FileNotFoundError, ValueError: as read_npz; or an array has a wrong shape.
    """
    arrays = read_npz(path, "lifter", _ARRAYS)
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError(f"{path}: expected finite weights")
    return Lifter(**{n: torch.as_tensor(a.astype(np.float32)) for n, a in arrays.items()})


def split_output(y: Float[Tensor, "B 56"]) -> tuple[Tensor, Tensor]:
    """Joints (B, 14, 3) and sigma (B, 14), m, of the network's last layer."""
    n = len(LSP_14)
    return y[:, : 3 * n].unflatten(1, (n, 3)), y[:, 3 * n :].clamp(-7, 2).exp()


def upright_view(
    xy: Float[Tensor, "B n 2"],
    confidence: Float[Tensor, "B n"],
    focal_length: Float[Tensor, " B"],
    center: Float[Tensor, "B 2"],
) -> Upright:
    """Turn the camera to the person and roll it with their trunk, then remove the size.

    A person off the optical axis is seen from the side: by 18 degrees at a usual photo's edge.
    """
    if xy.shape[1] not in (len(LSP_14), len(POINTS)):
        raise ValueError(f"xy: expected {len(LSP_14)} or {len(POINTS)} points, got {xy.shape[1]}")
    missing = len(POINTS) - xy.shape[1]
    confidence = torch.nn.functional.pad(confidence, (0, missing))
    xy = torch.nn.functional.pad(xy, (0, 0, 0, missing))
    seen = (confidence > 0)[..., None]
    rays = torch.where(seen, (xy - center[:, None]) / focal_length[:, None, None], 0.0)
    lsp = confidence[:, : len(LSP_14)]
    turn = _towards(_middle(rays[:, : len(LSP_14)], lsp)[0])
    rays = torch.cat([rays, torch.ones_like(rays[..., :1])], -1) @ turn
    points = rays[..., :2] / rays[..., 2:].clamp_min(0.1)
    roll = _rolled(trunk_roll(points[:, : len(LSP_14)], lsp))
    lean = roll[:, :2, 0]
    points = points @ roll[:, :2, :2]
    middle, size = _middle(points[:, : len(LSP_14)], lsp)
    points = (points - middle[:, None]) / size[:, None, None]
    length = points.norm(dim=-1, keepdim=True)
    points = torch.where(seen, points * (_LARGEST / length.clamp_min(_LARGEST)), 0.0)
    return Upright(points, confidence, lean, turn @ roll)


def _middle(xy: Float[Tensor, "B m 2"], weight: Float[Tensor, "B m"]) -> tuple[Tensor, Tensor]:
    """Weighted mean (B, 2) and mean distance from it (B,), in which outliers count little."""
    middle, size = _weighted(xy, weight)
    for _ in range(_ROUNDS):
        far = (xy - middle[:, None]).norm(dim=-1) / (_FAR * size[:, None])
        middle, size = _weighted(xy, weight / (1 + far**2) ** 2)
    return middle, size


def _weighted(xy: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    share = weight / weight.sum(1, keepdim=True).clamp_min(1e-9)
    middle = (share[..., None] * xy).sum(1)
    far = (xy - middle[:, None]).norm(dim=-1)
    return middle, (share * far).sum(1).clamp_min(_SMALLEST)


def _towards(direction: Float[Tensor, "B 2"]) -> Float[Tensor, "B 3 3"]:
    """The smallest rotations that take the optical axis to the rays (x, y, 1)."""
    ray = torch.nn.functional.pad(direction, (0, 1), value=1.0)
    a, b, c = (ray / ray.norm(dim=1, keepdim=True)).unbind(1)
    rows = (
        (1 - a * a / (1 + c), -a * b / (1 + c), a),
        (-a * b / (1 + c), 1 - b * b / (1 + c), b),
        (-a, -b, c),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def _rolled(angle: Float[Tensor, " B"]) -> Float[Tensor, "B 3 3"]:
    """Rotations about the optical axis, clockwise in the image."""
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    rows = ((cos, -sin, zero), (sin, cos, zero), (zero, zero, one))
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
