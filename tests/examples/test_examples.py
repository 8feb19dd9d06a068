"""Every example runs and gives what it says."""

import ast
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from examples import (
    batch_of_people,
    compare_presets,
    keypoints_to_body,
    own_term,
    photo_to_mesh,
    read_exports,
)
from tests.conftest import ROOT

SCRIPTS = sorted((ROOT / "examples").glob("*.py"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_it_is_short_and_says_how_to_run_it(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 60
    assert f"python -m examples.{path.stem}" in (ast.get_docstring(ast.parse(text)) or "")


def test_keypoints_to_body() -> None:
    result, vertices = keypoints_to_body.main()
    assert result.reprojection_error[0] < 5
    assert vertices.shape == (1, 6890, 3)
    assert 1.4 < np.ptp(vertices[0, :, 1]) < 2.1, "a standing grown-up"


def test_batch_of_people() -> None:
    error, milliseconds = batch_of_people.main(48)
    assert error < 45
    assert milliseconds > 0


def test_own_term() -> None:
    bent, straight = own_term.main()
    assert bent > 0.5
    assert straight < 0.05


def test_compare_presets() -> None:
    table = compare_presets.main("lifted", "multistart", 6)
    assert table.keys() == {"pa_mpjpe_mm", "mpjpe_mm", "pve_mm"}
    assert all(0 < value < 300 for pair in table.values() for value in pair)


def test_photo_to_mesh(tmp_path: Path) -> None:
    summary = photo_to_mesh.main(str(ROOT / "assets/demo/warrior.jpg"), str(tmp_path / "out"))
    (entry,) = summary["inputs"]
    assert entry["files"]["obj"]
    (mesh,) = (tmp_path / "out").rglob("*.obj")
    assert mesh.read_text().count("\nv ") >= 6889


def test_the_notebook_runs_and_shows_two_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its cells in order, without Jupyter, which the project does not need."""
    shown: list[bytes] = []
    display = SimpleNamespace(Image=bytes, display=shown.append)
    ipython = SimpleNamespace(display=display, get_ipython=lambda: None, version_info=(9, 0))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.chdir(ROOT)
    notebook = json.loads((ROOT / "examples/tour.ipynb").read_text())
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            code = "".join(cell["source"]).replace("outputs/tour", str(tmp_path / "out"))
            code = code.replace(
                '"render=side_by_side",',
                f'"render=side_by_side", "render.backend=raycast", "runtime.cache_dir={tmp_path}",',
            )
            exec(compile(code, "tour.ipynb", "exec"), names)
    assert [picture[:3] for picture in shown] == [b"\xff\xd8\xff"] * 2
    assert names["vertices"].shape == (1, 6890, 3)
    assert "expected error" in capsys.readouterr().out


def test_the_notebook_is_small_and_was_run() -> None:
    path = ROOT / "examples/tour.ipynb"
    assert path.stat().st_size < 100_000
    cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    assert [c["execution_count"] for c in cells] == list(range(1, len(cells) + 1))


def test_read_exports(tmp_path: Path) -> None:
    found = read_exports.main(str(ROOT / "assets/demo/warrior.jpg"), str(tmp_path / "out"))
    standing = found["*.obj"]
    assert 1.2 < standing < 2.0, "a grown-up in a wide stance"
    assert found["*.ply"] == pytest.approx(standing, abs=1e-3)
    assert found["*-amass.npz"] == pytest.approx(standing, abs=0.02)
    assert (found["*.bvh"], found["*.smpl"]) == (24, 25)
    assert found["0*.npz"] == 1
