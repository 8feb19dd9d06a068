"""The whole run on a small LSP whose truth is exact: measures, files, report."""

import csv
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from fitting import BodyModel, load_body_model
from fitting.joints import LSP_14
from fitting.starts.retrieval import load_pose_library
from pipeline import pipeline
from pipeline.config import ConfigError
from pipeline.datasets.synthetic import IMAGE_SIDE, Cases, draw_cases
from pipeline.drawing.mesh_renderer import Mesh, View, render
from pipeline.drawing.rasterizers import Backend
from tests.conftest import ROOT
from tests.pipeline.mini_lsp import FIRST, lsp_config, write_detections, write_lsp

N = 4


@pytest.fixture(scope="module")
def cases(body: BodyModel) -> Cases:
    return draw_cases(N, body, load_pose_library(ROOT / "assets/test_poses.npz"), seed=4)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, cases: Cases, body: BodyModel) -> Path:
    """The drawn people as pictures of LSP, with silhouettes; the first has a hidden wrist."""
    hidden = np.zeros((N, 14))
    hidden[0, LSP_14.index("left_wrist")] = 1
    folder = write_lsp(tmp_path_factory.mktemp("mini lsp & <co>"), cases.keypoints.xy, hidden)
    (folder / "masks").mkdir()
    for row, number in enumerate(range(FIRST, FIRST + N)):
        case = cases[row : row + 1]
        (vertices,) = body.vertices(case.params)
        color = np.array((150, 182, 224), np.uint8)
        center = case.camera.center[0].tolist()
        view = View(float(case.camera.focal_length[0]), tuple(center), (IMAGE_SIDE, IMAGE_SIDE))
        seen = render([Mesh(vertices, body.faces, color)], view, Backend.raycast)
        Pillow.fromarray(seen.color).save(folder / f"images/im{number}.jpg")
        Pillow.fromarray(seen.mask.astype(np.uint8) * 255).save(folder / f"masks/{number}.png")
    return folder


def torso(cases: Cases) -> np.ndarray:
    xy = cases.keypoints.xy
    ends = xy[:, LSP_14.index("right_shoulder")] - xy[:, LSP_14.index("left_hip")]
    return np.linalg.norm(ends, axis=1)


@pytest.fixture(scope="module")
def ran(
    root: Path, cases: Cases, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """Perfect detections of the first three; of the last nothing was detected."""
    folder = tmp_path_factory.mktemp("run")
    score = np.ones((N, 14))
    score[3] = 0
    found = write_detections(folder / "est_joints.npz", cases.keypoints.xy, score)
    # The true focal lengths lie around the image's side; the release's would lean the bodies.
    settings = (f"data.silhouettes='{root}/masks'", "fit.focal_length='750'")
    return folder, pipeline.run(lsp_config(root, found, *settings))


def means(metrics: dict[str, Any]) -> dict[str, float]:
    return {name: figures["mean"] for name, figures in metrics["means"].items()}


def test_perfect_detections(ran: tuple[Path, dict[str, Any]]) -> None:
    """Three of four people exactly right, one not detected: 0.75 of everything."""
    metrics = ran[1]["metrics"]
    assert (metrics["cases"], metrics["fitted"], metrics["nobody_detected"]) == (4, 3, 1)
    found = means(metrics)
    for measure in ("pck_at_01_torso", "pck_at_02_torso", "pck_at_05_head"):
        assert found[f"detector_{measure}"] == 0.75, measure
        assert metrics["tables"][measure]["left_wrist"]["detector"] == 0.75
        assert metrics["tables"][measure]["left_wrist"]["detector_visible"] == round(2 / 3, 4)
    assert found["detector_error_torso"] == pytest.approx(0, abs=1e-4)
    assert found["detector_auc_to_05_torso"] == pytest.approx(0.75, abs=1e-3)


def test_the_fit_beside_them(ran: tuple[Path, dict[str, Any]]) -> None:
    """The very body that was drawn, keypoints without error: it must lie on its person."""
    found = means(ran[1]["metrics"])
    assert 0.70 < found["fit_pck_at_02_torso"] <= 0.75
    assert 0.001 < found["fit_error_torso"] < 0.06
    assert found["fit_to_keypoints_torso"] == pytest.approx(found["fit_error_torso"], rel=1e-3)


def test_silhouettes(ran: tuple[Path, dict[str, Any]]) -> None:
    metrics = ran[1]["metrics"]
    assert metrics["silhouettes_f1_person"] > 0.6, "a quarter of the people is not covered at all"
    assert metrics["silhouettes_accuracy"] > 0.9
    shares = [float(row["silhouettes_image_accuracy"]) for row in rows(ran[0])]
    assert min(shares[:3]) > 0.97 > shares[3] > 0.7


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "output/per_case.csv").open() as file:
        return list(csv.DictReader(file))


def test_files_of_a_run(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = ran
    output = folder / "output"
    assert json.loads((output / "metrics.json").read_text()) == summary["metrics"]
    assert [row["case"] for row in rows(folder)] == [f"im{FIRST + i}" for i in range(N)]
    assert [row["fitted"] for row in rows(folder)] == ["1", "1", "1", "0"]
    assert [row["detector_pck_at_02_torso"] for row in rows(folder)][2:] == ["1.0000", "0.0000"]
    for name in ("pck_curve.png", "pck_per_joint.png", "best.jpg", "median.jpg", "worst.jpg"):
        with Pillow.open(output / name) as picture:
            extrema = picture.convert("L").getextrema()
        assert extrema[0] < 100 < 200 < extrema[1], f"{name} is blank"


def test_a_second_run_computes_nothing_and_says_the_same(
    root: Path, ran: tuple[Path, dict[str, Any]]
) -> None:
    folder, first = ran
    settings = (f"data.silhouettes='{root}/masks'", "fit.focal_length='750'")
    second = pipeline.run(lsp_config(root, folder / "est_joints.npz", *settings))
    assert set(second["seconds_computing"].values()) == {0.0}
    assert second["metrics"] == first["metrics"]


def test_shifted_detections(root: Path, cases: Cases, tmp_path: Path) -> None:
    """0.15 of the torso to the right: wrong at 0.1, right at 0.2, 1 - 0.15 / 0.5 of the area.

    Doubtful joints count for the detector, whatever remap.min_confidence leaves to the fit.
    """
    xy = cases.keypoints.xy + np.stack([0.15 * torso(cases), np.zeros(N)], 1)[:, None]
    found = write_detections(tmp_path / "est_joints.npz", xy, np.full((N, 14), 0.05))
    metrics = pipeline.run(lsp_config(root, found))["metrics"]
    assert (metrics["fitted"], metrics["nobody_detected"]) == (0, 0), "0.05 is less than 0.1"
    table = metrics["tables"]
    assert table["pck_at_01_torso"]["all joints"]["detector"] == 0
    assert table["pck_at_02_torso"]["all joints"]["detector"] == 1
    assert table["auc_to_05_torso"]["all joints"]["detector"] == pytest.approx(0.7, abs=1e-3)
    assert means(metrics)["detector_error_torso"] == pytest.approx(0.15, abs=1e-3)
    assert table["pck_at_02_torso"]["all joints"]["fit"] == 0, "not fitted is wrong"


def test_a_mask_of_another_size_is_named(root: Path, cases: Cases, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    for number in range(FIRST, FIRST + N):
        Pillow.new("L", (5, 5)).save(tmp_path / f"masks/{number}.png")
    xy, nothing = cases.keypoints.xy, np.full((N, 14), 0.05)
    found = write_detections(tmp_path / "est_joints.npz", xy, nothing)
    with pytest.raises(ConfigError, match=r"data\.silhouettes: .*1001\.png: expected .*640 x 640"):
        pipeline.run(lsp_config(root, found, f"data.silhouettes={tmp_path / 'masks'}"))


def test_the_report_stands_alone(ran: tuple[Path, dict[str, Any]], root: Path) -> None:
    text = (ran[0] / "output/report.html").read_text()
    assert "http:" not in text
    assert "https:" not in text
    assert text.count("<img ") == text.count('src="data:image/') == 5
    assert "default-src 'none'" in text
    for word in ("fit_pck_at_02_torso", "left wrist", "no person found in it", "numpy", "remap"):
        assert word.replace(" ", "_") in text or word in text, word
    assert "mini lsp & <co>" not in text, "names are escaped"
    assert "mini lsp &amp; &lt;co&gt;" in text


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH to look at the page with")
def test_the_report_in_a_browser(ran: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    """The page draws its pictures: below the first tables there is more than text."""
    shot, page = tmp_path / "page.png", (ran[0] / "output/report.html").resolve()
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--window-size=1200,2600",
        f"--screenshot={shot}",
        page.as_uri(),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with Pillow.open(shot) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape == (2600, 1200, 3)
    blue = (np.abs(pixels - (0x2B, 0x6C, 0xB0)).max(-1) < 12).sum()
    orange = (np.abs(pixels - (0xDD, 0x6B, 0x20)).max(-1) < 12).sum()
    assert min(blue, orange) > 5000, "bars of detector and fit"


def test_bodies_by_gender_and_the_release_s_scale(root: Path, cases: Cases, tmp_path: Path) -> None:
    """One woman, one man; pixels are those of the image, f is the release's at twice its size."""
    genders = tmp_path / "lsp_gender.csv"
    genders.write_text("0\n" * (FIRST - 1) + "1\n" + "0\n" * (2000 - FIRST))
    xy, score = cases.keypoints.xy[:2], np.ones((2, 14))
    found = write_detections(tmp_path / "est_joints.npz", xy, score)
    options = (
        f"data.genders={genders}",
        "data.fit_scale=2",
        "fit=smplify_release",
        "render=overlay",
        "+export=release",
    )
    pipeline.run(lsp_config(root, found, *options, n=2))
    arrays = [np.load(tmp_path / f"output/im{number}.npz") for number in (1001, 1002)]
    assert [str(array["gender"]) for array in arrays] == ["female", "male"]
    assert [array["focal_length"][0] for array in arrays] == [2500, 2500]
    np.testing.assert_allclose(arrays[0]["center"], [[319.5, 319.5]])
    for array, row, name in zip(arrays, range(2), ("female", "male"), strict=True):
        joints = array["joints"][0]
        flat = joints[:, :2] / joints[:, 2:] * 2500 + array["center"]
        errors = np.linalg.norm(flat - xy[row], axis=1)
        assert array["reprojection_error"][0] == pytest.approx(errors.mean(), rel=1e-3)
        body = load_body_model(ROOT / f"assets/bodies/{name}.npz")
        from fitting import BodyParams

        fields = ("betas", "global_orient", "body_pose", "transl")
        vertices = body.vertices(BodyParams(*(array[field] for field in fields)))
        np.testing.assert_allclose(vertices[0, body.head_top], joints[13], atol=1e-5)
    release = sorted(path.name for path in (tmp_path / "output/release").iterdir())
    assert release == ["1000.pkl", "1000.png", "1001.pkl", "1001.png"]
