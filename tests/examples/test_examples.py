"""Every example runs and gives what it says."""

import ast
from pathlib import Path

import numpy as np
import pytest

from examples import batch_of_people, compare_presets, keypoints_to_body, own_term, photo_to_mesh
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
    files = entry["files"]["obj"]
    names = [files] if isinstance(files, str) else files
    text = (tmp_path / "out" / names[0]).read_text()
    assert text.count("\nv ") >= 6889
