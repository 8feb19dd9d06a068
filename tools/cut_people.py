"""People of tools/render_people.py cut off by the picture's edge, as BlazePose sees them.

Pictures of upright people are cut at their shins, thighs, hips, belly or chest, or down the middle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image as Pillow

from detectors.base import Detections, Resources
from detectors.blazepose import BlazePose
from fitting import Camera, FitResult, Keypoints, fit
from fitting.joints import HIPS, LSP_14
from pipeline.config import ROOT, Config
from pipeline.stages.fit import assets_of
from pipeline.stages.remap import inside, to_lsp

WHOLE = "whole"  # the picture as it is
SHOULDERS = [LSP_14.index(name) for name in ("right_shoulder", "left_shoulder", "neck")]
_KNEES = [LSP_14.index(f"{side}_knee") for side in ("right", "left")]
_ANKLES = [LSP_14.index(f"{side}_ankle") for side in ("right", "left")]
_APART = 30  # px, least between shoulders, hips and knees of somebody who is upright


@dataclass(frozen=True)
class Part:
    """What is left of a picture.

    Args:
        index: of the picture.
        size: width, height, px.
        found: the detector's find that is nearest to the truth.
        pixels: the true joints (14, 2), px.
        points: the true joints (14, 3), m.
    """

    index: int
    size: tuple[int, int]
    found: Detections
    pixels: np.ndarray
    points: np.ndarray

    @property
    def there(self) -> Bool[np.ndarray, " 14"]:
        """Which of the true joints are in the part."""
        return inside(self.pixels, self.size)


def cuts_of(pixels: np.ndarray, size: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """Sizes of the parts of a picture, from its upper left corner, by where they are cut, the
    whole one first; none if the person is not upright."""
    groups = (SHOULDERS[:2], HIPS, _KNEES, _ANKLES)
    shoulder, hip, knee, ankle = (pixels[group, 1].mean() for group in groups)
    if not (shoulder + _APART < hip and hip + _APART < knee < ankle):
        return {}
    heights = {
        "shins": (knee + ankle) / 2,
        "thighs": knee + 0.15 * (hip - knee),
        "hips": hip + 0.05 * (knee - hip),
        "belly": hip + 0.3 * (shoulder - hip),
        "chest": hip + 0.6 * (shoulder - hip),
    }
    middle = int(pixels[[*HIPS, *SHOULDERS[:2]], 0].mean())
    cut = {name: (size[0], int(y)) for name, y in heights.items()}
    return {WHOLE: size, **cut, "side": (middle, size[1])}


def parts_in(folder: Path) -> dict[str, list[Part]]:
    """Detect in the parts of all pictures; by where they are cut."""
    with np.load(folder / "truth.npz", allow_pickle=False) as file:
        points, focal, center = (file[name] for name in ("points", "focal_length", "center"))
    points = points[:, : len(LSP_14)]
    flat = focal[:, None, None] * points[..., :2] / points[..., 2:] + center[:, None]
    detector, resources = BlazePose(), Resources(weights_dir=ROOT / "weights")
    parts: dict[str, list[Part]] = {}
    for index, (pixels, truth) in enumerate(zip(flat, points, strict=True)):
        picture = np.asarray(Pillow.open(folder / f"{index:04d}.jpg"))
        for name, size in cuts_of(pixels, (picture.shape[1], picture.shape[0])).items():
            image = np.ascontiguousarray(picture[: size[1], : size[0]])
            found = detector.detect([image], resources, str(index))
            if len(found):
                off = np.linalg.norm(to_lsp(found, size, 0).xy - pixels, axis=-1)
                best = int(off[:, inside(pixels, size)].mean(1).argmin())
                part = Part(index, size, found[[best]], pixels, truth)
                parts.setdefault(name, []).append(part)
    return parts


def fits_of(parts: Sequence[Part], config: Config) -> FitResult:
    """The parts fitted as a run would fit them."""
    remap, sizes = config.remap, [part.size for part in parts]
    limits = remap.min_confidence, remap.beyond_edge
    keypoints = Keypoints.concatenate([to_lsp(part.found, part.size, *limits) for part in parts])
    camera = Camera(np.hypot(*np.array(sizes, float).T), (np.array(sizes) - 1) / 2)
    assets = assets_of(config.fit, config.models, config.runtime)
    return fit(keypoints, camera, assets, config.fit)


def joints_of(parts: Sequence[Part]) -> Float[np.ndarray, "N 14 3"]:
    """The true joints, m."""
    return np.stack([part.points for part in parts])
