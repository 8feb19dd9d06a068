"""Files made to do harm: nothing in them is executed, nothing is written where it should not be."""

import os
import pickle
import socket
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from scipy.io import savemat
from yaml.constructor import ConstructorError

from detectors import mmcv_ops
from detectors.base import Resources
from detectors.keypoint_file import KeypointFile
from fitting import load_body_model, load_lifter, load_pose_prior
from fitting.capsules.capsules import load_capsules
from fitting.starts.retrieval import load_pose_library
from pipeline.datasets.lsp import Lsp
from pipeline.datasets.lsp_files import lsp_root, read_annotation
from pipeline.datasets.synthetic import load_errors
from pipeline.evaluation.evaluate import Evaluation
from pipeline.evaluation.run_report import write_report
from pipeline.inputs.clips import NoClipsError
from pipeline.inputs.sources import Photos
from pipeline.inputs.videos import VideoReader
from tests.conftest import ROOT
from tests.faults.forked import Ended, Process
from tests.faults.inputs import cheap, write_both
from tests.faults.watched import alone
from tests.pipeline.fake_detector import photo
from tests.pipeline.mini_lsp import write_images


def watched(config: Any, folder: Path, *more: Path) -> Ended:
    runtime = config.runtime
    places = (runtime.cache_dir, runtime.output_dir, runtime.weights_dir)
    return Process(lambda: alone(config, *map(Path, places), *more), folder / "log.txt").wait()


def test_a_run_writes_into_its_folders_alone_and_asks_for_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures, a video, animations, and the release's layout."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    write_both(tmp_path / "in", 1)
    config = cheap(tmp_path / "in", tmp_path / "run", "+export=release")
    (tmp_path / "run").mkdir()
    ended = watched(config, tmp_path, tmp_path / "tmp")
    assert ended.code == 0, ended.said
    assert (tmp_path / "run/output/walk.mp4").is_file()


@pytest.mark.parametrize(
    "deed",
    [
        lambda folder: (folder / "outside").touch(),
        lambda folder: (folder / "outside").mkdir(),
        lambda folder: os.system("true"),
        lambda folder: subprocess.run(["true"]),
        lambda folder: socket.create_connection(("127.0.0.1", 9)),
        lambda folder: socket.getaddrinfo("example.org", 80),
    ],
    ids=["file", "folder", "shell", "program", "address", "name"],
)
def test_the_watch_itself(deed: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It notices each of what it is to notice."""
    monkeypatch.setattr("pipeline.pipeline.run", lambda config: deed(tmp_path))
    ended = watched(cheap(tmp_path / "in", tmp_path / "run"), tmp_path)
    assert ended.code == 80, ended.said
    assert "not allowed: " in ended.said


class Trap:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def keypoints(path: Path) -> object:
    return KeypointFile(str(path)).detect([photo(9)], Resources(), "im0001.png")


READERS: dict[str, tuple[Callable, Path | None]] = {
    "body": (load_body_model, ROOT / "assets/bodies/neutral.npz"),
    "capsules": (load_capsules, ROOT / "assets/bodies/neutral.npz"),
    "prior": (load_pose_prior, ROOT / "assets/pose_prior.npz"),
    "library": (load_pose_library, ROOT / "assets/pose_library.npz"),
    "lifter": (load_lifter, ROOT / "assets/lifter.npz"),
    "errors": (load_errors, ROOT / "assets/detector_errors.npz"),
    "keypoints": (keypoints, None),
}


@pytest.mark.parametrize("kind", READERS)
def test_an_npz_with_objects_runs_nothing(kind: str, tmp_path: Path) -> None:
    read, whole = READERS[kind]
    arrays: dict[str, Any] = {"est_joints": np.zeros((3, 14, 1))}
    if whole:
        with np.load(whole) as archive:
            arrays = dict(archive)
    trap = np.array([Trap(tmp_path / "sprung")], dtype=object)
    path = tmp_path / "file.npz"
    np.savez(path, **dict.fromkeys(arrays, trap))
    with pytest.raises(ValueError, match=r"file\.npz"):
        read(path)
    assert not (tmp_path / "sprung").exists()


def test_an_npz_of_keypoints_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("est_joints.npy", "w", force_zip64=True) as file,
    ):
        for _ in range(31):
            file.write(bytes(10_000_000))
    assert path.stat().st_size < 500_000
    with pytest.raises(ValueError, match="it unpacks to 310000000 bytes"):
        keypoints(path)


@pytest.mark.parametrize("read", [keypoints, read_annotation], ids=["keypoints", "annotation"])
@pytest.mark.parametrize(
    "content",
    [
        {"joints": np.array([[Trap, 1]], dtype=str)},
        {"joints": {"a": {"b": np.zeros(3)}}},
        {"joints": np.array([np.zeros(2), "text"], dtype=object)},
        {"joints": np.zeros((3, 14, 1), complex)},
        {"other": np.zeros(3)},
        {"joints": np.zeros((0, 14, 1))},
        {"joints": np.zeros((100, 100, 400), np.int8)},
    ],
    ids=["text", "struct", "cell", "complex", "other", "empty", "bomb"],
)
def test_a_mat_file_of_anything(read: Callable, content: dict, tmp_path: Path) -> None:
    path = tmp_path / "joints.mat"
    savemat(path, content, do_compression=True)
    with pytest.raises((ValueError, NoClipsError), match=r"joints\.mat"):
        read(path)


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch {marker}']",
        "!!python/object/new:pathlib.Path ['{marker}']",
        "!!python/name:os.system",
        "!!python/module:os",
    ],
)
def test_tags_in_yaml_make_nothing(text: str, tmp_path: Path) -> None:
    marker = tmp_path / "sprung"
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/config.yaml").write_text("data: " + text.format(marker=marker))
    message = "could not determine a constructor for the tag"
    folder = initialize_config_dir(str(tmp_path / "conf"), version_base="1.3")
    with folder, pytest.raises(ConstructorError, match=message):
        compose("config")
    assert not marker.exists()


NAMES = (
    "../out.txt",
    "../../images/im0003.jpg",
    "/etc/im0004.jpg",
    "C:\\images\\im0005.jpg",
    "images\\..\\..\\im0006.jpg",
    "images/../images/im0007.jpg",
    "joints.mat/x",
    "images/im0001.jpg/",
    "images/im0008.jpg\x00.sh",
    "images/.~im0009.0123456789abcdef.jpg",
    "../joints.mat",
)


def test_a_zip_that_wants_to_write_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "deep/lsp.zip"
    path.parent.mkdir()
    write_images(tmp_path / "deep/images", 2, first=1)
    with zipfile.ZipFile(path, "w") as archive:
        for image in (tmp_path / "deep/images").iterdir():
            archive.write(image, f"images/{image.name}")
        for name in NAMES:
            archive.writestr(name, b"escaped")
        link = zipfile.ZipInfo("images/im0010.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    before = {p for p in tmp_path.rglob("*") if p.is_file()}
    root = lsp_root(path, tmp_path / "deep/cache")
    new = {p for p in tmp_path.rglob("*") if p.is_file()} - before
    assert all(p.is_relative_to(root) for p in new)
    assert {p.name for p in new} <= {f"im{n:04d}.jpg" for n in range(1, 11)} | {"joints.mat"}
    assert not any(p.is_symlink() for p in new)


def test_a_zip_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.datasets.lsp_files._MOST_IN_ALL", 3_000)
    with zipfile.ZipFile(tmp_path / "lsp.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(1, 9):
            archive.writestr(f"images/im{number:04d}.jpg", bytes(1_000))
    with pytest.raises(NoClipsError, match="more than 3000 bytes of images"):
        Lsp(str(tmp_path / "lsp.zip"), unpack_to=str(tmp_path / "cache")).clips()


def test_names_in_the_report_are_text(tmp_path: Path) -> None:
    script = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    evaluation = Evaluation(
        cases=(script, "b"),
        fitted=np.array([False, True]),
        columns={script: np.array([np.nan, 1.0])},
        figures={script: 1.0},
        tables={script: {script: {script: 1.0}}},
    )
    config = cheap(tmp_path, tmp_path, data=Photos(script))
    source = f"/{script}/{script}"
    summary = {
        "seconds_computing": {},
        "inputs": [{"source": source, "status": "skipped", "reason": f"{source}: {script}"}],
    }
    (tmp_path / "output").mkdir()
    text = write_report(evaluation, [], config, summary, 1.0).read_text()
    assert "<script" not in text
    assert "<img" not in text
    assert text.count("&lt;script&gt;") >= 6


def resolution_changes(path: Path) -> None:
    """An H.264 stream whose pictures grow in the middle."""
    from imageio_ffmpeg import get_ffmpeg_exe

    parts = []
    for size in ("96x128", "640x480"):
        part = path.with_name(f"{size}.h264")
        command = [
            get_ffmpeg_exe(),
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            f"testsrc=size={size}",
        ]
        subprocess.run([*command, "-frames:v", "4", "-pix_fmt", "yuv420p", str(part)], check=True)
        parts.append(part.read_bytes())
        part.unlink()
    path.write_bytes(b"".join(parts))


def test_a_video_whose_size_changes(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    resolution_changes(tmp_path / "in/grows.mp4")
    ended = Process(
        lambda: alone(cheap(tmp_path / "in", tmp_path / "run"), tmp_path, Path("/tmp")),
        tmp_path / "log.txt",
    ).wait()
    assert ended.code in (0, 2), ended.said
    sizes = {frame.shape for frame in VideoReader().frames(tmp_path / "in/grows.mp4")}
    assert len(sizes) == 1


def test_a_checkpoint_runs_nothing(tmp_path: Path) -> None:
    """As mmengine loads it: torch's own default, with what mmcv_ops allows beside it."""
    import torch

    torch.save({"state_dict": {}, "meta": Trap(tmp_path / "sprung")}, tmp_path / "evil.pth")
    with mmcv_ops.checkpoint_globals(), pytest.raises(pickle.UnpicklingError, match=r"Path|touch"):
        torch.load(tmp_path / "evil.pth", map_location="cpu")
    assert not (tmp_path / "sprung").exists()
