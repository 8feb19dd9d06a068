"""Several processes give what one does, and a lost one costs no input."""

import logging
import multiprocessing
import os
import signal
from dataclasses import dataclass
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
    """Its process is killed at clip c, where that is a worker."""

    def detect(self, frames: Any, resources: Resources, clip_name: str) -> Detections:
        if clip_name == "c.png" and multiprocessing.parent_process():
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


def test_a_killed_worker_is_named_and_costs_no_input(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        summary = pipeline.run(prepared(tmp_path, *TWO, detector=Murdered(path="x")))
    assert summary["fitted"] == len(NAMES)
    assert "was ended by signal 9: this process computes its inputs" in caplog.text
    assert not multiprocessing.active_children()


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
