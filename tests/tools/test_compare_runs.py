"""Two runs side by side: paired differences, and the cases that changed most."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.evaluation.evaluate import Evaluation, write_evaluation
from tests.conftest import ROOT
from tools.compare_runs import differences, most_changed, read_run


def write(folder: Path, cases: list[str], **columns: list[float]) -> Path:
    folder.mkdir()
    arrays = {name: np.array(values, float) for name, values in columns.items()}
    write_evaluation(Evaluation(tuple(cases), np.ones(len(cases), bool), arrays), folder)
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """B is better by 0.1 or 0.2 in three cases, worse by 2 in the fourth; it lost e, has f."""
    a = write(
        tmp_path / "a",
        ["a", "b", "c", "d", "e"],
        fit_error_torso=[1, 2, 3, 4, 5],
        only_a=[0] * 5,
        same=[1] * 5,
    )
    b = write(
        tmp_path / "b",
        ["f", "e", "d", "c", "b", "a"],
        fit_error_torso=[9, np.nan, 6, 2.8, 1.9, 0.9],
        same=[1] * 6,
    )
    return a, b


def test_differences_are_paired(folders: tuple[Path, Path]) -> None:
    error, same = differences(*map(read_run, folders))
    assert (error.metric, error.cases, error.a) == ("fit_error_torso", 4, 2.5)
    assert error.b == pytest.approx(2.9)
    assert error.mean == pytest.approx((2 - 0.1 - 0.1 - 0.2) / 4)
    assert error.low < 0 < error.high
    assert not error.sure
    assert (same.metric, same.cases, same.mean, same.low, same.high) == ("same", 5, 0, 0, 0)


def test_a_steady_difference_is_sure_where_unpaired_ones_would_not_be(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(10, 5, 100)
    names = [f"c{i}" for i in range(100)]
    a = write(tmp_path / "a", names, x=one.tolist())
    b = write(tmp_path / "b", names, x=(one + 0.1 + rng.normal(0, 0.1, 100)).tolist())
    (difference,) = differences(read_run(a), read_run(b))
    assert difference.sure
    assert 0.05 < difference.low < 0.1 < difference.high < 0.15


def test_the_cases_that_changed_most(folders: tuple[Path, Path]) -> None:
    found = most_changed(*map(read_run, folders), metric="fit_error_torso", most=3)
    assert [case for case, _, _ in found] == ["e", "d", "c"], "lost, +2, -0.2"
    assert found[1][1:] == (4, 6)
    assert most_changed(*map(read_run, folders), metric="same", most=3) == []


def test_the_command(folders: tuple[Path, Path], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.compare_runs", *map(str, folders)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "5 cases in both; 5 in A, 6 in B" in done.stdout
    assert "+0.4000" in done.stdout
    assert done.stdout.splitlines()[-4].split() == ["d", "4.0000", "->", "6.0000"]
    command[-1] = str(tmp_path)
    failed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert failed.returncode == 1
    assert "per_case.csv: no such file, expected the output folder" in failed.stderr


def test_runs_that_share_nothing(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", ["x"], v=[1]), write(tmp_path / "b", ["y"], v=[1])
    with pytest.raises(ValueError, match="share no case"):
        differences(read_run(a), read_run(b))
    with pytest.raises(ValueError, match="--metric: expected one of v, got w"):
        most_changed(read_run(a), read_run(a), metric="w", most=1)
