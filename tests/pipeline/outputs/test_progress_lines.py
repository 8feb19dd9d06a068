"""`runtime.progress=lines`: how far a run is, for other programs."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image as Pillow

from pipeline import pipeline
from pipeline.outputs.report import progress_lines
from tests.pipeline.fake_detector import photo
from tests.pipeline.runs import config


def test_a_line_tells_each_beginning_and_each_step() -> None:
    out = io.StringIO()
    with progress_lines(out) as track:
        tick = track("detect", 2)
        tick()
        track("detect", 1)()  # another process does some of it
        track("fit", None)()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(line["stage"], line["done"], line["total"]) for line in lines] == [
        ("detect", 0, 2),
        ("detect", 1, 2),
        ("detect", 1, 3),
        ("detect", 2, 3),
        ("fit", 0, None),
        ("fit", 1, None),
    ]


def test_a_run_tells_its_stages_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    Pillow.fromarray(photo(90)).save(tmp_path / "in/a.jpg")
    pipeline.run(config(tmp_path, "runtime.progress=lines", "export=[npz]"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert list(dict.fromkeys(line["stage"] for line in lines)) == ["detect", "remap", "fit"]
    assert all(line["done"] == 1 for line in lines[1::2])
