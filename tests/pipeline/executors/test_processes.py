"""Several processes give what one does, and a lost one costs no input."""

import logging
import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from detectors.base import Detections, Resources
from pipeline import parcels, pipeline
from pipeline.config import Config, ConfigError
from pipeline.executors import processes
from tests.pipeline.fake_detector import FakeDetector, photo
from tests.pipeline.runs import config

NAMES = ("a", "b", "c", "d", "e")
TWO = ("executor=processes", "executor.workers=2", "executor.least=2")


@dataclass
class Murdered(FakeDetector):
    """A worker is killed at clip c, so many times; in the run itself it is an error."""

    times: int = 1

    def detect(self, frames: Any, resources: Resources, clip_name: str) -> Detections:
        if clip_name == "c.png" and not multiprocessing.parent_process() and self.times > 99:
            list(frames)
            raise ValueError("deadly")
        if clip_name == "c.png" and multiprocessing.parent_process():
            resources.weights_dir.mkdir(exist_ok=True)
            deaths = resources.weights_dir / "deaths.txt"
            before = len(deaths.read_bytes()) if deaths.exists() else 0
            if before < self.times:
                deaths.write_bytes(bytes(before + 1))
                os.kill(os.getpid(), signal.SIGKILL)
        return super().detect(frames, resources, clip_name)


def prepared(folder: Path, *overrides: str, detector: Any = None) -> Config:
    (folder / "in").mkdir(exist_ok=True)
    for number, name in enumerate(NAMES):
        Pillow.fromarray(photo(60 + 30 * number)).save(folder / f"in/{name}.png")
    result = config(folder, "render=none", *overrides)
    result.detector = detector or result.detector
    return result


@pytest.fixture(autouse=True)
def small_parcels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcels, "PARCEL", 2)


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    found = {}
    for name in NAMES:
        if not (folder / f"output/{name}.npz").exists():
            continue
        with np.load(folder / f"output/{name}.npz", allow_pickle=False) as archive:
            found |= {f"{name}.{key}": archive[key] for key in archive if key != "source"}
    return found


def test_results_are_those_of_one_process_to_the_last_bit(tmp_path: Path) -> None:
    folders = tmp_path / "here", tmp_path / "two"
    for folder, how in zip(folders, (("executor=here",), TWO), strict=True):
        folder.mkdir()
        summary = pipeline.run(prepared(folder, *how))
        assert summary["fitted"] == len(NAMES)
        cached = {stage for e in summary["inputs"] for stage, hit in e["cached"].items() if hit}
        assert cached == (set() if how != TWO else {"detect", "remap", "fit"})
    one, other = map(arrays_of, folders)
    assert one.keys() == other.keys()
    for key, array in one.items():
        assert array.tobytes() == other[key].tobytes(), key


@pytest.mark.parametrize("times", [1, 3])
def test_killed_workers_are_named_and_cost_nothing(
    times: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Three: both that compute the parcel, and one of two that compute c alone."""
    folders = tmp_path / "here", tmp_path / "two"
    for folder, how in zip(folders, (("executor=here",), TWO), strict=True):
        folder.mkdir()
        with caplog.at_level(logging.WARNING):
            detector = Murdered(path="x", times=times)
            assert pipeline.run(prepared(folder, *how, detector=detector))["fitted"] == len(NAMES)
    one, other = map(arrays_of, folders)
    assert {k: v.tobytes() for k, v in one.items()} == {k: v.tobytes() for k, v in other.items()}
    assert caplog.text.count("was ended by signal 9: another one takes over") == times
    assert ("inputs have lost two workers: trying each alone" in caplog.text) == (times > 2)
    assert not list((folders[1] / "cache").glob(".~*"))
    assert not multiprocessing.active_children()


def test_an_input_that_no_worker_survives_is_named_and_the_run_goes_on(tmp_path: Path) -> None:
    summary = pipeline.run(prepared(tmp_path, *TWO, detector=Murdered(path="x", times=999)))
    assert (summary["fitted"], summary["failed"]) == (4, 1)
    (failed,) = [entry for entry in summary["inputs"] if entry["status"] == "failed"]
    assert failed["source"].endswith("c.png")
    why = "c.png: 2 workers that computed it are lost, the last one was ended by signal 9"
    assert why in failed["reason"]
    assert why in (tmp_path / "output" / failed["report"]).read_text()
    assert len((tmp_path / "weights/deaths.txt").read_bytes()) == 4
    alone = tmp_path / "here"
    alone.mkdir()
    detector = Murdered(path="x", times=999)
    assert pipeline.run(prepared(alone, "executor=here", detector=detector))["failed"] == 1
    expected, found = arrays_of(alone), arrays_of(tmp_path)
    assert {k: v.tobytes() for k, v in found.items()} == {
        k: v.tobytes() for k, v in expected.items()
    }


def test_workers_that_end_before_they_begin_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "work", stillborn)
    with pytest.raises(ConfigError, match=r"executor: workers end .* ended with exit code 7: if"):
        pipeline.run(prepared(tmp_path, *TWO))
    assert not multiprocessing.active_children()


def stillborn(pipe: Connection, config: Config) -> None:
    """What a worker does that lacks memory, or a library."""
    sys.exit(7)


def test_a_wrong_setting_found_by_a_worker_ends_the_run(tmp_path: Path) -> None:
    broken = FakeDetector(path="x", broken=True)
    with pytest.raises(ConfigError, match="could not download"):
        pipeline.run(prepared(tmp_path, *TWO, detector=broken))
    assert not multiprocessing.active_children()


def test_no_process_is_started_where_nothing_or_little_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(processes, "Crew", lambda *_: started.append(1))
    pipeline.run(prepared(tmp_path, "executor=processes"))
    pipeline.run(prepared(tmp_path, *TWO))
    assert not started


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"executor.workers: expected auto or 1 or more, got 'x'"):
        prepared(tmp_path, "executor=processes", "executor.workers=x")
    with pytest.raises(ConfigError, match=r"executor.least: expected 1 or more, got 0"):
        prepared(tmp_path, "executor=processes", "executor.least=0")
