"""People of tools/render_people.py as BlazePose sees them, with their truth."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image as Pillow

from detectors.base import Resources
from detectors.blazepose import BlazePose
from fitting import Camera, Keypoints
from fitting.body.body_model import BodyParams
from fitting.joints import HIPS
from pipeline.config import ROOT
from pipeline.stages.remap import to_lsp

_LOST = 0.3  # of the person's height: further off in the picture, somebody else was found
_MIN_CONFIDENCE = 0.1  # remap.min_confidence


@dataclass(frozen=True)
class Seen:
    """People whom the detector found; one row each.

    Args:
        index: of the picture.
        keypoints: what the detector says.
        camera: what a run takes for the camera of a photo without EXIF.
        points: POINTS of the true bodies, camera axes, m.
        pixels: the same in the picture, px.
        params: the true bodies.
    """

    index: np.ndarray
    keypoints: Keypoints
    camera: Camera
    points: Float[np.ndarray, "N 25 3"]
    pixels: Float[np.ndarray, "N 25 2"]
    params: BodyParams

    @property
    def truth(self) -> Float[np.ndarray, "N 14 3"]:
        """The true joints about the hips, m."""
        return self.points[:, :14] - self.points[:, HIPS].mean(1, keepdims=True)


def look(folder: Path) -> Seen:
    """Detect in the pictures of a folder; who is not found is left out."""
    with np.load(folder / "truth.npz", allow_pickle=False) as file:
        true = {name: file[name] for name in file.files}
    points, center = true["points"], true["center"]
    flat = points[..., :2] / points[..., 2:]
    pixels = true["focal_length"][:, None, None] * flat + center[:, None]
    detector, resources = BlazePose(), Resources(weights_dir=ROOT / "weights")
    rows, kept, size = [], [], (1, 1)
    for index in range(len(points)):
        picture = np.asarray(Pillow.open(folder / f"{index:04d}.jpg"))
        size = (picture.shape[1], picture.shape[0])
        found = to_lsp(detector.detect([picture], resources, str(index)), size, _MIN_CONFIDENCE)
        if not len(found):
            continue
        off = np.linalg.norm(found.xy - pixels[index, :14], axis=-1).mean(1)
        if off.min() < _LOST * np.ptp(pixels[index, :14, 1]):
            rows.append(found[[int(off.argmin())]])
            kept.append(index)
    print(f"{folder}: {len(kept)} of {len(points)} people found", flush=True)
    diagonal = np.full(len(kept), float(np.hypot(*size)))
    names = ("betas", "global_orient", "body_pose", "transl")
    return Seen(
        index=np.array(kept),
        keypoints=Keypoints.concatenate(rows),
        camera=Camera(diagonal, center[kept]),
        points=points[kept],
        pixels=pixels[kept],
        params=BodyParams(**{name: true[name][kept] for name in names}),
    )
