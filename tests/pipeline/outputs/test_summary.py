"""The summary of a run of very many inputs."""

import json
from pathlib import Path

import pytest
from PIL import Image as Pillow

from pipeline import pipeline
from pipeline.outputs import summary as module
from tests.faults.forked import parameters
from tests.pipeline.fake_detector import photo
from tests.pipeline.runs import config


def test_very_many_inputs_have_a_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        Pillow.fromarray(photo(60 + 30 * number)).save(tmp_path / f"in/p{number}.png")
    (tmp_path / "in/empty.png").touch()
    settings = config(tmp_path, "render=none", "export=[npz]", "executor=here")
    usual = pipeline.run(settings)
    expected = parameters(tmp_path / "output")
    assert not (tmp_path / "output/summary.jsonl").exists()
    with monkeypatch.context() as patch:
        patch.setattr(module, "MOST", 3)
        again = pipeline.run(settings)
    assert parameters(tmp_path / "output") == expected
    whole = json.loads((tmp_path / "output/summary.json").read_text())
    assert whole["inputs"] == "summary.jsonl"
    assert (whole["fitted"], whole["skipped"]) == (usual["fitted"], usual["skipped"]) == (3, 1)
    lines = (tmp_path / "output/summary.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == again["inputs"]
    assert [entry["name"] for entry in again["inputs"]] == ["p0", "p1", "p2", "empty.png"]
    pipeline.run(settings)
    assert not (tmp_path / "output/summary.jsonl").exists()
