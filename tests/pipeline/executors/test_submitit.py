"""Shards as the jobs of a multirun, with submitit's local launcher in the place of SLURM."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as Pillow

from tests.conftest import ROOT
from tests.faults.forked import parameters
from tests.pipeline.fake_detector import photo
from tests.pipeline.runs import FAKE

PHOTOS = 20  # three parcels


def run(inputs: Path, folder: Path, *words: str) -> str:
    """Run the program; returns what it says."""
    places = [f"runtime.{n}_dir={folder / n}" for n in ("cache", "output", "weights")]
    usual = [*FAKE, "executor=here", "render=none", "export=[npz]", f"data.path={inputs}"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), *usual, *places, *words],
        cwd=folder,  # not the project's folder: jobs find the program all the same
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.slow
def test_an_array_job_and_the_call_that_merges(tmp_path: Path) -> None:
    pytest.importorskip(
        "hydra_plugins.hydra_submitit_launcher.submitit_launcher",
        reason="pip install -c constraints.txt hydra-submitit-launcher",
    )
    inputs, whole, parts = (tmp_path / name for name in ("in", "whole", "parts"))
    for folder in (inputs, whole, parts):
        folder.mkdir()
    for number in range(PHOTOS):
        Pillow.fromarray(photo(50 + 5 * number)).save(inputs / f"p{number:02d}.png")
    run(inputs, whole)
    jobs = ("-m", "hydra/launcher=submitit_local", "runtime.shard=1/3,2/3,3/3")
    run(inputs, parts, *jobs)
    shards = [parts / f"output/shard-{number}-of-3/summary.json" for number in (1, 2, 3)]
    fitted = [json.loads(shard.read_text())["fitted"] for shard in shards]
    assert fitted == [8, 8, 4]
    assert not (parts / "output/summary.json").exists()
    run(inputs, parts)
    summary = json.loads((parts / "output/summary.json").read_text())
    assert summary["fitted"] == PHOTOS
    assert all(all(entry["cached"].values()) for entry in summary["inputs"])
    assert parameters(parts / "output") == parameters(whole / "output")


def test_shards_without_a_launcher_are_done_one_after_the_other(tmp_path: Path) -> None:
    inputs, folder = tmp_path / "in", tmp_path / "run"
    inputs.mkdir()
    folder.mkdir()
    for number in range(9):
        Pillow.fromarray(photo(50 + 5 * number)).save(inputs / f"p{number}.png")
    run(inputs, folder, "-m", "runtime.shard=1/2,2/2")
    made = {path.name for path in (folder / "output").iterdir() if path.is_dir()}
    assert made == {"shard-1-of-2", "shard-2-of-2"}
