"""The whole pipeline on generated inputs: real fit and pictures, a detector without a network."""

import json
import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline import pipeline
from pipeline.config import ConfigError
from pipeline.inputs.clips import NoClipsError
from pipeline.inputs.sources import Photos, Video
from pipeline.inputs.videos import write_video
from tests.pipeline.fake_detector import HEIGHT, JOINTS, WIDTH, photo
from tests.pipeline.runs import calls, config, start, write_inputs

HEAVY = ("torch", "cv2", "mediapipe", "mmpose", "smplx", "pyrender", "trimesh", "scipy")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder that `run` has worked on once, and its summary."""
    folder = tmp_path_factory.mktemp("run")
    write_inputs(folder / "in")
    return folder, pipeline.run(config(folder))


def test_people_are_fitted_and_the_others_named(ran: tuple[Path, dict[str, Any]]) -> None:
    _, summary = ran
    assert (summary["fitted"], summary["skipped"], summary["people"]) == (2, 3, 2)
    fitted = {e["name"]: e for e in summary["inputs"] if e["status"] == "fitted"}
    reasons = {e["name"]: e["reason"] for e in summary["inputs"] if e["status"] == "skipped"}
    assert list(fitted) == ["a", "b"]
    for entry in fitted.values():
        (person,) = entry["people"]
        assert person["reprojection_error_px"] < 1, "the keypoints are a body's own projection"
        assert person["status"] in ({"converged": 1}, {"max_iterations": 1})
        assert person["focal_length_px"] == pytest.approx(np.hypot(WIDTH, HEIGHT), abs=0.01)
        assert list(entry["seconds"]) == ["detect", "remap", "fit", "render"]
        assert all(seconds >= 0 for seconds in entry["seconds"].values())
        assert not any(entry["cached"].values())
    assert reasons.keys() == {"nobody.png", "empty.jpg", "notes.jpg"}
    assert reasons["nobody.png"].endswith("nobody.png: no person found in it")
    assert "empty" in reasons["empty.jpg"]
    assert "not a picture" in reasons["notes.jpg"]


def test_pictures_are_jpegs_of_the_photos_size_with_a_body_on_them(
    ran: tuple[Path, dict[str, Any]],
) -> None:
    for name, shade in (("a", 90), ("b", 120)):
        with Pillow.open(ran[0] / f"output/{name}.jpg") as picture:
            assert (picture.format, picture.size, picture.mode) == ("JPEG", (WIDTH, HEIGHT), "RGB")
            pixels = np.asarray(picture).astype(int)
        changed = np.abs(pixels - shade).max(-1) > 25
        assert changed[40:70, 40:54].mean() > 0.8, "the trunk"
        assert changed[:20].mean() < 0.05, "above the head"


def test_the_parameters_draw_the_same_joints(ran: tuple[Path, dict[str, Any]]) -> None:
    with np.load(ran[0] / "output/a.npz", allow_pickle=False) as archive:
        joints, focal, center = archive["joints"], archive["focal_length"], archive["center"]
        assert archive["betas"].shape == (1, 10)
    pixels = focal * joints[0, :, :2] / joints[0, :, 2:] + center[0]
    assert np.linalg.norm(pixels - np.array(JOINTS), axis=1).mean() < 1


def test_a_second_run_computes_nothing_and_writes_nothing(
    ran: tuple[Path, dict[str, Any]],
) -> None:
    folder, first = ran
    before = {
        path: path.stat().st_mtime_ns
        for part in ("cache", "output")
        for path in (folder / part).rglob("*")
        if path.is_file() and path.name != "summary.json"
    }
    called = calls(folder)
    assert [name for name in called if name != "notes.jpg"] == ["a.jpg", "b.png", "nobody.png"]
    second = pipeline.run(config(folder))
    assert calls(folder) == called
    assert {path: path.stat().st_mtime_ns for path in before} == before
    for old, new in zip(first["inputs"], second["inputs"], strict=True):
        if new["status"] == "fitted":
            assert all(new["cached"].values())
            assert new["seconds"] == old["seconds"], "what computing it took"
            assert new["people"] == old["people"]
        else:
            assert new == old
    assert set(second["seconds_computing"].values()) == {0.0}


def test_a_removed_picture_is_drawn_again_and_nothing_else(
    ran: tuple[Path, dict[str, Any]],
) -> None:
    folder, _ = ran
    called = calls(folder)
    for path in (folder / "cache/render").glob("a-*.npz"):
        path.unlink()
    summary = pipeline.run(config(folder))
    cached = {e["name"]: e["cached"] for e in summary["inputs"] if e["status"] == "fitted"}
    assert cached["a"] == {"detect": True, "remap": True, "fit": True, "render": False}
    assert all(cached["b"].values())
    assert calls(folder) == called


def test_skipped_files_are_logged_as_they_are_met(
    ran: tuple[Path, dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        pipeline.run(config(ran[0], "render=none"))
    lines = [record.getMessage() for record in caplog.records]
    assert sum(line.startswith("skipped ") for line in lines) == 3
    assert all(str(ran[0] / "in") in line for line in lines)


def test_a_video_of_5_frames_gives_an_mp4_of_5_frames(tmp_path: Path) -> None:
    frames = [photo(shade) for shade in (60, 70, 80, 90, 100)]
    write_video(tmp_path / "clip.mp4", frames, fps=5)
    summary = pipeline.run(config(tmp_path, data=Video(str(tmp_path / "clip.mp4"))))
    (entry,) = summary["inputs"]
    assert entry["people"][0]["frames"] == 5
    assert entry["files"] == {"parameters": "clip.npz", "picture": "clip.mp4"}
    capture = cv2.VideoCapture(str(tmp_path / "output/clip.mp4"))
    read = [capture.read() for _ in range(6)]
    assert capture.get(cv2.CAP_PROP_FPS) == 5
    capture.release()
    assert [ok for ok, _ in read] == [True] * 5 + [False]
    assert read[0][1].shape == (HEIGHT, WIDTH, 3)
    with np.load(tmp_path / "output/clip.npz") as archive:
        assert archive["frame"].tolist() == [0, 1, 2, 3, 4]
        assert float(archive["fps"]) == 5


def test_numbered_frames_give_an_mp4_and_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "walk").mkdir()
    for number in (7, 8, 10):
        Pillow.fromarray(photo(60 + number)).save(tmp_path / f"walk/f{number}.png")
    options = ["render=none", "data=frames", "data.fps=10", f"data.path={tmp_path / 'walk'}"]
    (entry,) = pipeline.run(config(tmp_path, *options))["inputs"]
    assert entry["people"][0]["frames"] == 3
    with np.load(tmp_path / "output/walk.npz") as archive:
        assert archive["source_frame"].tolist() == [7, 8, 10]
        np.testing.assert_allclose(archive["time"], [0, 0.1, 0.3])
        assert float(archive["fps"]) == 10


def test_outputs_never_replace_the_inputs(tmp_path: Path) -> None:
    write_inputs(tmp_path / "in")
    before = (tmp_path / "in/a.jpg").read_bytes()
    with pytest.raises(ConfigError, match=r"^runtime\.output_dir: .* holds the inputs"):
        pipeline.run(config(tmp_path, f"runtime.output_dir={tmp_path / 'in'}"))
    assert (tmp_path / "in/a.jpg").read_bytes() == before


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["models.bodies=/nowhere"], r"^models\.bodies: no file or folder at /nowhere"),
        (
            ["models.bodies=docs"],
            r"^models\.bodies: no neutral body in .*: expected neutral\.npz, ",
        ),
        (["models.pose_prior=/nowhere.npz"], r"^models\.pose_prior: no file at /nowhere\.npz"),
        (["fit.focal_length=long"], r"^fit\.focal_length: expected 'auto', a number"),
        (["fit.focal_length=-3"], r"^fit\.focal_length: expected 'auto', a number"),
    ],
    ids=str,
)
def test_what_the_settings_name_is_checked_before_any_work(
    overrides: list[str], message: str, tmp_path: Path
) -> None:
    write_inputs(tmp_path / "in")
    with pytest.raises(ConfigError, match=message):
        pipeline.run(config(tmp_path, *overrides))
    assert not calls(tmp_path)
    assert not (tmp_path / "cache").exists()


def test_missing_files_of_a_detector_are_named_before_any_work(tmp_path: Path) -> None:
    from detectors.keypoint_file import KeypointFile
    from detectors.mmpose_topdown import MMPoseTopDown

    write_inputs(tmp_path / "in")
    options = config(tmp_path)
    options.detector = KeypointFile("/nowhere.mat")
    with pytest.raises(ConfigError, match=r"^detector\.path: no file at /nowhere\.mat"):
        pipeline.run(options)
    pose = "body_2d_keypoint/rtmpose/body8/rtmpose-m_8xb256-420e_body8-256x192.py"
    options.detector = MMPoseTopDown(pose, checkpoint="/nowhere.pth")
    with pytest.raises(ConfigError, match=r"^detector\.checkpoint: no file at /nowhere\.pth"):
        pipeline.run(options)
    options.detector = MMPoseTopDown("nowhere.py")
    with pytest.raises(ConfigError, match=r"^detector: expected the mmpose config nowhere\.py"):
        pipeline.run(options)


@pytest.mark.parametrize(
    ("overrides", "detector", "message"),
    [
        ([], {"broken": True}, r"^detector: could not download weights\.pth: put it in weights"),
        (["runtime.device=abacus"], {}, r"^runtime\.device: abacus cannot be used here"),
        (["models.pose_prior={text}"], {}, r"^models\.pose_prior: .*no pose prior"),
        (["models.bodies={folder}"], {}, r"^models\.bodies: .*is no body"),
    ],
    ids=str,
)
def test_what_fails_at_work_is_one_clear_error(
    overrides: list[str], detector: dict[str, Any], message: str, tmp_path: Path
) -> None:
    write_inputs(tmp_path / "in")
    text = tmp_path / "neutral.npz"
    text.write_text("no npz")
    overrides = [override.format(text=text, folder=tmp_path) for override in overrides]
    with pytest.raises(ConfigError, match=message):
        pipeline.run(config(tmp_path, *overrides, **detector))


def test_no_input_at_all(tmp_path: Path) -> None:
    with pytest.raises(NoClipsError, match=r"data\.path: nothing is at"):
        pipeline.run(config(tmp_path, data=Photos(str(tmp_path / "nowhere"))))


def test_a_cached_run_exits_with_0_and_imports_no_heavy_library(
    ran: tuple[Path, dict[str, Any]],
) -> None:
    done = start(ran[0], PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "2 fitted, 3 skipped" in done.stderr
    imported = {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "numpy" in imported
    assert not imported & set(HEAVY)
    inputs = json.loads((ran[0] / "output/summary.json").read_text())["inputs"]
    cached = [list(e["cached"].values()) for e in inputs if e["status"] == "fitted"]
    assert cached == [[True] * 4] * 2
