"""A setting that cannot be used: one line, ours, before any work."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline import pipeline
from pipeline.config import ConfigError
from pipeline.inputs.clips import Found
from pipeline.inputs.sources import Photos
from tests.conftest import ROOT
from tests.faults.inputs import cheap


def refused(*words: str) -> str:
    """What `python run.py` says about a command line that it does not accept."""
    command = [sys.executable, "run.py", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("data.pth=a.jpg", "error: data.pth: no such key, did you mean data.path?"),
        (
            "render=off",
            "error: render: no such choice 'off', expected one of none, overlay, "
            "side_by_side, skeleton, turntable, white",
        ),
    ],
)
def test_only_our_line_is_shown_where_we_can_tell(words: str, line: str) -> None:
    assert refused(*words.split()) == line + "\n"


def test_hydras_words_are_shown_where_only_hydra_can_tell() -> None:
    said = refused("data.path=a.jpg", "+fit=multistart")
    assert "Multiple values for fit" in said
    assert "Traceback" not in said


@dataclass
class Untouched(Photos):
    """Inputs that nobody may look for."""

    def clips(self) -> Found:
        raise AssertionError("work has begun")


def test_a_device_that_is_not_there_is_refused_before_any_work(tmp_path: Path) -> None:
    config = cheap(tmp_path, tmp_path, data=Untouched(str(tmp_path)))
    config.runtime.device = "cuda:77"
    with pytest.raises(ConfigError, match=r"^runtime\.device: cuda:77 cannot be used here: "):
        pipeline.run(config)
    assert list(tmp_path.iterdir()) == []
