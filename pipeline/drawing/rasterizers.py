"""Two ways to find which surface each pixel sees: OpenGL by pyrender, ray casting by Embree.

Both only sample: colours arrive already lit (pipeline/drawing/mesh_renderer.py), so both give the
same picture.
"""

import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool, Float32, Int, Int32, UInt8

NEAR = 0.05
"""Surfaces nearer to the camera than this are not drawn, metres."""

_RAYS_AT_ONCE = 1 << 20  # about 100 MB of rays and hits
_TILE = 16  # px
_FEW = 64  # pictures
_PROBE = "from pipeline.drawing.rasterizers import PyrenderRasterizer; PyrenderRasterizer().check()"
_log = logging.getLogger(__name__)


class Backend(Enum):
    """How meshes are drawn; names are lower case, as in configuration files."""

    auto = "auto"
    pyrender = "pyrender"
    raycast = "raycast"


@dataclass(frozen=True)
class Samples:
    """What the pixels of a view see: lit colour, and depth along z in metres (0 = nothing)."""

    color: UInt8[np.ndarray, "h w 3"]
    depth: Float32[np.ndarray, "h w"]


@dataclass(frozen=True)
class Surface:
    """One triangle soup in the camera frame (x right, y down, z forward) with lit colours."""

    vertices: Float32[np.ndarray, "V 3"]
    faces: Int32[np.ndarray, "F 3"]
    colors: UInt8[np.ndarray, "V 3"]


@dataclass(frozen=True)
class Pinhole:
    """focal_length px, principal point cx, cy px with pixel centres at integers, size in px."""

    focal_length: float
    cx: float
    cy: float
    width: int
    height: int


class Rasterizer(Protocol):
    """Samples a surface once at the centre of every pixel."""

    def sample(self, surface: Surface, camera: Pinhole) -> Samples:
        """Colour and depth of the nearest triangle at each pixel, from either of its sides."""
        ...


class RaycastRasterizer:
    """Embree: one ray through each pixel centre; needs no GL library."""

    def sample(self, surface: Surface, camera: Pinhole) -> Samples:
        """See `Rasterizer.sample`."""
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        scene = EmbreeScene()
        TriangleMesh(scene, surface.vertices, surface.faces)
        color = np.zeros((camera.height * camera.width, 3), np.uint8)
        depth = np.zeros(camera.height * camera.width, np.float32)
        pixels = np.flatnonzero(_may_see(surface, camera))
        for first in range(0, len(pixels), _RAYS_AT_ONCE):
            some = pixels[first : first + _RAYS_AT_ONCE]
            rays = _rays(camera, some)
            found = scene.run(rays * np.float32(NEAR), rays, output=1)
            hit = np.flatnonzero(found["primID"] >= 0)
            # The rays have z = 1, so Embree's distance along a ray is depth.
            depth[some[hit]] = found["tfar"][hit] + NEAR
            corner_colors = surface.colors[surface.faces[found["primID"][hit]]]
            color[some[hit]] = np.rint(_blend(corner_colors, found["u"][hit], found["v"][hit]))
        shape = (camera.height, camera.width)
        return Samples(color.reshape(*shape, 3), depth.reshape(shape))


class PyrenderRasterizer:
    """OpenGL off screen, on the platform that PYOPENGL_PLATFORM names (egl or osmesa)."""

    def __init__(self) -> None:
        # pyrender takes seconds to import; a missing GL library fails here at once.
        import OpenGL.GL  # noqa: F401
        from pyrender import OffscreenRenderer

        self._renderer: Any = OffscreenRenderer(64, 64)
        _single_sample(self._renderer._renderer)

    def sample(self, surface: Surface, camera: Pinhole) -> Samples:
        """See `Rasterizer.sample`."""
        from pyrender import RenderFlags

        self._renderer.viewport_width = camera.width
        self._renderer.viewport_height = camera.height
        flags = RenderFlags.RGBA | RenderFlags.FLAT | RenderFlags.SKIP_CULL_FACES
        color, depth = self._renderer.render(_gl_scene(surface, camera), flags)
        return Samples(color[..., :3], depth)

    def check(self) -> None:
        """Draw one triangle, and raise RuntimeError if it comes out wrong."""
        corners = np.array([[-9, -9, 2], [9, -9, 2], [0, 9, 2]], np.float32)
        triangle = Surface(corners, np.array([[0, 1, 2]], np.int32), np.full((3, 3), 200, np.uint8))
        seen = self.sample(triangle, Pinhole(8, 4, 4, 8, 8))
        if abs(seen.depth[4, 4] - 2) > 1e-3 or abs(int(seen.color[4, 4, 0]) - 200) > 2:
            raise RuntimeError("OpenGL drew a test triangle wrongly")


def backend_for(backend: Backend, pictures: int) -> Backend:
    """What `auto` means for so many pictures: OpenGL takes seconds to start, and then draws each in
    a third of the time."""
    return Backend.raycast if backend is Backend.auto and pictures <= _FEW else backend


@cache
def rasterizer(backend: Backend) -> Rasterizer:
    """The rasterizer of a backend; `auto` is pyrender if a GL library works, else ray casting.

    There is one per process, for one thread: an OpenGL context belongs to its thread.

    Raises:
        RuntimeError: pyrender was asked for by name and no GL library works here.
    """
    if backend is Backend.raycast:
        return RaycastRasterizer()
    platform = gl_platform()
    if platform is not None:
        os.environ["PYOPENGL_PLATFORM"] = platform  # PyOpenGL reads it once, at its first import
        return PyrenderRasterizer()
    if backend is Backend.pyrender:
        raise RuntimeError(
            "backend pyrender: neither EGL nor OSMesa works here; expected one of them "
            "(Debian: apt-get install libgl1 libegl1 libgl1-mesa-dri), "
            "or use backend raycast, which needs no GL library"
        )
    return RaycastRasterizer()


@cache
def gl_platform() -> str | None:
    """The first of egl, osmesa (or just the one in PYOPENGL_PLATFORM) that draws, else None.

    Each is tried in its own process, because PyOpenGL chooses its platform for good when it is
    first imported, and a broken GL driver can crash its process.
    """
    named = os.environ.get("PYOPENGL_PLATFORM")
    for platform in [named] if named else ["egl", "osmesa"]:
        search = os.pathsep.join(path or os.getcwd() for path in sys.path)
        env = {**os.environ, "PYOPENGL_PLATFORM": platform, "PYTHONPATH": search}
        command = [sys.executable, "-c", _PROBE]
        try:
            tried = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
        except subprocess.TimeoutExpired:
            _log.info("OpenGL on %s: no answer in 60 s", platform)
            continue
        if tried.returncode == 0:
            return platform
        reason = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
        _log.info("OpenGL on %s does not work: %s", platform, reason)
    return None


def _may_see(surface: Surface, camera: Pinhole) -> Bool[np.ndarray, "h w"]:
    """False for pixels whose ray certainly meets nothing, so that most rays need not be cast.

    Each face marks the tiles under its bounding box; the boxes are added up by their corners and
    two running sums, so that faces of any size cost the same.
    """
    shape = np.array([camera.height, camera.width])
    z = surface.vertices[:, 2]
    if (z <= NEAR).any():
        return np.ones(shape, bool)
    yx = surface.vertices[:, 1::-1] / z[:, None] * camera.focal_length + (camera.cy, camera.cx)
    tiles = np.floor(yx / _TILE)[surface.faces]
    many = -(-shape // _TILE)
    low = np.clip(tiles.min(axis=1), 0, many).astype(int)
    high = np.clip(tiles.max(axis=1) + 1, 0, many).astype(int)
    boxes = np.zeros(many + 1, int)
    for y, x, sign in ((low, low, 1), (low, high, -1), (high, low, -1), (high, high, 1)):
        corner = y[:, 0] * boxes.shape[1] + x[:, 1]
        boxes += sign * np.bincount(corner, minlength=boxes.size).reshape(boxes.shape)
    marked = boxes.cumsum(axis=0).cumsum(axis=1)[:-1, :-1] > 0
    return marked.repeat(_TILE, axis=0).repeat(_TILE, axis=1)[: shape[0], : shape[1]]


def _rays(camera: Pinhole, pixels: Int[np.ndarray, " n"]) -> Float32[np.ndarray, "n 3"]:
    """Directions with z = 1 through the centres of pixels counted row by row."""
    y, x = np.divmod(pixels, camera.width)
    rays = np.ones((len(pixels), 3), np.float32)
    rays[:, 0] = (x - camera.cx) / camera.focal_length
    rays[:, 1] = (y - camera.cy) / camera.focal_length
    return rays


def _blend(
    corners: UInt8[np.ndarray, "n 3 3"], u: Float32[np.ndarray, " n"], v: Float32[np.ndarray, " n"]
) -> Float32[np.ndarray, "n 3"]:
    """Colours between the three corners of triangles, at barycentric coordinates u, v."""
    first, second, third = (corners[:, k] for k in range(3))
    return first * (1 - u - v)[:, None] + second * u[:, None] + third * v[:, None]


def _gl_scene(surface: Surface, camera: Pinhole):
    """A pyrender scene in OpenGL's frame: y up, z backwards, the first pixel's centre at 0.5."""
    from pyrender import IntrinsicsCamera, Mesh, MetallicRoughnessMaterial, Primitive, Scene

    colors = np.concatenate([surface.colors, np.full((len(surface.colors), 1), 255)], axis=1)
    body = Primitive(
        positions=surface.vertices * np.array([1, -1, -1], np.float32),
        indices=surface.faces.astype(np.uint32),
        color_0=colors.astype(np.float32) / 255,
        material=MetallicRoughnessMaterial(baseColorFactor=(1.0, 1.0, 1.0, 1.0), doubleSided=True),
    )
    z = surface.vertices[:, 2]
    near = max(NEAR, 0.99 * float(z.min()))  # a tight depth range keeps the 24 bits of depth fine
    far = max(1.01 * float(z.max()), 2 * near)
    focal, cx, cy = camera.focal_length, camera.cx + 0.5, camera.cy + 0.5
    scene = Scene(bg_color=(0.0, 0.0, 0.0, 0.0))
    scene.add(Mesh([body]))
    scene.add(IntrinsicsCamera(focal, focal, cx, cy, znear=near, zfar=far), pose=np.eye(4))
    return scene


def _single_sample(renderer) -> None:
    """Make pyrender sample pixels at their centres.

    Its frame buffer has 4 samples a pixel, of which it returns the mean colour but the depth of
    one, up to half a pixel off centre: millimetres on a slanted surface. The caller supersamples.
    """
    configure = renderer._configure_main_framebuffer

    def configure_single() -> None:
        from OpenGL import GL

        before = renderer._main_fb_dims
        configure()
        if renderer._main_fb_dims == before:
            return
        for buffer, kind in (
            (renderer._main_cb_ms, GL.GL_RGBA8),
            (renderer._main_db_ms, GL.GL_DEPTH_COMPONENT24),
        ):
            GL.glBindRenderbuffer(GL.GL_RENDERBUFFER, buffer)
            GL.glRenderbufferStorage(GL.GL_RENDERBUFFER, kind, *renderer._main_fb_dims)

    renderer._configure_main_framebuffer = configure_single
