"""Formats in a run: computed once, from finished runs only the writing, whole files or none."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline import pipeline
from pipeline.config import Config
from pipeline.outputs.scene_format import FileSet
from pipeline.storage.cache import from_arrays, to_arrays
from tests.pipeline.fake_detector import HEIGHT, WIDTH, photo
from tests.pipeline.outputs.bvh_reader import read_bvh
from tests.pipeline.outputs.glb_reader import Glb
from tests.pipeline.runs import calls, config, start, write_inputs

FORMATS = "export=[npz,picture,glb,obj,ply,amass,bvh,smpl]"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of the usual formats."""
    folder = tmp_path_factory.mktemp("run")
    write_inputs(folder / "in")
    pipeline.run(config(folder))
    return folder


def stamps(folder: Path) -> dict[Path, int]:
    return {
        path: path.stat().st_mtime_ns
        for part in ("cache", "output")
        for path in (folder / part).rglob("*")
        if path.is_file() and path.name != "summary.json"
    }


def test_on_a_finished_run_only_the_writing_is_computed(finished: Path) -> None:
    before, called = stamps(finished), calls(finished)
    summary = pipeline.run(config(finished, FORMATS))
    assert calls(finished) == called
    assert stamps(finished).items() >= before.items(), "nothing is written again"
    entry = summary["inputs"][0]
    new = {name for name, cached in entry["cached"].items() if not cached}
    assert new == {"glb", "amass", "bvh", "smpl"}
    assert entry["files"] == {
        "parameters": "a.npz",
        "picture": "a.jpg",
        "glb": "a.glb",
        "obj": "a-obj",
        "ply": "a-ply",
        "amass": "a-person0-amass.npz",
        "bvh": "a-person0.bvh",
        "smpl": "a-person0.smpl",
    }
    after = stamps(finished)
    again = pipeline.run(config(finished, FORMATS))
    assert all(again["inputs"][0]["cached"].values())
    assert stamps(finished) == after


def test_the_files_hold_the_fit(finished: Path) -> None:
    pipeline.run(config(finished, FORMATS))
    out = finished / "output"
    with np.load(out / "a.npz") as archive:
        joints, betas = archive["joints"][0], archive["betas"][0]
    knee = joints[4] * [1, -1, -1]
    glb = Glb((out / "a.glb").read_bytes())
    np.testing.assert_allclose(glb.joints(0)[4], knee, atol=1e-3)
    bvh = read_bvh((out / "a-person0.bvh").read_text())
    np.testing.assert_allclose(bvh.places()["left_knee"][0] / 100, knee, atol=1e-3)
    with np.load(out / "a-person0-amass.npz") as archive:
        np.testing.assert_allclose(archive["fitted_betas"], betas)
    (camera,) = glb.json["cameras"]
    assert camera["extras"]["image_size_px"] == [WIDTH, HEIGHT]


def test_a_cached_run_imports_no_heavy_library(finished: Path) -> None:
    pipeline.run(config(finished, FORMATS))
    done = start(finished, FORMATS, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0, done.stderr
    imported = {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "pipeline.outputs.actor" in imported
    assert not imported & {"torch", "cv2", "scipy", "trimesh", "smplx"}


def test_another_option_writes_its_format_alone(finished: Path) -> None:
    pipeline.run(config(finished, FORMATS))
    summary = pipeline.run(config(finished, FORMATS, "export.amass.betas=write"))
    cached = summary["inputs"][0]["cached"]
    assert [name for name, hit in cached.items() if not hit] == ["amass"]
    with np.load(finished / "output/a-person0-amass.npz") as archive:
        assert archive["betas"].any()


def test_names_with_slashes_and_quotes_stay_in_the_folder(tmp_path: Path) -> None:
    """Inputs are named by their clip, whose name is safe; a scene takes any name as text."""
    (tmp_path / "in").mkdir()
    Pillow.fromarray(photo(90)).save(tmp_path / "in" / "x\\..\\y \"z' <b>.png")
    summary = pipeline.run(config(tmp_path, FORMATS))
    (entry,) = summary["inputs"]
    names = [n for files in entry["files"].values() for n in [files]]
    assert all((tmp_path / "output" / name).exists() for name in names)
    assert all("/" not in name and "\\" not in name and '"' not in name for name in names)


def test_a_full_disk_stops_the_run_with_whole_files(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache has no half file, and the same command goes on."""
    settings = config(finished, FORMATS, f"runtime.output_dir={tmp_path / 'out'}")
    write = Path.write_bytes

    def failing(path: Path, content: Any) -> int:
        if path.suffix != ".glb":
            return write(path, content)
        write(path, bytes(content)[:1000])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", failing)
        with pytest.raises(OSError, match=r"No space left on device: '.*a\.glb'"):
            pipeline.run(settings)
    assert not list((tmp_path / "out").glob("*.glb"))
    assert not list((tmp_path / "out").glob(".~*"))
    assert pipeline.run(settings)["fitted"] == 2
    assert Glb((tmp_path / "out/a.glb").read_bytes()).json["asset"]["version"] == "2.0"
    assert json.loads((tmp_path / "out/summary.json").read_text())["fitted"] == 2


@pytest.mark.parametrize("files", [{}, {".a": b""}, {"-1.x": b"one", "-2.x": b"second"}])
def test_files_go_through_the_cache_unchanged(files: dict[str, bytes]) -> None:
    made = FileSet.of(files)
    assert from_arrays(FileSet, to_arrays(made)).files() == files == made.files()


def test_a_format_s_option_is_checked_before_any_work() -> None:
    from pipeline.config import ConfigError

    with pytest.raises(ConfigError, match=r"^export\.amass\.betas: .*sometimes.*auto"):
        config(Path("x"), "+export=amass", "export.amass.betas=sometimes")
    with pytest.raises(ConfigError, match=r"^export\.obj\.every: expected 1 or more, got 0"):
        config(Path("x"), "+export=obj", "export.obj.every=0")
    assert isinstance(config(Path("x"), FORMATS), Config)
