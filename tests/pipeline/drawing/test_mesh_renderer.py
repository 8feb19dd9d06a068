"""The drawn bodies are where the camera says, and both backends draw the same picture."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.drawing import mesh_renderer, rasterizers
from pipeline.drawing.mesh_renderer import Mesh, View, render, track_color
from pipeline.drawing.rasterizers import Backend, backend_for

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(params=[Backend.raycast, Backend.pyrender], ids=lambda backend: backend.value)
def backend(request) -> Backend:
    if request.param is Backend.pyrender and rasterizers.gl_platform() is None:
        pytest.skip("no GL library works here: neither EGL nor OSMesa")
    return request.param


def sphere(center, radius: float, color=(166, 190, 220), detail: int = 40) -> Mesh:
    """A ball of detail x 2 detail quads, its faces counter-clockwise from outside."""
    theta = np.linspace(0, np.pi, detail + 1)
    phi = np.linspace(0, 2 * np.pi, 2 * detail, endpoint=False)
    t, p = np.meshgrid(theta, phi, indexing="ij")
    unit = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], -1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(detail), np.arange(2 * detail), indexing="ij")
    a, right = i * 2 * detail + j, i * 2 * detail + (j + 1) % (2 * detail)
    b, c, d = a + 2 * detail, right + 2 * detail, right
    faces = np.concatenate([np.stack(f, -1).reshape(-1, 3) for f in ((a, b, c), (a, c, d))])
    return Mesh(np.asarray(center) + radius * unit, faces, np.array(color, np.uint8))


def centroid(alpha) -> np.ndarray:
    y, x = np.mgrid[: alpha.shape[0], : alpha.shape[1]]
    return np.array([(x * alpha).sum(), (y * alpha).sum()]) / alpha.sum()


VIEW = View(focal_length=400.0, center=(151.3, 118.7), size=(320, 240))


@pytest.mark.parametrize("point", [(0.0, 0.0, 3.0), (0.8, -0.5, 3.0), (-0.9, 0.6, 2.5)])
def test_a_small_ball_lands_where_the_camera_projects_it(backend, point):
    seen = render([sphere(point, 0.02)], VIEW, backend)
    expected = 400 * np.array(point[:2]) / point[2] + (151.3, 118.7)
    assert np.abs(centroid(seen.alpha) - expected).max() < 0.1  # half a pixel is GL's convention


def test_a_ball_covers_its_disc_and_has_its_depth(backend):
    seen = render([sphere((0, 0, 4), 1.0)], View(200.0, (99.5, 99.5), (200, 200)), backend)
    radius = 200 / np.sqrt(4**2 - 1)  # a sphere's outline on the axis: f r / sqrt(z^2 - r^2)
    assert seen.alpha.sum() == pytest.approx(np.pi * radius**2, rel=0.01)
    assert seen.depth[99, 99] == pytest.approx(3.0, abs=2e-3)
    assert seen.depth[0, 0] == 0
    assert seen.alpha[0, 0] == 0
    assert not seen.color[0, 0].any()
    assert seen.mask.dtype == bool


def test_edges_are_soft(backend):
    alpha = render([sphere((0, 0, 4), 1.0)], VIEW, backend).alpha
    partial = (alpha > 0) & (alpha < 1)
    assert 100 < partial.sum() < 800  # a ring one to two pixels wide around a radius of 103 px


def test_the_backends_draw_the_same_picture():
    if rasterizers.gl_platform() is None:
        pytest.skip("no GL library works here: neither EGL nor OSMesa")
    meshes = [sphere((-0.4, 0, 4), 0.8), sphere((0.4, 0.2, 3.5), 0.5, (220, 164, 172))]
    ray, gl = (render(meshes, VIEW, b) for b in (Backend.raycast, Backend.pyrender))
    assert (ray.mask & gl.mask).sum() / (ray.mask | gl.mask).sum() > 0.99
    inside = (ray.alpha == 1) & (gl.alpha == 1)
    assert inside.sum() > 10_000
    assert np.abs(ray.depth - gl.depth)[inside].max() < 1e-3
    assert np.abs(ray.color.astype(int) - gl.color)[inside].max() <= 3


def test_the_nearer_surface_hides_the_farther(backend):
    near, far = sphere((0, 0, 2), 0.2, (255, 0, 0)), sphere((0, 0, 4), 0.6, (0, 0, 255))
    for meshes in ([near, far], [far, near]):
        red, _, blue = render(meshes, VIEW, backend).color[119, 151].astype(int)
        assert red > 100 + blue


def test_light_comes_from_the_upper_left(backend):
    seen = render([sphere((0, 0, 3), 0.5)], View(400.0, (119.5, 119.5), (240, 240)), backend)
    brightness = seen.color.astype(int).sum(axis=2)
    assert brightness[85, 85] > 1.3 * brightness[155, 155]


def test_each_vertex_may_have_its_colour(backend):
    ball = sphere((0, 0, 3), 0.5)
    left = ball.vertices[:, :1] < 0
    color = np.where(left, [220, 20, 20], [20, 20, 220]).astype(np.uint8)
    seen = render([Mesh(ball.vertices, ball.faces, color)], VIEW, backend).color.astype(int)
    assert seen[119, 130, 0] > seen[119, 130, 2] + 80
    assert seen[119, 172, 2] > seen[119, 172, 0] + 80


def test_nobody_gives_an_empty_picture(backend):
    seen = render([], VIEW, backend)
    assert seen.color.shape == (240, 320, 3)
    assert not seen.color.any()
    assert not seen.alpha.any()


@pytest.mark.parametrize("center", [(0, 0, -3), (40, 0, 3), (0, -40, 3)])
def test_what_is_behind_or_outside_is_not_drawn(backend, center):
    assert not render([sphere(center, 0.5)], VIEW, backend).alpha.any()


def test_a_body_that_passes_behind_the_camera_is_cut_off(backend):
    seen = render([sphere((0, 0, 0.5), 1.0)], VIEW, backend)  # the camera is inside the ball
    assert seen.alpha.min() == 1
    assert seen.depth[119, 151] == pytest.approx(1.5, abs=5e-3)


@pytest.mark.parametrize("center", [(1.2, 0, 3), (-1.2, 0.9, 3), (0, -0.9, 3)])
def test_a_body_across_the_edge_is_drawn_in_place(backend, center):
    ball = sphere(center, 0.3)
    wide = View(400.0, (151.3 + 200, 118.7 + 200), (720, 640))
    seen, whole = render([ball], VIEW, backend), render([ball], wide, backend)
    assert 0 < seen.alpha.sum() < whole.alpha.sum()
    np.testing.assert_allclose(seen.alpha, whole.alpha[200:440, 200:520], atol=0.26)
    assert np.abs(seen.alpha - whole.alpha[200:440, 200:520]).mean() < 1e-3


def test_a_huge_image_is_drawn_coarser_and_still_in_place(backend, monkeypatch):
    monkeypatch.setattr(mesh_renderer, "_MAX_SIDE", 100)
    ball, view = sphere((0.3, 0.2, 3), 0.6), VIEW
    coarse = render([ball], view, backend)
    monkeypatch.undo()
    fine = render([ball], view, backend)
    assert coarse.alpha.shape == fine.alpha.shape
    assert np.abs(centroid(coarse.alpha) - centroid(fine.alpha)).max() < 0.2
    assert (coarse.mask & fine.mask).sum() / (coarse.mask | fine.mask).sum() > 0.97


def test_normals_point_outwards():
    ball = sphere((1, 2, 3), 0.5)
    normals = mesh_renderer.vertex_normals(ball.vertices, ball.faces)[80:-80]
    np.testing.assert_allclose(normals, ((ball.vertices - [1, 2, 3]) / 0.5)[80:-80], atol=0.02)


def test_scaled_view_projects_to_the_resized_image():
    half = VIEW.scaled(0.5)
    assert half.size == (160, 120)
    # The pixel centred at 151.3 of the photo lies at (151.3 + 0.5) / 2 - 0.5 of the smaller one.
    assert half.center == pytest.approx((75.4, 59.1))
    assert half.focal_length == 200


def test_neighbouring_people_differ_in_colour_and_keep_it():
    colors = np.array([track_color(track) for track in range(8)], int)
    apart = np.abs(colors[:, None] - colors[None]).sum(axis=2) + 1000 * np.eye(8)
    assert apart.min() > 40
    assert (track_color(9) == track_color(1)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vertices": np.zeros((4, 2))}, r"expected shape \(V, 3\), got \(4, 2\)"),
        ({"vertices": np.full((4, 3), np.nan)}, "NaN"),
        ({"faces": np.array([[0, 1, 4]])}, r"indices 0\.\.3, got 0\.\.4"),
        ({"color": np.zeros(3)}, "uint8"),
    ],
)
def test_a_wrong_mesh_is_refused(change, message):
    good = {
        "vertices": np.zeros((4, 3)),
        "faces": np.array([[0, 1, 2]]),
        "color": np.zeros(3, np.uint8),
    }
    with pytest.raises(ValueError, match=message):
        Mesh(**{**good, **change})


def test_a_wrong_view_is_refused():
    with pytest.raises(ValueError, match="positive focal length"):
        View(0.0, (0, 0), (4, 4))


def test_a_broken_gl_library_falls_back_to_ray_casting(tmp_path):
    for name in ("libEGL.so.1", "libGL.so.1", "libOSMesa.so.8", "libEGL.so", "libGL.so"):
        (tmp_path / name).write_bytes(b"not a library")
    code = (
        "from pipeline.drawing.rasterizers import *\n"
        "print(type(rasterizer(Backend.auto)).__name__)\n"
        "try: rasterizer(Backend.pyrender)\n"
        "except RuntimeError as error: print(error)\n"
    )
    paths = {"LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": str(ROOT)}
    env = {**os.environ, **paths, "PYOPENGL_PLATFORM": "egl"}
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd=ROOT)
    name, error = out.stdout.splitlines()
    assert name == "RaycastRasterizer"
    assert "apt-get install libgl1" in error
    assert "backend raycast" in error


def test_auto_casts_rays_where_no_gl_works(monkeypatch):
    monkeypatch.setattr(rasterizers, "gl_platform", lambda: None)
    rasterizers.rasterizer.cache_clear()
    try:
        chosen = rasterizers.rasterizer(Backend.auto)
        assert isinstance(chosen, rasterizers.RaycastRasterizer)
    finally:
        rasterizers.rasterizer.cache_clear()


def test_few_pictures_are_cast_and_many_are_drawn_by_opengl():
    assert backend_for(Backend.auto, 64) is Backend.raycast
    assert backend_for(Backend.auto, 65) is Backend.auto
    assert backend_for(Backend.pyrender, 1) is Backend.pyrender
