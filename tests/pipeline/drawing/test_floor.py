"""The floor in views from elsewhere: level, below the people, and as far as they reach."""

import numpy as np
import pytest

from fitting.sequence.world import World
from pipeline.drawing.around import from_the_side, region_of_clip
from pipeline.drawing.floor import Floor
from pipeline.drawing.mesh_renderer import Mesh, View
from tests.pipeline.drawing.test_overlay import RAYS

HEIGHT, DOWN = 1.5, np.radians(20)  # of a camera that looks down
UP = np.array([0, -np.cos(DOWN), -np.sin(DOWN)])  # in its axes
VIEW = View(600.0, (199.5, 199.5), (400, 400))


@pytest.fixture
def floor() -> Floor:
    right = np.array([1.0, 0, 0])
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, UP, np.cross(right, UP)])
    matrix[1, 3] = HEIGHT
    return Floor.of(World(matrix[None], np.zeros(1), np.zeros(1)))


def post(floor: Floor) -> np.ndarray:
    """Points of something upright that stands 4 m away, 1.8 m high, in the camera's axes."""
    feet = np.array([0.0, HEIGHT, 4.0])
    heights = np.linspace(0, 1.8, 19)
    level = feet - heights[:, None] * [0, 1, 0] + np.zeros((19, 3))
    return level @ floor.upright


def test_what_is_upright_is_so_in_the_level_axes(floor):
    points = floor.levelled(post(floor))
    assert np.ptp(points[:, [0, 2]], axis=0) == pytest.approx([0, 0], abs=1e-9)
    assert points[0, 1] == pytest.approx(floor.depth) == HEIGHT
    assert floor.levelled(UP) == pytest.approx([0, -1, 0])


def test_the_grid_lies_on_the_floor_half_a_metre_apart(floor):
    lines = floor.lines(np.array([0.3, 0.0, 4.0]), 0.9)
    assert lines.shape == (10, 2, 3)  # 5 each way: 1 m to both sides
    assert (lines[..., 1] == HEIGHT).all()
    assert lines[..., 0].min() == pytest.approx(-0.7)
    assert lines[..., 2].max() == pytest.approx(5.0)
    assert np.unique(lines[:5, 0, 2]) == pytest.approx([3.0, 3.5, 4.0, 4.5, 5.0])
    np.testing.assert_allclose(np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1), 2.0)


def _drawn(points: np.ndarray, floor: Floor, known: bool) -> np.ndarray:
    """An upright board, 0.1 m deep, in the view from the side."""
    behind = points + np.array([0, 0, 0.1]) @ floor.upright
    board, n = np.concatenate([points, behind]), len(points)
    first = np.arange(n - 1)
    faces = np.stack([first, first + 1, first + n], 1)
    faces = np.concatenate([faces, np.stack([first + 1, first + n + 1, first + n], 1)])
    mesh = Mesh(board, faces, np.array([255, 0, 0], np.uint8))
    return from_the_side([mesh], VIEW, RAYS, region_of_clip(board, floor if known else None))


def test_a_view_with_a_floor_is_upright_and_shows_its_lines(floor):
    with_floor, without = (_drawn(post(floor), floor, known) for known in (True, False))
    widths = []
    for picture in (with_floor, without):
        colors = picture.astype(int)
        red = np.nonzero(colors[..., 0] > colors[..., 2] + 60)[1]
        widths.append(np.ptp(red))
    assert widths[0] < 0.3 * widths[1], "without a floor the board leans as the camera does"
    assert _lines(without) == 0
    assert _lines(with_floor) > 200
    assert _lines(with_floor[VIEW.size[1] // 2 :]) == _lines(with_floor), "it is below"


def _lines(picture: np.ndarray) -> int:
    """Pixels of the floor's lines."""
    colors = picture.astype(int)
    return int(((colors.max(-1) < 215) & (np.ptp(colors, axis=-1) < 5)).sum())
