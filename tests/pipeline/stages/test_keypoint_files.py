"""Keypoint files as the detect stage: what is cached, and what becomes of images they lack."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from PIL import Image as Pillow

from pipeline.config import Config, ConfigError, to_config
from pipeline.inputs.clips import Skipped
from pipeline.inputs.sources import Photos
from pipeline.parcels import jobs_of
from pipeline.pipeline import run, stages_of, through
from pipeline.stages.stage import Job
from tests.conftest import ROOT
from tests.pipeline.fake_detector import JOINTS, photo


def config(folder: Path, keypoints: Path, *overrides: str) -> Config:
    words = [f"data.path={folder / 'in'}", "detector=keypoint_file", f"detector.path={keypoints}"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cache = f"runtime.cache_dir={folder / 'cache'}"
        return to_config(compose("config", [*words, cache, *overrides]))


def detect(folder: Path, keypoints: Path, *overrides: str) -> tuple[list[Job], list[Skipped]]:
    settings = config(folder, keypoints, *overrides)
    clips, _ = Photos(str(folder / "in")).clips()
    jobs, _, skipped = through(stages_of(settings)[:2], jobs_of(clips), settings)
    return jobs, skipped


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos im0001.png, im0002.png and nobody.png, and OpenPose's keypoints of two of them."""
    (tmp_path / "in").mkdir()
    (tmp_path / "openpose").mkdir()
    for name in ("im0001", "im0002", "nobody"):
        Pillow.fromarray(photo(90)).save(tmp_path / f"in/{name}.png")
    write_openpose(tmp_path / "openpose/im0001_keypoints.json", 2)
    write_openpose(tmp_path / "openpose/nobody_keypoints.json", 0)
    return tmp_path


def write_openpose(path: Path, people: int, score: float = 0.9) -> None:
    everybody = [
        {"pose_keypoints_2d": [n for i in range(25) for n in (10 + i + 9 * k, 20 + i, score)]}
        for k in range(people)
    ]
    path.write_text(json.dumps({"people": everybody}))


def reasons(skipped: list[Skipped]) -> dict[str, str]:
    return {skip.path.stem: skip.reason.partition(": ")[2] for skip in skipped}


def test_images_that_a_folder_lacks_are_passed_over_with_the_reason(folder: Path) -> None:
    for _ in range(2):  # computed, then from the cache
        jobs, skipped = detect(folder, folder / "openpose")
        assert [job.clip.name for job in jobs] == ["im0001"]
        assert len(jobs[0].results["remap"].load()) == 2
        assert reasons(skipped) == {
            "nobody": "no person found in it",
            "im0002": "nobody is known in it: openpose has no im0002_keypoints.json (OpenPose) or "
            "im0002.json (mmpose); it has 2 files, e.g. im0001_keypoints.json",
        }


def test_images_that_a_file_lacks_are_passed_over_with_the_reason(folder: Path) -> None:
    np.savez(folder / "est_joints.npz", est_joints=np.full((3, 14, 1), 30.0))
    jobs, skipped = detect(folder, folder / "est_joints.npz")
    assert [job.clip.name for job in jobs] == ["im0001"]
    assert reasons(skipped) == {
        "im0002": "nobody is known in it: est_joints.npz has the images 1..1, and this is number 2",
        "nobody": "nobody is known in it: est_joints.npz counts its images, and this name has no "
        "number: expected e.g. im0001.jpg",
    }


def keys(folder: Path, keypoints: Path, *overrides: str) -> str:
    return detect(folder, keypoints, *overrides)[0][0].results["detect"].key


def test_the_files_of_a_folder_key_the_cache_not_its_place(folder: Path) -> None:
    first = keys(folder, folder / "openpose")
    shutil.move(folder / "openpose", folder / "moved")
    assert keys(folder, folder / "moved") == first
    assert keys(folder, folder / "moved", "detector.format=openpose") != first
    write_openpose(folder / "moved/im0001_keypoints.json", 2, score=0.8)
    second = keys(folder, folder / "moved")
    write_openpose(folder / "moved/im0002_keypoints.json", 0)
    third = keys(folder, folder / "moved")
    assert len({first, second, third}) == 3


def test_a_wrong_file_ends_the_run_and_is_named(folder: Path) -> None:
    (folder / "text.json").write_text("[1]")
    with pytest.raises(ConfigError, match=r"^detector: .*text\.json: expected LSP's joints\.mat"):
        detect(folder, folder / "text.json")
    with pytest.raises(ConfigError, match=r"^detector\.path: no file at .*nowhere"):
        detect(folder, folder / "nowhere")


def test_a_file_of_another_name_is_used_for_the_only_photo_of_a_run(tmp_path: Path) -> None:
    """And the cache tells that run from one with more photos, in which it is not."""
    (tmp_path / "in").mkdir()
    Pillow.fromarray(photo(90)).save(tmp_path / "in/a.png")
    person = {"keypoints": JOINTS, "keypoint_scores": [0.9] * 14}
    (tmp_path / "out.json").write_text(json.dumps([person]))
    words = ["detector.skeleton=lsp14", "render=none", f"runtime.output_dir={tmp_path / 'out'}"]
    settings = config(tmp_path, tmp_path / "out.json", *words)
    assert run(settings)["fitted"] == 1
    Pillow.fromarray(photo(80)).save(tmp_path / "in/b.png")
    summary = run(config(tmp_path, tmp_path / "out.json", *words))
    assert summary["fitted"] == 0
    assert (
        "out.json is about another image, expected a file called a.json"
        in summary["inputs"][0]["reason"]
    )
    (tmp_path / "in/b.png").unlink()
    assert run(config(tmp_path, tmp_path / "out.json", *words))["fitted"] == 1


@pytest.mark.parametrize(
    ("words", "stride"),
    [
        (["data.path=x"], 1),
        (["data=video", "data.path=x", "data.stride=3"], 3),
        (["data=lsp", "data.root=x"], 1),
    ],
)
def test_the_stride_of_a_video_is_the_detectors(words: list[str], stride: int) -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", [*words, "detector=keypoint_file", "detector.path=x"])
    assert to_config(cfg).detector.stride == stride
