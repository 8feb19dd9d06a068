"""The camera: focal lengths as users write them, and the projection with its derivative."""

import numpy as np
import pytest
import torch

from fitting import Camera, focal_length_px
from fitting.camera import parse_focal_length, project


def test_focal_length_comes_from_exif_else_the_diagonal_else_the_user():
    # 36 x 24 mm film has a diagonal of 43.27 mm
    assert focal_length_px("auto", (3600, 2400), 50.0) == pytest.approx(5000.0)
    assert focal_length_px("auto", (300, 400), None) == pytest.approx(500.0)
    assert focal_length_px("5000", (300, 400), 28.0) == 5000.0


def test_millimetres_as_on_35_mm_film():
    # 25 mm on film of 43.27 mm across, an image of 1500 px across
    for setting in ("25mm", "25 mm", "25.0MM"):
        assert focal_length_px(setting, (1200, 900), None) == pytest.approx(866.7, abs=0.1)
    assert focal_length_px("25mm", (1200, 900), 50.0) == pytest.approx(866.7, abs=0.1)


@pytest.mark.parametrize("setting", ["4.9mm", "2001mm", "1e300mm"])
def test_millimetres_of_no_lens_are_refused(setting):
    with pytest.raises(ValueError, match=r"focal_length: expected 5mm\.\.2000mm as on 35-mm film"):
        focal_length_px(setting, (1200, 900), None)


def test_millimetres_typed_as_pixels_are_told_from_pixels():
    with pytest.raises(
        ValueError,
        match=r"25 px is not possible for 1200 x 900 px, expected "
        r"173\.\.693375 px; .* say 25mm, which is 867 px",
    ):
        focal_length_px("25", (1200, 900), None)
    with pytest.raises(ValueError, match=r"1e\+06 px is not possible .*173\.\.693375 px$"):
        focal_length_px("1e6", (1200, 900), None)
    assert focal_length_px("174", (1200, 900), None) == 174
    assert focal_length_px("5000", (80, 80), None) == 5000, "nearly parallel rays are allowed"


@pytest.mark.parametrize("setting", ["wide", "-3", "nan", "0", "inf", "mm", "35cm"])
def test_other_focal_lengths_are_refused_by_name(setting):
    with pytest.raises(ValueError, match=f"focal_length: expected 'auto'.*{setting}"):
        focal_length_px(setting, (300, 400), None)


def test_a_camera_needs_a_positive_focal_length():
    with pytest.raises(ValueError, match="focal_length: expected positive"):
        Camera(np.array([100.0, -1.0]), np.zeros((2, 2)))


def test_a_camera_has_a_length_and_a_centre_for_each_row():
    with pytest.raises(ValueError, match=r"shapes \(N,\) and \(N, 2\), got \(2,\), \(3, 2\)"):
        Camera(np.ones(2), np.zeros((3, 2)))
    two = Camera(np.array([500.0, 700.0]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert len(two) == 2
    assert two[1:].focal_length.tolist() == [700]
    assert two[1:].center.tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("auto", (0, "auto")),
        (900, (900, "px")),
        ("900px", (900, "px")),
        (" 35 MM ", (35, "mm")),
        ("1e3", (1000, "px")),
    ],
)
def test_a_setting_is_a_number_and_its_unit(setting, expected):
    assert parse_focal_length(setting) == expected


def points(n: int = 3) -> torch.Tensor:
    """(n, 5, 3), in front of the camera."""
    xyz = np.random.default_rng(0).normal((0.2, -0.1, 4.0), 0.8, (n, 5, 3))
    return torch.as_tensor(xyz)


def cameras(n: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([500.0, 800.0, 1200.0], dtype=torch.float64)
    return lengths[:n], torch.tensor([[320.0, 240.0]], dtype=torch.float64).expand(n, 2)


def test_a_point_is_projected_by_similar_triangles():
    xyz = torch.tensor([[[0.5, -0.25, 2.0], [0.0, 0.0, 7.0]]], dtype=torch.float64)
    pixels, _ = project(xyz, *cameras(1))
    assert pixels.tolist() == [[[445.0, 177.5], [320.0, 240.0]]]


def test_the_derivative_of_the_projection_is_that_of_finite_differences():
    xyz, h = points(), 1e-6
    _, jacobian = project(xyz, *cameras())
    for axis in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[axis] = h
        plus, minus = (project(xyz + s * step, *cameras())[0] for s in (1, -1))
        torch.testing.assert_close(
            (plus - minus) / (2 * h), jacobian[..., axis], rtol=1e-6, atol=1e-5
        )


@pytest.mark.parametrize("depth", [0.1, 0.05, 0.0, -3.0])
def test_a_point_at_or_behind_the_camera_counts_as_10_cm_in_front(depth):
    xyz = torch.tensor([[[0.02, -0.01, depth]]], dtype=torch.float64)
    pixels, jacobian = project(xyz, *cameras(1))
    assert pixels[0, 0].tolist() == pytest.approx([420, 190])
    assert jacobian[0, 0, 0].tolist() == pytest.approx([5000, 0, -1000])


def test_a_row_is_projected_the_same_alone_and_no_rows_are_none():
    together = project(points(), *cameras())
    focal_length, center = cameras()
    for row in range(3):
        one = slice(row, row + 1)
        alone = project(points()[one], focal_length[one], center[one])
        for part, whole in zip(alone, together, strict=True):
            assert torch.equal(part[0], whole[row])
    pixels, jacobian = project(points()[:0], focal_length[:0], center[:0])
    assert (pixels.shape, jacobian.shape) == ((0, 5, 2), (0, 5, 2, 3))
