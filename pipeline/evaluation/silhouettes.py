"""Body parts as the camera sees them, and how well they cover an annotated segmentation."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image as Pillow

from pipeline.drawing.rasterizers import Backend, Pinhole, Surface, rasterizer
from pipeline.memory import is_short

if TYPE_CHECKING:
    from fitting.body.body_model import BodyModel
    from fitting.result import FitResult

PARTS = ("background", "head", "torso", "left_arm", "right_arm", "left_leg", "right_leg")
"""Label 0, 1, ... of a pixel."""

IGNORED = 255
_JOINTS_OF_PARTS = (  # SMPL's 24 joints
    (12, 15),
    (0, 3, 6, 9),
    (13, 16, 18, 20, 22),
    (14, 17, 19, 21, 23),
    (1, 4, 7, 10),
    (2, 5, 8, 11),
)
_STEP = 40  # grey levels between labels, so that a rounded colour is still the label's


@dataclass(frozen=True)
class Overlap:
    """Numbers of pixels of one image, by label: in both, only in the fit, only in the annotation;
    and the share of all pixels that agree."""

    both: Int[np.ndarray, " L"]
    fit_only: Int[np.ndarray, " L"]
    truth_only: Int[np.ndarray, " L"]
    accuracy: float
    pixels: int


def part_labels(
    fit: "FitResult", body: "BodyModel", image_size: tuple[int, int], backend: Backend
) -> UInt8[np.ndarray, "H W"]:
    """The part of one body that each pixel of the image sees; `result` has one row or none.

    A triangle belongs to the part of the joint that moves its first corner most.
    """
    if not len(fit):
        return np.zeros(image_size[::-1], np.uint8)
    (vertices,) = body.vertices(fit.params)
    corners = vertices[body.faces].reshape(-1, 3).astype(np.float32)  # corners are not shared, so
    labels = _parts_of(body)[body.faces[:, 0]].repeat(3)  # colours do not blend
    grey = np.repeat(labels[:, None] * _STEP, 3, axis=1).astype(np.uint8)
    triangles = np.arange(len(corners), dtype=np.int32).reshape(-1, 3)
    (cx, cy), (width, height) = fit.camera.center[0].tolist(), image_size
    camera = Pinhole(float(fit.camera.focal_length[0]), cx, cy, width, height)
    seen = rasterizer(backend).sample(Surface(corners, triangles, grey), camera)
    found = np.rint(seen.color[..., 0] / _STEP).astype(np.uint8)
    return np.where(seen.depth > 0, found, 0).astype(np.uint8)


def read_labels(path: Path, image_size: tuple[int, int], masks: bool) -> UInt8[np.ndarray, "H W"]:
    """A png as labels; in a mask, everything that is not black is 1.

    Raises:
        ValueError: it is not a picture of the image's size, or has labels that no part has.
    """
    try:
        with Pillow.open(path, formats=("PNG",)) as picture:
            size, palette = picture.size, picture.mode in ("P", "L", "1")
            labels = None
            if size == image_size:  # any other may be of any size
                labels = np.asarray(picture if palette else picture.convert("RGB"))
    # A damaged file can raise nearly anything from inside a decoder.
    except Exception as error:
        if is_short(error):  # not the file's fault
            raise
        raise ValueError(f"{path}: expected a readable png ({error})") from error
    if labels is None:
        width, height = image_size
        raise ValueError(f"{path}: expected the image's {width} x {height} px, got {size}")
    labels = labels.max(-1) if labels.ndim == 3 else labels
    labels = labels.astype(np.uint8)
    if masks:
        return (labels > 0).astype(np.uint8)
    unknown = set(np.unique(labels).tolist()) - {*range(len(PARTS)), IGNORED}
    if unknown:
        raise ValueError(f"{path}: expected labels 0..{len(PARTS) - 1} or {IGNORED}, got {unknown}")
    return labels


def overlap(fit: UInt8[np.ndarray, "H W"], truth: UInt8[np.ndarray, "H W"], labels: int) -> Overlap:
    """Compare the pixels that the annotation labels."""
    told = truth != IGNORED
    fit, truth = fit[told], truth[told]
    both = np.bincount(fit[fit == truth], minlength=labels)
    return Overlap(
        both,
        np.bincount(fit, minlength=labels) - both,
        np.bincount(truth, minlength=labels) - both,
        float(both.sum() / max(len(fit), 1)),
        len(fit),
    )


def accuracy_and_f1(
    images: list[Overlap], labels: int
) -> tuple[float, Float[np.ndarray, " {labels}"]]:
    """Share of the pixels of all images that agree, and F1 of each label over all of them (NaN for
    a label that no image has)."""
    both, fit_only, truth_only = (
        np.sum([np.zeros(labels, int), *(getattr(image, name) for image in images)], axis=0)
        for name in ("both", "fit_only", "truth_only")
    )
    with np.errstate(invalid="ignore"):
        f1 = 2 * both / (2 * both + fit_only + truth_only)
    return float(both.sum() / max(sum(image.pixels for image in images), 1)), f1


def _parts_of(body: "BodyModel") -> Int[np.ndarray, " V"]:
    part = np.zeros(24, int)
    for label, joints in enumerate(_JOINTS_OF_PARTS, start=1):
        part[list(joints)] = label
    return part[body.weights.argmax(1)]
