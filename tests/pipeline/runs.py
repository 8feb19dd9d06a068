"""Runs of the whole pipeline on generated inputs: their settings, their folder, their process."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from PIL import Image as Pillow

from pipeline.config import Config, to_config
from tests.conftest import ROOT
from tests.pipeline.fake_detector import FakeDetector, photo

BACKEND = "render.backend=raycast"  # starts in a tenth of pyrender's time


def config(folder: Path, *overrides: str, data: Any = None, **detector: Any) -> Config:
    """Everything in one folder: pictures in `in`, results in `out`."""
    places = [f"runtime.{n}_dir={folder / n}" for n in ("cache", "output", "weights")]
    choices = ["detector=keypoint_file", "detector.path=x", BACKEND, "runtime.threads=1"]
    added = [
        word.partition("=")[2].strip("[]") for word in overrides if word.startswith("+export=")
    ]
    overrides = tuple(word for word in overrides if not word.startswith("+export="))
    if not any(word.startswith(("export=", "data=synthetic", "data=lsp")) for word in overrides):
        formats = ["npz", "picture", *added]  # the page has tests of its own
        choices.append(f"export=[{','.join(formats)}]")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        names = [*choices, f"data.path={folder / 'in'}", *places, *overrides]
        result = to_config(compose("config", names))
    result.detector = FakeDetector(path="x", **detector)
    result.data = data or result.data
    return result


def write_inputs(folder: Path) -> None:
    """Two people in a photo each, a photo with nobody, an empty file and a text named .jpg."""
    folder.mkdir()
    Pillow.fromarray(photo(90)).save(folder / "a.jpg")
    Pillow.fromarray(photo(120)).save(folder / "b.png")
    Pillow.fromarray(photo(0)).save(folder / "nobody.png")
    (folder / "empty.jpg").touch()
    (folder / "notes.jpg").write_text("buy milk\n" * 20)


def calls(folder: Path) -> list[str]:
    path = folder / "weights/calls.txt"
    return path.read_text().split() if path.is_file() else []


# As a user starts it: `run.py` in a process of its own, or its function with a made-up failure.
FAKE = (
    BACKEND,
    "detector=keypoint_file",
    "detector.path=x",
    "detector._target_=tests.pipeline.fake_detector.FakeDetector",
)


def start(folder: Path, *overrides: str, **environment: str) -> subprocess.CompletedProcess[str]:
    places = [f"runtime.{n}_dir={folder / n}" for n in ("cache", "output", "weights")]
    return subprocess.run(
        [
            sys.executable,
            "run.py",
            *FAKE,
            "export=[npz,picture]",
            f"data.path={folder / 'in'}",
            *places,
            *overrides,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )
