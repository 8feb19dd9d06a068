"""One frame with its people, as the group `render` wants it."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fitting.body.body_model import BodyParams
from fitting.joints import Keypoints
from fitting.result import FitResult
from pipeline.groups import Picture, RenderConfig
from pipeline.inputs.images import Image

if TYPE_CHECKING:
    from fitting.body.body_model import BodyModel
    from pipeline.drawing.around import Region
    from pipeline.drawing.floor import Floor
    from pipeline.drawing.mesh_renderer import Mesh, View

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1, px; the latter are not included."""

TURN_SECONDS = 6.0  # of a turntable, once round
TURN_FPS = 15.0  # of a photo's
_MARGIN = 0.25  # m around joints: hands, feet and hair lie beyond them
_LEAST = 16  # px, of a cropped side


@dataclass(frozen=True)
class Framing:
    """What the pictures of one clip have in common.

    Args:
        crop: the part of the input that is shown; None: all of it.
        region: what views from elsewhere show; None: in each frame all of everybody in it.
        doubtful: tracks of the people that crop and region disregard.
    """

    crop: Box | None = None
    region: "Region | None" = None
    doubtful: tuple[int, ...] = ()


def draw(
    photo: Image,
    result: FitResult,
    keypoints: Keypoints,
    body: "BodyModel",
    config: RenderConfig,
    framing: Framing = Framing(),
    turn: float = 0.0,
) -> Image:
    """Draw one frame with its people.

    Args:
        photo: RGB.
        result, keypoints: the rows of this frame, in the same order.
        framing: of the clip.
        turn: of a turntable, rad.
    """
    from pipeline.drawing.overlay import overlay, side_by_side

    view = view_of(result, (photo.shape[1], photo.shape[0]))
    photo, view, keypoints = _sized(photo, view, keypoints, framing.crop, config.max_side)
    if config.picture is Picture.skeleton:
        return _with_skeletons(photo, view, result)
    meshes = meshes_of(body, result.params, result.track)
    options = {"opacity": config.opacity, "backend": config.backend}
    if config.picture is Picture.white:
        return overlay(np.full_like(photo, 255), meshes, view, opacity=1, backend=config.backend)
    if config.picture is Picture.overlay:
        return overlay(photo, meshes, view, **options)
    doubtful = np.isin(result.track, framing.doubtful)
    elsewhere = _from_elsewhere(meshes, view, config, framing, doubtful, turn)
    if config.picture is Picture.turntable:
        return elsewhere
    points = keypoints.xy, keypoints.confidence
    return side_by_side(photo, meshes, view, elsewhere, keypoints=points, **options)


def doubtful_people(result: FitResult, most: float | None) -> tuple[int, ...]:
    """Tracks that a framing disregards, by their mean error over the clip.

    One person who was put far away, mostly by mistake, would make everybody else tiny. If all are
    doubtful, none is. A fit that cannot tell how far off it is says 0, and is not doubted.

    Args:
        result: rows that hold a body.
        most: expected error, mm; None: any.
    """
    tracks = np.unique(result.track)
    errors = [1000 * result.expected_error[result.track == track].mean() for track in tracks]
    doubted = [int(t) for t, error in zip(tracks, errors, strict=True) if error > (most or np.inf)]
    return tuple(doubted) if len(doubted) < len(tracks) else ()


def framing_of(
    result: FitResult,
    size: tuple[int, int],
    config: RenderConfig,
    video: bool,
    floor: "Floor | None" = None,
) -> Framing:
    """What the pictures of a clip have in common.

    Args:
        result: all rows of the clip that hold a body.
        size: of the input, px.
        video: then views from elsewhere show one region in all frames.
        floor: that people stand on, if it is known.
    """
    from pipeline.drawing.around import region_of_clip

    doubtful = doubtful_people(result, config.max_expected_error)
    known = result[~np.isin(result.track, doubtful)]
    crop = _box_around(known, size) if config.crop and len(known) else None
    region = region_of_clip(known.joints.reshape(-1, 3), floor) if video else None
    return Framing(crop, region, doubtful)


def turn_at(frame: int, fps: float) -> float:
    """How far a turntable has turned, rad."""
    return 2 * np.pi * frame / (fps * TURN_SECONDS)


def meshes_of(body: "BodyModel", params: BodyParams, track: np.ndarray) -> list["Mesh"]:
    """Everybody's surface, each in the person's colour."""
    from pipeline.drawing.mesh_renderer import Mesh, track_color

    return [
        Mesh(vertices, body.faces, track_color(int(person)))
        for vertices, person in zip(body.vertices(params), track, strict=True)
    ]


def view_of(result: FitResult, size: tuple[int, int]) -> "View":
    """The camera that the rows of one image share; any camera if there are no rows."""
    from pipeline.drawing.mesh_renderer import View

    if not len(result):
        width, height = size
        return View(float(max(size)), ((width - 1) / 2, (height - 1) / 2), size)
    cx, cy = result.camera.center[0].tolist()
    return View(float(result.camera.focal_length[0]), (cx, cy), size)


def _sized(
    photo: Image, view: "View", keypoints: Keypoints, crop: Box | None, max_side: int | None
) -> tuple[Image, "View", Keypoints]:
    """The part of the photo that is shown, its camera and its keypoints, at the size it gets."""
    xy = keypoints.xy
    if crop is not None:
        x0, y0, x1, y1 = crop
        photo, view = photo[y0:y1, x0:x1], view.cropped(crop)
        xy = xy - np.array([x0, y0], np.float32)
    longest = max(view.size)
    if max_side is not None and longest > max_side:
        import cv2

        factor = max_side / longest
        view = view.scaled(factor)
        photo = cv2.resize(photo, view.size, interpolation=cv2.INTER_AREA)
        xy = (xy + 0.5) * np.float32(factor) - np.float32(0.5)
    return photo, view, replace(keypoints, xy=xy)


def _with_skeletons(photo: Image, view: "View", result: FitResult) -> Image:
    """The fitted joints over the photo, limbs in the colour of the person."""
    from pipeline.drawing.mesh_renderer import track_color
    from pipeline.drawing.overlay import draw_keypoints

    picture = photo.copy()
    for xy, track in zip(_pixels(result.joints, view), result.track, strict=True):
        draw_keypoints(picture, xy, np.ones(len(xy)), track_color(int(track)))
    return picture


def _from_elsewhere(
    meshes: list["Mesh"],
    view: "View",
    config: RenderConfig,
    framing: Framing,
    doubtful: np.ndarray,
    turn: float,
) -> Image:
    """The bodies from the side, or from all around; a line says who may be out of the picture."""
    from pipeline.drawing.around import from_around, from_the_side, region_of
    from pipeline.drawing.caption import note

    known = [mesh for mesh, out in zip(meshes, doubtful, strict=True) if not out]
    region = framing.region or (region_of(known) if known else None)
    if config.picture is Picture.turntable:
        picture = from_around(meshes, view, turn, config.backend, region)
    else:
        picture = from_the_side(meshes, view, config.backend, region)
    if not doubtful.any():
        return picture
    limit = f"expected error above {config.max_expected_error:g} mm"
    return note(picture, f"framed without {doubtful.sum()} of {len(doubtful)}: {limit}")


def _box_around(result: FitResult, size: tuple[int, int]) -> Box:
    """The part of the input that holds the bodies of all rows."""
    focal, depth = result.camera.focal_length, np.maximum(result.joints[..., 2].min(axis=1), 0.1)
    margin = (_MARGIN * focal / depth)[:, None]
    views = [view_of(result[row : row + 1], size) for row in range(len(result))]
    xy = np.stack([_pixels(*pair) for pair in zip(result.joints, views, strict=True)])
    low, high = (xy.min(axis=1) - margin).min(axis=0), (xy.max(axis=1) + margin).max(axis=0)
    least = np.clip(np.floor(low), 0, np.maximum(np.array(size) - _LEAST, 0))
    most = np.clip(np.ceil(high), np.minimum(least + _LEAST, size), size)
    x0, y0, x1, y1 = (int(side) for side in (*least, *most))
    return x0, y0, x1, y1


def _pixels(points: np.ndarray, view: "View") -> np.ndarray:
    """Where the camera sees points (..., 3); those behind it far outside."""
    depth = np.maximum(points[..., 2:], 1e-3)
    return view.focal_length * points[..., :2] / depth + np.array(view.center)
