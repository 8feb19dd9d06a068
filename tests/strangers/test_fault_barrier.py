"""What nobody foresaw about one input: it is said of that input, and the others are fitted."""

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

import run
from detectors.base import Detections, Image, Resources
from detectors.keypoint_file import KeypointFile
from pipeline import pipeline
from pipeline.config import Config, ConfigError
from pipeline.evaluation.evaluate import Evaluation
from pipeline.faults import of_the_run
from pipeline.inputs.sources import Photos
from pipeline.outputs.pictures import Pictures
from pipeline.outputs.writer import Files, Run, Writer
from pipeline.stages import fit, remap, render
from pipeline.stages.stage import Job
from tests.faults.inputs import cheap
from tests.pipeline.fake_detector import JOINTS, FakeDetector, photo
from tests.pipeline.runs import calls

SHADES = {"a": 50, "b": 60, "c": 70}
_BUGGY = False
SURE = 0.8  # of b's joints, 0.9 of the others'


class BugError(Exception):
    """What no stage knows."""


@dataclass
class Detector(FakeDetector):
    """Is less sure of b, so that every stage can tell it; fails on it while _BUGGY."""

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        if _BUGGY and clip_name == "b.png":
            list(frames)
            raise BugError("no such axis")
        self.score = SURE if clip_name == "b.png" else 0.9
        return super().detect(frames, resources, clip_name)


@dataclass
class Format(Writer):
    """An output format that fails for b, or at the end."""

    at_end: bool = False

    def write(self, job: Job, run: Run) -> Files:
        if job.clip.name == "b" and not self.at_end:
            raise BugError("no such axis")
        return {}

    def close(self, run: Run, summary: dict[str, Any]) -> None:
        if self.at_end:
            raise BugError("no such axis")


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name, shade in SHADES.items():
        Pillow.fromarray(photo(shade)).save(tmp_path / f"in/{name}.png")
    return tmp_path


def settings(folder: Path, **parts: Any) -> Config:
    usual = {"detector": Detector(**asdict(FakeDetector())), "data": Photos(str(folder / "in"))}
    config = cheap(folder / "in", folder, **{**usual, **parts})
    return replace(config, export={"npz": config.export["npz"]})


def drawn(config: Config) -> Config:
    """With pictures, which take as long as the rest."""
    return replace(config, export={**config.export, "picture": Pictures()})


def failing(function: Callable, is_b: Callable[..., bool]) -> Callable:
    """The function, which fails for b."""

    def other(*arguments: Any, **options: Any) -> Any:
        if is_b(*arguments):
            raise BugError("no such axis")
        return function(*arguments, **options)

    return other


def break_stage(stage: str, patch: pytest.MonkeyPatch) -> None:
    if stage == "detect":
        patch.setattr(sys.modules[__name__], "_BUGGY", True)
    if stage == "remap":
        patch.setattr(remap, "to_lsp", failing(remap.to_lsp, lambda f, *_: f.scores[0, 0] < 0.85))
    if stage == "fit":  # a batch with b in it fails as a whole
        solver = fit._solver

        def solve(*arguments: Any) -> Any:
            return failing(
                solver(*arguments), lambda k, _: (k.confidence == np.float32(SURE)).any()
            )

        patch.setattr(fit, "_solver", solve)
    if stage == "render":
        patch.setattr(render, "draw", failing(render.draw, lambda image, *_: image[0, 0, 0] == 60))


def statuses(summary: dict[str, Any]) -> dict[str, str]:
    return {Path(entry["source"]).stem: entry["status"] for entry in summary["inputs"]}


def exit_code(work: Callable[[], dict[str, Any]]) -> object:
    with pytest.raises(SystemExit) as caught:
        run.finish(work)
    return caught.value.code


@pytest.mark.parametrize("stage", ["detect", "remap", "fit", "render", "export broken"])
def test_one_input_fails_and_the_others_go_on(
    stage: str, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = drawn(settings(inputs)) if stage == "render" else settings(inputs)
    if stage == "export broken":
        config.export["broken"] = Format()
    with monkeypatch.context() as patch:
        break_stage(stage, patch)
        summary = pipeline.run(config)
    assert statuses(summary) == {"a": "fitted", "b": "failed", "c": "fitted"}
    assert (summary["fitted"], summary["failed"], summary["skipped"]) == (2, 1, 0)
    assert json.loads((inputs / "output/summary.json").read_text()) == summary
    (entry,) = (e for e in summary["inputs"] if e["status"] == "failed")
    report = inputs / "output/errors/b.txt"
    assert summary["errors"] == [entry["report"]] == ["errors/b.txt"]
    assert entry["reason"] == (
        f"{inputs / 'in/b.png'}: internal error in {stage}: BugError: no such axis; "
        f"please report it, details in {report}"
    )
    text = report.read_text()
    assert all(
        part in text for part in ("Traceback", "BugError: no such axis", "test_fault_barrier.py")
    )
    assert all(part in text for part in (f"torch: {torch.__version__}", "batch_size: 4"))
    assert exit_code(lambda: summary) == run.FAILED == 3

    known = calls(inputs)
    config.export.pop("broken", None)
    mended = pipeline.run(config)
    assert statuses(mended) == dict.fromkeys(SHADES, "fitted"), "it is not remembered"
    assert mended["errors"] == []
    assert not (inputs / "output/errors").exists()
    again = calls(inputs)[len(known) :]
    assert again == (["b.png"] if stage == "detect" else []), "nothing finished is done again"


@dataclass
class Raising(FakeDetector):
    """Raises an error, before it asks for the first frame or after."""

    early: bool = False

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        seen = [] if self.early else list(frames)
        raise ValueError(f"operands could not be broadcast together, {len(seen)}")


def test_what_a_detector_raises_while_it_loads_is_of_the_run(inputs: Path) -> None:
    options = asdict(FakeDetector())
    with pytest.raises(ConfigError, match="detector: operands could not be broadcast together, 0"):
        pipeline.run(settings(inputs, detector=Raising(**options, early=True)))
    summary = pipeline.run(settings(inputs, detector=Raising(**options)))
    assert statuses(summary) == dict.fromkeys(SHADES, "failed")


def test_a_damaged_file_of_keypoints_is_of_its_image(inputs: Path) -> None:
    person = {"keypoints": np.array(JOINTS).tolist(), "keypoint_scores": [0.9] * 14}
    for name in SHADES:
        (inputs / f"in/{name}.json").write_text(json.dumps([person]))
    (inputs / "in/b.json").write_text("[{")
    data = Photos(str(inputs / "in/*.png"))
    detector = KeypointFile(str(inputs / "in"), skeleton="lsp14")
    summary = pipeline.run(settings(inputs, detector=detector, data=data))
    assert statuses(summary) == {"a": "fitted", "b": "skipped", "c": "fitted"}
    (entry,) = (e for e in summary["inputs"] if e["status"] == "skipped")
    assert "b.json: expected JSON" in entry["reason"]


def test_a_format_that_fails_leaves_the_other_formats(inputs: Path) -> None:
    config = settings(inputs)
    config.export = {"broken": Format(), **config.export}
    summary = pipeline.run(config)
    (entry,) = (e for e in summary["inputs"] if e["status"] == "failed")
    assert entry["files"] == {"parameters": "b.npz"}
    assert (inputs / "output/b.npz").is_file()
    config.export["broken"] = Format(at_end=True)
    summary = pipeline.run(config)
    assert statuses(summary) == dict.fromkeys(SHADES, "fitted")
    assert summary["errors"] == ["errors/export-broken.txt"]
    assert json.loads((inputs / "output/summary.json").read_text()) == summary


def test_a_stage_that_fails_as_a_whole(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the cache is still written; one report is enough."""
    (inputs / "in/b.png").rename(inputs / "b.png")
    pipeline.run(settings(inputs))
    (inputs / "b.png").rename(inputs / "in/b.png")
    with monkeypatch.context() as patch:
        patch.setattr(fit, "_solver", failing(fit._solver, lambda *_: True))
        summary = pipeline.run(settings(inputs))
    assert statuses(summary) == {"a": "fitted", "b": "failed", "c": "fitted"}
    assert summary["errors"] == ["errors/fit-stage.txt"]
    assert pipeline.run(settings(inputs))["fitted"] == 3


@dataclass
class Measured(Photos):
    """Knows the truth, and fails to compare with it."""

    def evaluate(self, jobs: list[Job], config: Config) -> Evaluation:
        raise BugError("no such axis")


def test_an_evaluation_that_fails_leaves_the_fits(inputs: Path) -> None:
    summary = pipeline.run(settings(inputs, data=Measured(str(inputs / "in"))))
    assert statuses(summary) == dict.fromkeys(SHADES, "fitted")
    assert summary["errors"] == ["errors/evaluation.txt"]
    assert json.loads((inputs / "output/summary.json").read_text()) == summary
    assert exit_code(lambda: summary) == run.FAILED


@pytest.mark.parametrize(
    "error", [OSError("encoder error -2"), RecursionError("too deep"), KeyError("memory")], ids=repr
)
def test_a_librarys_complaint_is_about_the_input(error: Exception) -> None:
    assert not of_the_run(error)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left", "cache"), "error: [Errno 28] No space left: 'cache': make"),
        (OSError(24, "Too many open files"), "error: [Errno 24] Too many open files"),
        (MemoryError("can't allocate memory"), "error: out of memory (can't allocate memory): "),
        (RuntimeError("CUDA out of memory."), "error: out of memory (CUDA out of memory.): close"),
    ],
    ids=repr,
)
def test_what_would_meet_every_input_ends_the_run(
    error: Exception, line: str, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def identify(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(remap, "identify", identify)
    said = exit_code(lambda: pipeline.run(settings(inputs)))
    assert str(said).startswith(line)
    assert not (inputs / "output/errors").exists()


def test_a_bug_outside_of_any_input_is_shown(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def work() -> dict[str, Any]:
        raise BugError("no such axis")

    assert exit_code(work) == run.FAILED
    assert "Traceback" in capsys.readouterr().err
    assert "please report the above" in caplog.text
