"""OBJ and PLY: the posed surface, one file per person and frame, whole or not at all."""

import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import trimesh

from pipeline.config import Config
from pipeline.outputs.meshes import Obj, Ply
from pipeline.outputs.scene import UPRIGHT
from pipeline.outputs.writer import Run
from pipeline.stages.stage import Job
from tests.pipeline.outputs.people import FPS, SIZE, upright, walkers


def job_of(frames: dict[int, list[int]], key: str = "k" * 64) -> Job:
    facts = SimpleNamespace(image_size=SIZE, fps=FPS)
    clip: Any = SimpleNamespace(name="walk", facts=lambda: facts)
    made = {"config": {"gender": "neutral"}}
    fit: Any = SimpleNamespace(key=key, load=lambda: walkers(frames), provenance=made)
    return Job(clip, {"fit": fit})


@pytest.fixture
def run(tmp_path: Path, body: Any) -> Run:
    runtime: Any = SimpleNamespace(output_dir=str(tmp_path))
    made = Run(Config(runtime=runtime), [])
    made.__dict__["body_of"] = lambda clip: body
    return made


@pytest.mark.parametrize("kind", [Obj, Ply])
def test_a_photo_s_meshes_are_the_fitted_bodies(kind: type, run: Run, body: Any) -> None:
    files = kind().write(job_of({0: [0], 1: [0]}), run)
    assert files == {kind.name: f"walk-{kind.name}"}
    params = walkers({0: [0], 1: [0]}).params
    for person, vertices in enumerate(upright(body.vertices(params))):
        path = run.folder / f"walk-{kind.name}/person{person}.{kind.name}"
        mesh = trimesh.load(path, process=False)
        np.testing.assert_allclose(mesh.vertices, vertices, atol=1e-5)
        np.testing.assert_array_equal(mesh.faces, body.faces)
        assert UPRIGHT.encode() in path.read_bytes()[:300]
        assert mesh.volume > 0.01, "faces outwards"


def test_of_a_clip_every_nth_frame(run: Run) -> None:
    job = job_of({0: [0, 1, 2, 3, 4], 1: [1, 3]})
    Ply(every=2).write(job, run)
    folder = run.folder / "walk-ply"
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "person0-000000.ply",
        "person0-000002.ply",
        "person0-000004.ply",
        "written.json",
    ]
    Ply(every=3).write(job, run)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "person0-000000.ply",
        "person0-000003.ply",
        "person1-000003.ply",
        "written.json",
    ], "those of other settings are gone"
    with pytest.raises(ValueError, match=r"export\.ply\.every: expected 1 or more, got 0"):
        Ply(every=0)


def test_what_is_there_is_not_computed_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of({0: [0, 1]})
    Obj().write(job, run)
    before = {path: path.stat().st_mtime_ns for path in (run.folder / "walk-obj").iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(Obj, "files", lambda *_: pytest.fail("computed again"))
        Obj().write(job, run)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    next(path for path in before if path.suffix == ".obj").write_text("cut short")
    Obj().write(job, run)
    assert all(path.stat().st_size > 1000 for path in before if path.suffix == ".obj")
    (run.folder / "walk-obj/written.json").write_text("{")
    Obj().write(job_of({0: [0, 1]}, key="z" * 64), run)
    record = json.loads((run.folder / "walk-obj/written.json").read_text())
    assert set(record["files"]) == {"person0-000000.obj", "person0-000001.obj"}


def test_a_full_disk_leaves_whole_files_and_goes_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, count, write = job_of({0: [0, 1, 2]}), [0], Path.write_bytes

    def failing(path: Path, content: Any) -> int:
        count[0] += 1
        if count[0] < 3:
            return write(path, content)
        write(path, bytes(content)[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", failing)
        with pytest.raises(OSError, match=r"No space left on device: '.*person0-000002\.ply'"):
            Ply().write(job, run)
    folder = run.folder / "walk-ply"
    assert sorted(path.name for path in folder.iterdir()) == [
        "person0-000000.ply",
        "person0-000001.ply",
    ]
    Ply().write(job, run)
    sizes = {path.stat().st_size for path in folder.glob("*.ply")}
    assert len(list(folder.glob("*.ply"))) == 3
    assert len(sizes) == 1
