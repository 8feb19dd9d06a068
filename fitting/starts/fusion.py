"""The detector's own 3-D joints beside the lifter's: their errors differ."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fitting.files.model_files import read_npz
from fitting.joints import HIPS, LSP_14
from fitting.starts.lifter import Lifted

_ARRAYS = ("offset", "share")
_RIGHT_SHOULDER, _LEFT_SHOULDER, _NECK = (
    LSP_14.index(name) for name in ("right_shoulder", "left_shoulder", "neck")
)


@dataclass(frozen=True)
class Fusion:
    """What the 3-D joints of a detector are worth (tools/calibrate_fusion.py).

    Args:
        offset: (14, 3) m, what its LSP joints lack to the body's: to the person's left, up along
            the trunk, and in front.
        share: (14, 2) of it in the mean with the lifter's: across the picture, and in depth, 0..1.
    """

    offset: Float[Tensor, "14 3"]
    share: Float[Tensor, "14 2"]

    def __post_init__(self) -> None:
        for name, width in (("offset", 3), ("share", 2)):
            found = tuple(getattr(self, name).shape)
            if found != (len(LSP_14), width):
                raise ValueError(f"Fusion.{name}: expected shape (14, {width}), got {found}")
        if not ((self.share >= 0) & (self.share <= 1)).all():
            raise ValueError("Fusion.share: expected 0..1")

    def fuse(
        self, lifted: Lifted, points: Float[Tensor, "B 14 3"], ray: Float[Tensor, "B 3"]
    ) -> Lifted:
        """The lifter's joints with the detector's share in them.

        Args:
            lifted: as the lifter gives it.
            points: the detector's, m, about the hips, NaN where it has none; in the axes of a
                camera that looks straight at the person, as networks that see a crop give them.
            ray: from the camera to the person, any length.

        Returns:
            Joints that the detector does not know, and people whose shoulders and neck it does not
            know, are as they were.
        """
        own = torch.einsum("bij,bkj->bki", straight_at(ray), points.to(lifted.joints))
        known = ~own.isnan().any(-1)
        known &= known[:, [_RIGHT_SHOULDER, _LEFT_SHOULDER, _NECK]].all(1, keepdim=True)
        own = sized_as(lifted.joints, own.nan_to_num(), known)
        frame = torso_frame(own)
        own = own + torch.einsum("bij,kj->bki", frame, self.offset.to(own)).nan_to_num()
        own = sized_as(lifted.joints, own, known)
        share = self.share.to(own)[:, [0, 0, 1]] * known[..., None]
        joints = lifted.joints + share * (own - lifted.joints)
        return replace(lifted, joints=joints - joints[:, HIPS].mean(1, keepdim=True))


def straight_at(ray: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3 3"]:
    """The shortest turn from the camera's axis to a ray."""
    x, y, z = (ray / ray.norm(dim=-1, keepdim=True)).unbind(-1)
    a = 1 / (1 + z)
    rows = [1 - a * x * x, -a * x * y, x, -a * x * y, 1 - a * y * y, y, -x, -y, z]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def sized_as(
    model: Float[Tensor, "B 14 3"], own: Float[Tensor, "B 14 3"], known: Bool[Tensor, "B 14"]
) -> Float[Tensor, "B 14 3"]:
    """Joints scaled about the hips to the size of others, by least squares over those known."""
    own, model = own * known[..., None], model * known[..., None]
    scale = (own * model).sum((1, 2)) / (own * own).sum((1, 2)).clamp_min(1e-6)
    return own * scale.clamp(0.5, 2)[:, None, None]


def torso_frame(joints: Float[Tensor, "B 14 3"]) -> Float[Tensor, "B 3 3"]:
    """Columns: to the person's left, up (hips, at the origin, to the neck), and in front."""
    left = joints[:, _LEFT_SHOULDER] - joints[:, _RIGHT_SHOULDER]
    up = joints[:, _NECK]
    left = left / left.norm(dim=-1, keepdim=True)
    up = up - (up * left).sum(-1, keepdim=True) * left
    up = up / up.norm(dim=-1, keepdim=True)
    return torch.stack([left, up, torch.linalg.cross(left, up)], -1)


def load_fusion(path: str | Path) -> Fusion:
    """Read what tools/calibrate_fusion.py saved.

    Raises:
        FileNotFoundError, ValueError: as read_npz; or an array has another shape or range.
    """
    arrays = read_npz(path, "table of a detector's 3-D joints", _ARRAYS)
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError(f"{path}: expected finite numbers")
    return Fusion(**{n: torch.as_tensor(arrays[n].astype(np.float64)) for n in _ARRAYS})
