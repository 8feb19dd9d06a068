"""Segmentation by the fitted body, and its measures by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from fitting import BodyModel
from fitting.joints import LSP_14
from fitting.starts.retrieval import load_pose_library
from pipeline.datasets.synthetic import IMAGE_SIDE, draw_cases
from pipeline.drawing.mesh_renderer import Mesh, View, render
from pipeline.drawing.rasterizers import Backend
from pipeline.evaluation.silhouettes import (
    PARTS,
    accuracy_and_f1,
    overlap,
    part_labels,
    read_labels,
)
from tests.conftest import ROOT


def test_measures_by_hand() -> None:
    """10 pixels: 2 person in both, 1 only in the fit, 3 only in the annotation, 4 background."""
    fit = np.array([[1, 1, 1, 0, 0, 0, 0, 0, 0, 0]], np.uint8)
    truth = np.array([[1, 1, 0, 1, 1, 1, 0, 0, 0, 0]], np.uint8)
    one = overlap(fit, truth, 2)
    assert (one.accuracy, one.pixels) == (0.6, 10)
    accuracy, f1 = accuracy_and_f1([one], 2)
    assert accuracy == 0.6
    np.testing.assert_allclose(f1, [2 * 4 / (2 * 4 + 3 + 1), 2 * 2 / (2 * 2 + 1 + 3)])


def test_pixels_of_all_images_count_alike() -> None:
    """A small image that is all wrong, a large one that is all right."""
    small = overlap(np.zeros((1, 2), np.uint8), np.ones((1, 2), np.uint8), 2)
    large = overlap(np.ones((1, 8), np.uint8), np.ones((1, 8), np.uint8), 2)
    accuracy, f1 = accuracy_and_f1([small, large], 2)
    assert accuracy == 0.8
    assert f1.tolist() == [0, pytest.approx(16 / 18)]


def test_what_the_annotation_leaves_open_does_not_count() -> None:
    fit = np.array([[1, 2, 0]], np.uint8)
    found = overlap(fit, np.array([[1, 255, 255]], np.uint8), len(PARTS))
    assert (found.pixels, found.accuracy) == (1, 1)
    assert found.fit_only.sum() == found.truth_only.sum() == 0


@pytest.mark.parametrize("backend", [Backend.auto, Backend.raycast])
def test_parts_lie_where_the_joints_are(body: BodyModel, backend: Backend) -> None:
    """Labels cover exactly the rendered body; the pixel of a joint shows the part it is in."""
    cases = draw_cases(3, body, load_pose_library(ROOT / "assets/test_poses.npz"), seed=4)
    place = {
        "head_top": "head",
        "left_ankle": "left_leg",
        "right_ankle": "right_leg",
        "left_knee": "left_leg",
        "right_knee": "right_leg",
    }
    hits = []
    for row in range(3):
        case = cases[row : row + 1]
        size = (IMAGE_SIDE, IMAGE_SIDE)
        labels = part_labels(case, body, size, backend)  # pyright: ignore[reportArgumentType]
        (vertices,) = body.vertices(case.params)
        center = case.camera.center[0].tolist()
        view = View(float(case.camera.focal_length[0]), tuple(center), size)
        mask = render([Mesh(vertices, body.faces, np.zeros(3, np.uint8))], view).mask
        assert (mask != (labels > 0)).mean() < 0.002
        assert set(np.unique(labels)) <= set(range(len(PARTS)))
        for joint, part in place.items():
            x, y = np.rint(case.keypoints.xy[0, LSP_14.index(joint)]).astype(int)
            around = labels[y - 3 : y + 4, x - 3 : x + 4]
            hits.append(PARTS.index(part) in around)
    assert np.mean(hits) > 0.75, "the others are hidden by another part"


def test_reading(tmp_path: Path) -> None:
    grey = np.array([[0, 3], [255, 6]], np.uint8)
    Pillow.fromarray(grey).save(tmp_path / "grey.png")
    Pillow.fromarray(np.repeat(grey[..., None], 3, 2)).save(tmp_path / "rgb.png")
    for name in ("grey.png", "rgb.png"):
        assert read_labels(tmp_path / name, (2, 2), masks=True).tolist() == [[0, 1], [1, 1]]
        np.testing.assert_array_equal(read_labels(tmp_path / name, (2, 2), masks=False), grey)


def test_what_is_no_segmentation(tmp_path: Path) -> None:
    Pillow.fromarray(np.full((2, 3), 9, np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no png")
    with pytest.raises(ValueError, match=r"a\.png: expected the image's 2 x 3 px, got \(3, 2\)"):
        read_labels(tmp_path / "a.png", (2, 3), masks=True)
    with pytest.raises(ValueError, match=r"a\.png: expected labels 0\.\.6 or 255, got \{9\}"):
        read_labels(tmp_path / "a.png", (3, 2), masks=False)
    with pytest.raises(ValueError, match=r"b\.png: expected a readable png"):
        read_labels(tmp_path / "b.png", (3, 2), masks=True)
