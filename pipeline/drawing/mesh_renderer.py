"""Draws bodies as the photo's camera sees them: lit colour, coverage with soft edges, depth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from pipeline.drawing.rasterizers import NEAR, Backend, Pinhole, Samples, Surface, rasterizer

PALETTE = np.array(
    [
        (150, 182, 224),  # light blue
        (232, 186, 146),  # sand
        (146, 202, 156),  # sage
        (224, 146, 160),  # rose
        (176, 156, 222),  # lavender
        (236, 212, 116),  # gold
        (112, 196, 200),  # teal
        (198, 192, 184),  # warm grey
    ],
    np.uint8,
)
"""One colour per person, repeated: see `track_color`."""

# Unit vectors towards the lights in the camera frame (y down, the camera looks along +z).
_KEY = np.array([-0.48, -0.62, -0.62])
_FILL = np.array([0.80, 0.05, -0.60])
_HALF = np.array([-0.30, -0.38, -0.87])  # half way between the key light and the camera
_SKY, _GROUND, _KEY_POWER, _FILL_POWER, _GLOSS = 0.46, 0.30, 0.62, 0.16, 0.16

_SUPERSAMPLE = 2
_MAX_SIDE = (
    3072  # samples along the longer side of what is drawn; beyond it the picture is enlarged
)
_BLOCK = 32  # drawn areas are multiples of this, so that OpenGL seldom makes new buffers


@dataclass(frozen=True)
class Mesh:
    """A surface in the camera frame.

    Args:
        vertices: metres, x right, y down, z forward.
        faces: vertex indices, counter-clockwise seen from outside.
        color: RGB of the whole surface, or of each vertex.

    Raises:
        ValueError: a shape or value is wrong; the message says what was expected and given.
    """

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]
    color: UInt8[np.ndarray, "3"] | UInt8[np.ndarray, "V 3"]

    def __post_init__(self) -> None:
        if self.vertices.ndim != 2 or self.vertices.shape[1] != 3:
            raise ValueError(f"Mesh.vertices: expected shape (V, 3), got {self.vertices.shape}")
        if not np.isfinite(self.vertices).all():
            raise ValueError("Mesh.vertices: expected finite numbers, got NaN or infinity")
        if self.faces.ndim != 2 or self.faces.shape[1] != 3:
            raise ValueError(f"Mesh.faces: expected shape (F, 3), got {self.faces.shape}")
        count = len(self.vertices)
        if self.faces.size and (self.faces.min() < 0 or self.faces.max() >= count):
            low, high = self.faces.min(), self.faces.max()
            raise ValueError(f"Mesh.faces: expected indices 0..{count - 1}, got {low}..{high}")
        if self.color.dtype != np.uint8 or self.color.shape not in ((3,), (count, 3)):
            got = f"{self.color.dtype} {self.color.shape}"
            raise ValueError(f"Mesh.color: expected uint8 of shape (3,) or ({count}, 3), got {got}")

    def moved(self, vertices: Float[np.ndarray, "V 3"]) -> "Mesh":
        """The same surface with other positions of its vertices."""
        return replace(self, vertices=vertices)


@dataclass(frozen=True)
class View:
    """The camera of a photo, at the origin of the camera frame.

    Args:
        focal_length: px.
        center: principal point x, y, px with pixel centres at integers.
        size: width, height of the image, px.
    """

    focal_length: float
    center: tuple[float, float]
    size: tuple[int, int]

    def __post_init__(self) -> None:
        numbers = np.array([self.focal_length, *self.center], float)
        if not np.isfinite(numbers).all() or self.focal_length <= 0:
            got = f"focal_length {self.focal_length}, center {self.center}"
            raise ValueError(f"View: expected a positive focal length and finite center, got {got}")
        if min(self.size) < 1:
            raise ValueError(f"View.size: expected width and height of at least 1, got {self.size}")

    def cropped(self, box: tuple[int, int, int, int]) -> "View":
        """The view of a part of the same photo: x0, y0, x1, y1, px, the latter not included."""
        x0, y0, x1, y1 = box
        center = (self.center[0] - x0, self.center[1] - y0)
        return View(self.focal_length, center, (x1 - x0, y1 - y0))

    def scaled(self, factor: float) -> "View":
        """The view of the same photo resized by `factor`."""
        cx, cy = ((c + 0.5) * factor - 0.5 for c in self.center)
        width, height = (max(1, round(side * factor)) for side in self.size)
        return View(self.focal_length * factor, (cx, cy), (width, height))


@dataclass(frozen=True)
class Rendering:
    """What the camera sees of the meshes.

    Args:
        color: RGB, black where there is nothing.
        alpha: how much of each pixel is covered, 0..1.
        depth: z of the nearest surface, mean over the covered part of the pixel, metres; 0 where
            there is nothing.
    """

    color: UInt8[np.ndarray, "H W 3"]
    alpha: Float32[np.ndarray, "H W"]
    depth: Float32[np.ndarray, "H W"]

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool: whether at least half of the pixel is covered."""
        return self.alpha >= 0.5


@dataclass(frozen=True)
class _Window:
    """The drawn part of the image: its place in px, with `shrink` px (or 1/2) per sample."""

    x: int
    y: int
    width: int
    height: int
    shrink: float

    def camera(self, view: View) -> Pinhole:
        cx = (view.center[0] - self.x + 0.5) / self.shrink - 0.5
        cy = (view.center[1] - self.y + 0.5) / self.shrink - 0.5
        width, height = round(self.width / self.shrink), round(self.height / self.shrink)
        return Pinhole(view.focal_length / self.shrink, cx, cy, width, height)


def track_color(track: int) -> UInt8[np.ndarray, "3"]:
    """The colour that a person keeps through a clip."""
    return PALETTE[track % len(PALETTE)]


def render(meshes: Sequence[Mesh], view: View, backend: Backend = Backend.auto) -> Rendering:
    """Draw meshes in front of nothing.

    Only the part of the image that the meshes may cover is drawn, at twice its resolution for
    smooth edges, or at a lower resolution if it is larger than 3072 px.

    Args:
        meshes: any number, or none; parts behind the camera or outside the image are left out.
        view: the photo's camera.
        backend: pyrender (OpenGL), raycast (Embree), or whichever works; the pictures agree.
    """
    width, height = view.size
    blank = Rendering(
        np.zeros((height, width, 3), np.uint8),
        np.zeros((height, width), np.float32),
        np.zeros((height, width), np.float32),
    )
    surface = _merge([mesh for mesh in meshes if len(mesh.faces)])
    window = _window(surface.vertices, view)
    if window is None:
        return blank
    drawn = _resolve(rasterizer(backend).sample(surface, window.camera(view)), window)
    _paste(drawn, window, blank)
    return blank


def lit_colors(mesh: Mesh) -> UInt8[np.ndarray, "V 3"]:
    """Vertex colours under a key light from the camera's upper left, a fill light and the sky."""
    normals = vertex_normals(mesh.vertices, mesh.faces)
    ambient = _GROUND + (_SKY - _GROUND) * (0.5 - 0.5 * normals[:, 1])
    key, fill = (np.clip(normals @ light, 0, None) for light in (_KEY, _FILL))
    gloss = 255 * _GLOSS * np.clip(normals @ _HALF, 0, None) ** 14
    diffuse = ambient + _KEY_POWER * key + _FILL_POWER * fill
    lit = diffuse[:, None] * mesh.color.astype(float) + gloss[:, None]
    return np.clip(np.rint(lit), 0, 255).astype(np.uint8)


def vertex_normals(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> Float[np.ndarray, "V 3"]:
    """Outward unit normals: the mean of the faces around each vertex, by area."""
    a, b, c = (vertices[faces[:, k]].astype(float) for k in range(3))
    weighted = np.cross(b - a, c - a)
    total = np.zeros(vertices.shape)
    for axis in range(3):
        spread = np.repeat(weighted[:, axis], 3)
        total[:, axis] = np.bincount(faces.reshape(-1), spread, minlength=len(vertices))
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def _merge(meshes: Sequence[Mesh]) -> Surface:
    firsts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    faces = [mesh.faces + first for mesh, first in zip(meshes, firsts, strict=False)]
    return Surface(
        np.concatenate([np.zeros((0, 3)), *(m.vertices for m in meshes)]).astype(np.float32),
        np.concatenate([np.zeros((0, 3), int), *faces]).astype(np.int32),
        np.concatenate([np.zeros((0, 3), np.uint8), *map(lit_colors, meshes)]),
    )


def _window(vertices: Float32[np.ndarray, "V 3"], view: View) -> _Window | None:
    """The smallest window that holds all that can be seen, or None."""
    front = vertices[vertices[:, 2] > NEAR]
    if not len(front):
        return None
    low, high = np.zeros(2), np.array(view.size, float)
    # A surface that crosses the near plane projects beyond its vertices, so draw the whole image.
    if len(front) == len(vertices):
        xy = view.focal_length * front[:, :2] / front[:, 2:] + np.array(view.center)
        low = np.maximum(low, np.floor(xy.min(axis=0)) - 1)
        high = np.minimum(high, np.ceil(xy.max(axis=0)) + 2)
    if (low >= high).any():
        return None
    side = float((high - low).max())
    shrink = float(np.ceil(side / _MAX_SIDE))
    if side * _SUPERSAMPLE <= _MAX_SIDE:
        shrink = 1 / _SUPERSAMPLE
    block = _BLOCK * max(1, int(shrink))
    width, height = (np.ceil((high - low) / block) * block).astype(int)
    return _Window(int(low[0]), int(low[1]), int(width), int(height), shrink)


def _resolve(samples: Samples, window: _Window) -> Rendering:
    """Turn samples into pixels: average a pixel's covered samples, or enlarge samples to pixels."""
    import cv2

    covered = (samples.depth > 0).astype(np.float32)
    size = (window.width, window.height)
    smooth = cv2.INTER_AREA if window.shrink < 1 else cv2.INTER_LINEAR
    alpha = cv2.resize(covered, size, interpolation=smooth)
    share = 1 / np.maximum(alpha, 1e-6)
    # Samples that see nothing are black and at depth 0, so they add nothing to the mean.
    color = cv2.resize(samples.color.astype(np.float32), size, interpolation=smooth)
    depth = cv2.resize(samples.depth, size, interpolation=smooth) * share
    color = np.rint((color * share[..., None]).clip(0, 255)).astype(np.uint8)
    return Rendering(color, alpha, depth)


def _paste(drawn: Rendering, window: _Window, onto: Rendering) -> None:
    """Put a drawn window, cut at the image's edge, into its place in the whole image."""
    height, width = onto.alpha.shape
    rows = slice(window.y, min(window.y + window.height, height))
    columns = slice(window.x, min(window.x + window.width, width))
    cut = (slice(0, rows.stop - rows.start), slice(0, columns.stop - columns.start))
    onto.color[rows, columns] = drawn.color[cut]
    onto.alpha[rows, columns] = drawn.alpha[cut]
    onto.depth[rows, columns] = drawn.depth[cut]
