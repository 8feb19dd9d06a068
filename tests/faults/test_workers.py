"""Worker processes: full disks, a run that is killed above them, and what they take over time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as Pillow

from benchmarks.scale import watching
from tests.conftest import ROOT
from tests.faults.forked import started
from tests.faults.inputs import cheap, write_both
from tests.faults.test_killed import litter, whole_files
from tests.faults.test_no_space import mounted
from tests.pipeline.fake_detector import photo
from tests.strangers.test_interrupts import children, runs

TWO = ("executor=processes", "executor.workers=2", "executor.least=2")


@pytest.mark.parametrize("kilobytes", [24, pytest.param(60, marks=pytest.mark.slow)])
def test_a_disk_that_is_full_for_a_worker_is_one_line(kilobytes: int, tmp_path: Path) -> None:
    write_both(tmp_path / "in", 12)
    with mounted(tmp_path / "disk", f"size={kilobytes}k") as disk:
        config = cheap(tmp_path / "in", disk, *TWO)
        ended = started(config, tmp_path / "log.txt").wait()
        assert ended.code == 1, ended.said
        (error,) = [line for line in ended.said.splitlines() if "error" in line.lower()]
        assert error.startswith("error: ")
        assert "No space left on device" in error
        assert "make room or name another folder; finished results are kept" in error
        assert "Traceback" not in ended.said
        whole_files(disk / "cache")
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        ended = started(config, tmp_path / "log.txt").wait()
        assert ended.code == 0, ended.said
        assert litter(disk) == []


def test_no_worker_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    places = [f"runtime.{n}_dir={tmp_path / n}" for n in ("cache", "output", "weights")]
    command = [sys.executable, "run.py", "data=synthetic", "data.n=400", *TWO, *places]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    while not list((tmp_path / "cache").glob("detect/*.npz")):
        assert process.poll() is None
        time.sleep(0.02)
    workers = children(process.pid)
    assert len(workers) >= 3  # and multiprocessing's resource tracker
    process.kill()
    assert process.wait() == -signal.SIGKILL
    end = time.monotonic() + 10
    while any(map(runs, workers)):
        assert time.monotonic() < end, [w for w in workers if runs(w)]
        time.sleep(0.01)


def grown(photos: int, folder: Path) -> list[tuple[float, float]]:
    """By how many MB and open files two workers grow from the second quarter of a run on."""
    (folder / "in").mkdir(parents=True)
    Pillow.fromarray(photo(90)).save(folder / "in/p00000.png")
    for number in range(1, photos):
        os.link(folder / "in/p00000.png", folder / f"in/p{number:05d}.png")
    config = cheap(folder / "in", folder, *TWO, "render=none", "export=[npz]")
    process = started(config, folder / "log.txt")
    with watching(process.pid) as (_, workers):
        ended = process.wait(limit=3000)
    assert ended.code == 0, ended.said
    found = [watched.quarters() for watched in workers.values()]
    return [(q["mb_last"] - q["mb_first"], q["files_last"] - q["files_first"]) for q in found]


@pytest.mark.slow
def test_workers_do_not_grow(tmp_path: Path) -> None:
    for megabytes, files in grown(1000, tmp_path):
        assert megabytes < 60
        assert files <= 1


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_workers_do_not_grow_over_10000_photos(tmp_path: Path, tell: Callable[[str], None]) -> None:
    found = grown(10_000, tmp_path)
    tell(f"10,000 photos: the two workers grow by {found} MB and open files")
    assert len(found) == 2
    for megabytes, files in found:
        assert megabytes < 60
        assert files <= 1
