"""A file that changes or goes away while the run reads it: said, and nothing wrong is kept."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from detectors.base import Detections, Image, Resources
from pipeline import pipeline
from pipeline.inputs.images import ClipError
from pipeline.inputs.sources import Photos
from pipeline.stages import fit
from tests.faults.inputs import cheap
from tests.pipeline.fake_detector import FakeDetector, photo


@dataclass
class Meddler(FakeDetector):
    """Does something to a file before or after it has seen it."""

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        if clip_name == "b.png" and _MEDDLE:
            _MEDDLE.pop()()
        return super().detect(frames, resources, clip_name)


_MEDDLE: list[Callable[[], Any]] = []


def write(folder: Path, **shades: int) -> None:
    folder.mkdir(exist_ok=True)
    for name, shade in shades.items():
        Pillow.fromarray(photo(shade)).save(folder / f"{name}.png")


def ran(folder: Path) -> dict[str, str]:
    """Of each input its reason, or `fitted`; and what is in the cache is what it says."""
    options = asdict(FakeDetector())
    config = cheap(folder, folder, detector=Meddler(**options), data=Photos(str(folder / "in")))
    summary = pipeline.run(config)
    assert json.loads((folder / "output/summary.json").read_text())["fitted"] == summary["fitted"]
    return {Path(e["source"]).stem: e.get("reason", "fitted") for e in summary["inputs"]}


CHANGED = "b.png: it has changed since the run began: run again"
CHANGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "another picture": (lambda path: write(path.parent, b=0), CHANGED),
    "half a picture": (lambda path: path.write_bytes(path.read_bytes()[:60]), CHANGED),
    "gone": (Path.unlink, "b.png: no such file: check the path"),
    "emptied": (lambda path: path.write_bytes(b""), CHANGED),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_before_it_is_decoded(change: str, tmp_path: Path) -> None:
    write(tmp_path / "in", a=50, b=60, c=70)
    meddle, reason = CHANGES[change]
    path = tmp_path / "in/b.png"
    whole = path.read_bytes()
    _MEDDLE.append(lambda: meddle(path))
    first = ran(tmp_path)
    assert first.pop("b").endswith(reason)
    assert first == {"a": "fitted", "c": "fitted"}
    path.write_bytes(whole)
    assert ran(tmp_path) == {"a": "fitted", "b": "fitted", "c": "fitted"}
    write(tmp_path / "in", b=0)
    assert ran(tmp_path)["b"].endswith("no person found in it")


def test_gone_after_it_was_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the fit: the others are fitted."""
    write(tmp_path / "in", a=50, b=60, c=70)
    solver = fit._solver

    def meddled(*arguments: Any) -> Any:
        (tmp_path / "in/b.png").unlink()
        return solver(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(fit, "_solver", meddled)
        first = ran(tmp_path)
    assert first.pop("b").endswith("b.png: no such file: check the path")
    assert first == {"a": "fitted", "c": "fitted"}
    write(tmp_path / "in", b=60)
    assert set(ran(tmp_path).values()) == {"fitted"}


def test_gone_when_the_results_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "in", a=50, b=60)
    export = pipeline.export

    def late(*arguments: Any) -> Any:
        (tmp_path / "in/b.png").unlink()
        return export(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "export", late)
        first = ran(tmp_path)
    assert first["a"] == "fitted"
    assert first["b"].endswith("b.png: no such file: check the path")


def test_a_refusal_that_lasts_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in", a=50)
    (tmp_path / "in/b.png").write_bytes(b"no picture")
    first = ran(tmp_path)

    def never(path: Path) -> np.ndarray:
        raise ClipError(f"{path}: was read again")

    monkeypatch.setattr("pipeline.inputs.clips.read_photo", never)
    assert ran(tmp_path) == first
    assert "not a picture" in first["b"]
