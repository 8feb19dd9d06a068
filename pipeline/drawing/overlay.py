"""Pictures for people: the fitted bodies over the photo, or next to it, and the joints."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, UInt8

from fitting.joints import LSP_14
from pipeline.drawing.mesh_renderer import Mesh, Rendering, View, render
from pipeline.drawing.rasterizers import Backend

Image = UInt8[np.ndarray, "_height _width 3"]

_LIMBS = (
    ("head_top", "neck"),
    ("neck", "left_shoulder"),
    ("neck", "right_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("left_hip", "right_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
)
_LEFT, _RIGHT, _MIDDLE = (255, 138, 76), (64, 178, 255), (250, 240, 120)
_SEEN, _SHADE = (255, 255, 255), (40, 40, 40)
_ROWS_AT_ONCE = 256
_GAP = 0.008  # white between the panels, of their height


def compose(photo: Image, rendering: Rendering, opacity: float = 0.88) -> Image:
    """Lay the drawn bodies over a photo of the same size; the rest of the photo is unchanged.

    Raises:
        ValueError: the sizes differ or opacity is not within 0..1.
    """
    if photo.shape != rendering.color.shape:
        expected, got = rendering.color.shape, photo.shape
        raise ValueError(
            f"compose: expected a photo of the same shape as the rendering, {expected}, got {got}"
        )
    if not 0 <= opacity <= 1:
        raise ValueError(f"compose: expected opacity within 0..1, got {opacity}")
    mixed = photo.copy()
    rows, columns = (_span(rendering.alpha.any(axis=axis)) for axis in (1, 0))
    for first in range(rows.start, rows.stop, _ROWS_AT_ONCE):  # a whole photo in floats is large
        part = slice(first, min(first + _ROWS_AT_ONCE, rows.stop)), columns
        share = opacity * rendering.alpha[part][..., None]
        mixed[part] = np.rint(photo[part] * (1 - share) + rendering.color[part] * share)
    return mixed


def _span(covered: Bool[np.ndarray, " n"]) -> slice:
    """From the first to the last that is covered."""
    found = np.flatnonzero(covered)
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0)


def overlay(
    photo: Image,
    meshes: Sequence[Mesh],
    view: View,
    *,
    opacity: float = 0.88,
    backend: Backend = Backend.auto,
) -> Image:
    """The photo with the bodies drawn over it."""
    return compose(photo, render(meshes, view, backend), opacity)


def side_by_side(
    photo: Image,
    meshes: Sequence[Mesh],
    view: View,
    aside: Image,
    *,
    keypoints: tuple[Float[np.ndarray, "P 14 2"], Float[np.ndarray, "P 14"]] | None = None,
    opacity: float = 0.88,
    backend: Backend = Backend.auto,
) -> Image:
    """Three panels of one size: the photo, the bodies over it, and another view of them.

    Args:
        photo: RGB.
        meshes: one per person, in the camera frame.
        view: the photo's camera.
        aside: the third panel (pipeline/drawing/around.py), of the photo's size.
        keypoints: xy (px) and confidence (0..1) of LSP's 14 joints, drawn on the photo.
        opacity: of the bodies over the photo, 0..1.
        backend: see `mesh_renderer.render`.
    """
    left = photo.copy()
    if keypoints is not None:
        for xy, confidence in zip(*keypoints, strict=True):
            draw_keypoints(left, xy, confidence)
    middle = overlay(photo, meshes, view, opacity=opacity, backend=backend)
    gap = np.full((len(photo), max(2, round(_GAP * len(photo))), 3), 255, np.uint8)
    return np.concatenate([left, gap, middle, gap, aside], axis=1)


def draw_keypoints(
    image: Image,
    xy: Float[np.ndarray, "14 2"],
    confidence: Float[np.ndarray, " 14"],
    limbs: UInt8[np.ndarray, "3"] | None = None,
) -> None:
    """Draw LSP's 14 joints and the limbs between them on an image, in place.

    The person's left is orange, the right blue. Joints of confidence 0 and their limbs are left
    out; unsure ones are small.

    Args:
        limbs: their colour; None: that of their side.
    """
    import cv2

    # OpenCV takes whole numbers with fractional bits, so joints need not lie on the pixel grid.
    bits, size = 4, max(1.0, 0.004 * max(image.shape[:2]))
    place = {
        name: tuple(np.rint(point.clip(-1e5, 1e5) * 2**bits).astype(int).tolist())
        for name, point, sure in zip(LSP_14, xy, confidence, strict=True)
        if sure > 0
    }
    for a, b in _LIMBS:
        if a in place and b in place:
            thick = max(1, round(0.8 * size))
            color = _side_color(a, b)
            if limbs is not None:  # pale, so a dark edge makes them seen on light ground
                thick, color = thick + 1, tuple(limbs.tolist())
                cv2.line(image, place[a], place[b], _SHADE, thick + 2, cv2.LINE_AA, bits)
            cv2.line(image, place[a], place[b], color, thick, cv2.LINE_AA, bits)
    for name, sure in zip(LSP_14, confidence, strict=True):
        if name in place:
            radius = round((0.6 + 0.6 * float(sure)) * size * 2**bits)
            cv2.circle(image, place[name], radius, (255, 255, 255), -1, cv2.LINE_AA, bits)
            inner, color = round(0.7 * radius), _side_color(name, name)
            cv2.circle(image, place[name], inner, color, -1, cv2.LINE_AA, bits)


def draw_residuals(
    image: Image,
    fitted: Float[np.ndarray, "n 2"],
    seen: Float[np.ndarray, "n 2"],
    confidence: Float[np.ndarray, " n"],
) -> None:
    """Draw, in place, a ring where a joint was seen and a thin line from there to the fitted joint;
    joints of confidence 0 are left out."""
    import cv2

    bits, size = 4, max(1.0, 0.004 * max(image.shape[:2]))
    ends = [np.rint(p.clip(-1e5, 1e5) * 2**bits).astype(int) for p in (fitted, seen)]
    radius = round(1.5 * size * 2**bits)
    for a, b in zip(*(points[confidence > 0].tolist() for points in ends), strict=True):
        for color, thick in ((_SHADE, 3), (_SEEN, 1)):  # seen on light and dark ground
            cv2.line(image, a, b, color, thick, cv2.LINE_AA, bits)
            cv2.circle(image, b, radius, color, thick, cv2.LINE_AA, bits)


def _side_color(a: str, b: str) -> tuple[int, int, int]:
    sides = {name.split("_")[0] for name in (a, b)}
    if {"left", "right"} <= sides:
        return _MIDDLE
    return _LEFT if "left" in sides else _RIGHT if "right" in sides else _MIDDLE
