"""The door for data that knows the truth: means, counts and files."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.datasets.synthetic_data import Synthetic
from pipeline.evaluation.evaluate import Evaluation, KnowsTruth, metrics_of, write_evaluation
from pipeline.inputs.sources import Photos
from pipeline.outputs.report import console, print_metrics


@pytest.fixture
def evaluation() -> Evaluation:
    """Three cases, one without a body; the last metric counts that one as wrong."""
    return Evaluation(
        cases=("a", "b", "c"),
        fitted=np.array([True, False, True]),
        columns={"error_mm": np.array([10.0, np.nan, 40.0]), "right": np.array([1.0, 0.0, 0.5])},
        figures={"far": 1, "unknown": float("nan")},
    )


def test_cases_without_a_value_are_left_out_of_the_mean(evaluation: Evaluation) -> None:
    metrics = metrics_of(evaluation)
    assert (metrics["cases"], metrics["fitted"], metrics["not_fitted"]) == (3, 2, 1)
    assert (metrics["far"], metrics["unknown"]) == (1, None)
    error, right = metrics["means"]["error_mm"], metrics["means"]["right"]
    assert error == {"mean": 25, "low": 10, "high": 40, "median": 25}
    assert (right["mean"], right["median"]) == (0.5, 0.5)
    assert 0 <= right["low"] < 0.5 < right["high"] <= 1


def test_what_is_written(evaluation: Evaluation, tmp_path: Path) -> None:
    metrics = write_evaluation(evaluation, tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics == metrics_of(evaluation)
    with (tmp_path / "per_case.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"case": "a", "fitted": "1", "error_mm": "10.0000", "right": "1.0000"},
        {"case": "b", "fitted": "0", "error_mm": "", "right": "0.0000"},
        {"case": "c", "fitted": "1", "error_mm": "40.0000", "right": "0.5000"},
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.json", "per_case.csv"]


def test_nothing_fitted_at_all(tmp_path: Path) -> None:
    nothing = Evaluation(("a",), np.zeros(1, bool), {"error_mm": np.array([np.nan])})
    metrics = write_evaluation(nothing, tmp_path)
    assert metrics["means"]["error_mm"] == dict.fromkeys(("mean", "low", "high", "median"))
    print_metrics(metrics)


def test_the_table(evaluation: Evaluation) -> None:
    with console.capture() as capture:
        print_metrics(metrics_of(evaluation))
    lines = capture.get().splitlines()
    assert lines[0] == "cases 3, fitted 2, not_fitted 1, far 1, unknown None"
    assert lines[2].split() == ["error_mm", "25", "10", "..", "40", "25"]


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Evaluation x_mm: expected shape \(2,\), got \(3,\)"):
        Evaluation(("a", "b"), np.ones(2, bool), {"x_mm": np.zeros(3)})


def test_photos_know_no_truth() -> None:
    assert not isinstance(Photos("x"), KnowsTruth)
    assert issubclass(Synthetic, KnowsTruth)
