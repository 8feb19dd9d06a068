"""Pictures for people: the fitted bodies over the photo, and next to it from another side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from fitting.joints import LSP_14
from pipeline.drawing.mesh_renderer import Mesh, Rendering, View, render
from pipeline.drawing.rasterizers import Backend

Image = UInt8[np.ndarray, "H W 3"]

_LIMBS = (
    ("head_top", "neck"), ("neck", "left_shoulder"), ("neck", "right_shoulder"),
    ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_hip"), ("right_shoulder", "right_hip"), ("left_hip", "right_hip"),
    ("left_hip", "left_knee"), ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"), ("right_knee", "right_ankle"),
)  # fmt: skip
_LEFT, _RIGHT, _MIDDLE = (255, 138, 76), (64, 178, 255), (250, 240, 120)
_SEEN, _SHADE = (255, 255, 255), (40, 40, 40)
_BACKDROP = (252, 224)  # grey levels at the top and the bottom of the view from the side
_ROWS_AT_ONCE = 256
_GAP = 0.008  # white between the panels, of their height
_FILL = 0.92  # how much of its panel a side view may take
_ABOUT_JOINTS = 0.15  # m that a body reaches beyond its joints
_FRAMED = 98  # percentile of a clip's joints: a body that is far off now and then may leave it


@dataclass(frozen=True)
class Framing:
    """The region that a view from the side shows, m, in the photo's camera frame.

    Args:
        middle: the point in the middle of the picture.
        half: how far people reach from it: to each side, up and down, and in depth.
    """

    middle: Float[np.ndarray, "3"]
    half: Float[np.ndarray, "3"]


def framing_of_clip(joints: Float[np.ndarray, "N 3"]) -> Framing | None:
    """One framing for all frames, so that the camera stands still; None if there is nobody."""
    if not len(joints):
        return None
    middle = np.median(joints, axis=0)
    low, high = np.percentile(joints[:, 1], (100 - _FRAMED, _FRAMED))
    middle[1] = (low + high) / 2
    half = np.percentile(np.abs(_quarter_turn(joints - middle)), _FRAMED, axis=0)
    return Framing(middle, half + _ABOUT_JOINTS)


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
    mixed = np.empty_like(photo)
    for first in range(0, len(photo), _ROWS_AT_ONCE):  # the whole photo in floats takes gigabytes
        rows = slice(first, first + _ROWS_AT_ONCE)
        share = opacity * rendering.alpha[rows, :, None]
        mixed[rows] = np.rint(photo[rows] * (1 - share) + rendering.color[rows] * share)
    return mixed


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
    *,
    keypoints: tuple[Float[np.ndarray, "P 14 2"], Float[np.ndarray, "P 14"]] | None = None,
    opacity: float = 0.88,
    max_side: int = 1080,
    backend: Backend = Backend.auto,
    framing: Framing | None = None,
) -> Image:
    """Three panels of one size: the photo, the bodies over it, the bodies from the right.

    Args:
        photo: RGB.
        meshes: one per person, in the camera frame.
        view: the photo's camera.
        keypoints: xy (px) and confidence (0..1) of LSP's 14 joints, drawn on the photo.
        opacity: of the bodies over the photo, 0..1.
        max_side: px; a photo with a longer side is made smaller.
        backend: see `mesh_renderer.render`.
        framing: of the view from the side; None: around the meshes.
    """
    import cv2

    factor = min(1.0, max_side / max(view.size))
    if factor < 1:
        view = view.scaled(factor)
        photo = cv2.resize(photo, view.size, interpolation=cv2.INTER_AREA)
    left = photo.copy()
    if keypoints is not None:
        for xy, confidence in zip(*keypoints, strict=True):
            draw_keypoints(left, (xy + 0.5) * factor - 0.5, confidence)
    middle = overlay(photo, meshes, view, opacity=opacity, backend=backend)
    right = from_the_side(meshes, view, backend, framing)
    gap = np.full((len(photo), max(2, round(_GAP * len(photo))), 3), 255, np.uint8)
    return np.concatenate([left, gap, middle, gap, right], axis=1)


def from_the_side(
    meshes: Sequence[Mesh], view: View, backend: Backend = Backend.auto,
    framing: Framing | None = None,
) -> Image:  # fmt: skip
    """Draw all bodies turned by 90 degrees about the vertical axis through their middle.

    They keep the photo's scale at that axis, or are made smaller if they would not fit. The camera
    steps far back along its axis with a longer lens, so that people who stood behind each other
    stand side by side, and nobody is too close to the camera.
    """
    width, height = view.size
    backdrop = _backdrop(width, height)
    if not meshes:
        return backdrop
    framing = framing or _around(meshes)
    scale = view.focal_length / max(float(framing.middle[2]), 0.1)  # px per metre at the axis
    room = _FILL * np.array(view.size) / 2
    scale = min(scale, *(room / np.maximum(framing.half[:2], 1e-6)))
    turned = [_quarter_turn(mesh.vertices - framing.middle) for mesh in meshes]
    distance = 12 * max(float(framing.half.max()), 1e-3)
    camera = View(scale * distance, ((width - 1) / 2, (height - 1) / 2), view.size)
    away = np.array([0, 0, distance])
    placed = [mesh.moved(v + away) for mesh, v in zip(meshes, turned, strict=True)]
    return compose(backdrop, render(placed, camera, backend), 1.0)


def _around(meshes: Sequence[Mesh]) -> Framing:
    """The framing of one picture's side view: all of everybody."""
    points = np.concatenate([mesh.vertices for mesh in meshes])
    middle = points.mean(axis=0)
    middle[1] = (points[:, 1].min() + points[:, 1].max()) / 2
    half = np.abs(_quarter_turn(points - middle)).max(axis=0)
    return Framing(middle, half)


def draw_keypoints(
    image: Image, xy: Float[np.ndarray, "14 2"], confidence: Float[np.ndarray, " 14"]
) -> None:
    """Draw LSP's 14 joints and the limbs between them on an image, in place.

    The person's left is orange, the right blue. Joints of confidence 0 and their limbs are left
    out; unsure ones are small.
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
            cv2.line(image, place[a], place[b], _side_color(a, b), thick, cv2.LINE_AA, bits)
    for name, sure in zip(LSP_14, confidence, strict=True):
        if name in place:
            radius = round((0.6 + 0.6 * float(sure)) * size * 2**bits)
            cv2.circle(image, place[name], radius, (255, 255, 255), -1, cv2.LINE_AA, bits)
            inner, color = round(0.7 * radius), _side_color(name, name)
            cv2.circle(image, place[name], inner, color, -1, cv2.LINE_AA, bits)


def draw_residuals(
    image: Image, fitted: Float[np.ndarray, "n 2"], seen: Float[np.ndarray, "n 2"],
    confidence: Float[np.ndarray, " n"],
) -> None:  # fmt: skip
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


def _quarter_turn(points: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
    """Turn points (x right, z forward) to the view of somebody at the photo's right edge, looking
    left."""
    return np.stack([points[:, 2], points[:, 1], -points[:, 0]], axis=1)


def _backdrop(width: int, height: int) -> Image:
    grey = np.rint(np.linspace(*_BACKDROP, height)).astype(np.uint8)
    return np.broadcast_to(grey[:, None, None], (height, width, 3)).copy()
