"""The fitted bodies as seen from elsewhere: from the side, or from all around."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from pipeline.drawing.floor import Floor
from pipeline.drawing.mesh_renderer import Mesh, View, render
from pipeline.drawing.overlay import compose
from pipeline.drawing.rasterizers import Backend

Image = UInt8[np.ndarray, "H W 3"]

_BACKDROP = (252, 224)  # grey levels at the top and the bottom
_FILL = 0.92  # how much of the picture a view may take
_FAR = 12  # times the reach of what is framed: nobody is too close to the camera
_ABOUT_JOINTS = 0.15  # m that a body reaches beyond its joints
_RAISED = np.radians(8)  # how far the camera looks down if there is a floor to see
_LINE = 196  # grey level of the floor's lines
_FRAMED = 98  # percentile of a clip's joints: a body that is far off now and then may leave it


@dataclass(frozen=True)
class Region:
    """What a view from elsewhere shows, m, in the photo's camera frame, or in level axes.

    Args:
        middle: the point in the middle of the picture.
        half: how far people reach from it along x, y and z, and at most in any level direction.
        floor: which they stand on; then the axes are its level ones.
    """

    middle: Float[np.ndarray, "3"]
    half: Float[np.ndarray, "4"]
    floor: Floor | None = None

    @property
    def height(self) -> float:
        """How far the picture reaches up and down, m; from above, depth is seen as height."""
        return float(self.half[1] + (np.sin(_RAISED) * self.half[3] if self.floor else 0.0))


def region_of_clip(joints: Float[np.ndarray, "N 3"], floor: Floor | None = None) -> Region | None:
    """One region for all frames, so that the camera stands still; None if there is nobody."""
    if not len(joints):
        return None
    joints = floor.levelled(joints) if floor else joints
    middle = np.median(joints, axis=0)
    low, high = np.percentile(joints[:, 1], (100 - _FRAMED, _FRAMED))
    middle[1] = (low + high) / 2
    half = np.percentile(_reach(joints - middle), _FRAMED, axis=0)
    return Region(middle, half + _ABOUT_JOINTS, floor)


def region_of(meshes: Sequence[Mesh]) -> Region:
    """The region that holds all of everybody in one picture."""
    points = np.concatenate([mesh.vertices for mesh in meshes])
    middle = points.mean(axis=0)
    middle[1] = (points[:, 1].min() + points[:, 1].max()) / 2
    return Region(middle, _reach(points - middle).max(axis=0))


def from_the_side(
    meshes: Sequence[Mesh],
    view: View,
    backend: Backend = Backend.auto,
    region: Region | None = None,
) -> Image:
    """Draw all bodies turned by 90 degrees about the vertical axis through their middle.

    They keep the photo's scale at that axis, or are made smaller if they would not fit.

    Args:
        meshes: one per person, in the camera frame.
        view: of the photo; the picture has its size.
        backend: see `mesh_renderer.render`.
        region: what is shown; None: all of everybody.
    """
    if not meshes:
        return _backdrop(*view.size)
    region = region or region_of(meshes)
    scale = view.focal_length / max(float(region.middle[2]), 0.1)  # px per metre at the axis
    scale = min(scale, _scale_that_fits(view.size, region.half[2], region.height))
    return _seen(meshes, view, region, np.pi / 2, scale, backend)


def from_around(
    meshes: Sequence[Mesh],
    view: View,
    turn: float,
    backend: Backend = Backend.auto,
    region: Region | None = None,
) -> Image:
    """Draw all bodies turned about the vertical axis through their middle, as large as fits.

    Args:
        meshes, view, backend, region: see `from_the_side`.
        turn: rad; 0 looks the way of the photo's camera, pi / 2 from its right.
    """
    if not meshes:
        return _backdrop(*view.size)
    region = region or region_of(meshes)
    scale = _scale_that_fits(view.size, region.half[3], region.height)
    return _seen(meshes, view, region, turn, scale, backend)


def _seen(
    meshes: Sequence[Mesh], view: View, region: Region, turn: float, scale: float, backend: Backend
) -> Image:
    """Bodies turned about the middle of the region, at so many px a metre.

    The camera steps far back along its axis with a longer lens, so that people who stood behind
    each other stand side by side. With a floor it stands upright and looks down a little.
    """
    width, height = view.size
    floor = region.floor

    def turned_about(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        turned = _turned(points - region.middle, turn)
        return _from_above(turned) if floor else turned

    turned = [turned_about(floor.levelled(m.vertices) if floor else m.vertices) for m in meshes]
    nearest = min(float(vertices[:, 2].min()) for vertices in turned)
    reach = max(float(region.half[:3].max()), 1e-3)
    distance = max(_FAR * reach, -2 * nearest)  # somebody outside the region may be nearer
    camera = View(scale * distance, ((width - 1) / 2, (height - 1) / 2), view.size)
    away = np.array([0, 0, distance])
    placed = [mesh.moved(v + away) for mesh, v in zip(meshes, turned, strict=True)]
    backdrop = _backdrop(width, height)
    if floor:
        lines = floor.lines(region.middle, float(region.half[3]))
        _draw_lines(backdrop, turned_about(lines.reshape(-1, 3)) + away, camera)
    return compose(backdrop, render(placed, camera, backend), 1.0)


def _reach(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 4"]:
    """How far points are from the origin along x, y, z and in the level plane."""
    level = np.hypot(points[:, 0], points[:, 2])
    return np.concatenate([np.abs(points), level[:, None]], axis=1)


def _scale_that_fits(size: tuple[int, int], across: float, up: float) -> float:
    """px per metre at which so many metres to either side, and up or down, are in the picture."""
    half = np.maximum([across, up], 1e-6)
    return float((_FILL * np.array(size) / 2 / half).min())


def _turned(points: Float[np.ndarray, "V 3"], turn: float) -> Float[np.ndarray, "V 3"]:
    """Turn points (x right, z forward) to the view of somebody who has gone so far around the
    origin, to the right first."""
    cos, sin = np.cos(turn), np.sin(turn)
    x, y, z = points.T
    return np.stack([cos * x + sin * z, y, cos * z - sin * x], axis=1)


def _from_above(points: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
    """Points as somebody sees them who looks down a little."""
    cos, sin = np.cos(_RAISED), np.sin(_RAISED)
    x, y, z = points.T
    return np.stack([x, cos * y - sin * z, cos * z + sin * y], axis=1)


def _draw_lines(picture: Image, ends: Float[np.ndarray, "n 3"], camera: View) -> None:
    """Draw lines on a picture, in place; two ends each."""
    import cv2

    pixels = camera.focal_length * ends[:, :2] / ends[:, 2:] + np.array(camera.center)
    places = np.rint(pixels * 16).astype(np.int32).reshape(-1, 1, 2, 2)  # 4 bits of fraction
    cv2.polylines(picture, list(places[:, 0]), False, (_LINE,) * 3, 1, cv2.LINE_AA, shift=4)


def _backdrop(width: int, height: int) -> Image:
    grey = np.rint(np.linspace(*_BACKDROP, height)).astype(np.uint8)
    return np.broadcast_to(grey[:, None, None], (height, width, 3)).copy()
