"""The interface for data that knows the truth: how good fits are, per case and as a whole."""

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from pipeline.config import Config
from pipeline.evaluation.metrics import bootstrap_interval
from pipeline.stages.stage import Job
from pipeline.storage.whole_files import replacing

METRICS, PER_CASE = "metrics.json", "per_case.csv"


Table = dict[str, dict[str, float]]
"""Row -> column -> number."""


@dataclass(frozen=True)
class Chart:
    """A picture of a table.

    Args:
        table: its title.
        columns: drawn in one picture, by the name in the legend.
        title, x_label, y_label: written on it.
        lines: whether rows are numbers on the x axis; otherwise each is a group of bars.
    """

    table: str
    columns: dict[str, str]
    title: str
    x_label: str
    y_label: str
    lines: bool


@dataclass(frozen=True)
class Evaluation:
    """What was measured on N cases.

    Args:
        cases: their names.
        fitted: whether a body was found.
        columns: name, with the unit at its end -> value of each case. NaN leaves a case out of the
            mean; a metric that can count a case without a body has a number for it.
        figures: name -> number about all cases that is not the mean of a column.
        tables: title -> row -> column -> number, if one number each is not enough.
        charts: file name -> picture of a table, for people.
        ranking: the column that tells good cases (low) from bad ones.
    """

    cases: tuple[str, ...]
    fitted: Bool[np.ndarray, " N"]
    columns: dict[str, Float[np.ndarray, " N"]]
    figures: dict[str, float] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    charts: dict[str, Chart] = field(default_factory=dict)
    ranking: str | None = None

    def __post_init__(self) -> None:
        n = len(self.cases)
        for name, column in {"fitted": self.fitted, **self.columns}.items():
            if column.shape != (n,):
                raise ValueError(f"Evaluation {name}: expected shape {(n,)}, got {column.shape}")


@runtime_checkable
class KnowsTruth(Protocol):
    """A data source that can say how good fits of its clips are."""

    def evaluate(self, jobs: list[Job], config: Config) -> Evaluation:
        """Compare what was found with the truth.

        Args:
            jobs: of every clip, with the results of the stages that it came through. One without
                a result of the fit failed, and so did clips of this source that are missing here.
            config: of the run.
        """
        ...


def metrics_of(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation in numbers: means with 95 % bootstrap intervals, medians, counts; None if no
    case has a value."""
    fitted = int(evaluation.fitted.sum())
    tables = {
        title: {row: {c: _finite(v) for c, v in cells.items()} for row, cells in table.items()}
        for title, table in evaluation.tables.items()
    }
    return {
        "cases": len(evaluation.cases),
        "fitted": fitted,
        "not_fitted": len(evaluation.cases) - fitted,
        **{name: _finite(value) for name, value in evaluation.figures.items()},
        "means": {name: _mean(column) for name, column in evaluation.columns.items()},
        **({"tables": tables} if tables else {}),
    }


def write_evaluation(evaluation: Evaluation, folder: Path) -> dict[str, Any]:
    """Write metrics.json and per_case.csv.

    Returns:
        The metrics as they are in metrics.json.
    """
    metrics = metrics_of(evaluation)
    _write(folder / METRICS, json.dumps(metrics, indent=2))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["case", "fitted", *evaluation.columns])
    for row, (case, fitted) in enumerate(zip(evaluation.cases, evaluation.fitted, strict=True)):
        values = [column[row] for column in evaluation.columns.values()]
        texts = [f"{value:.4f}" if np.isfinite(value) else "" for value in values]
        writer.writerow([case, int(fitted), *texts])
    _write(folder / PER_CASE, table.getvalue())
    return metrics


def _mean(column: np.ndarray) -> dict[str, float | None]:
    values = column[np.isfinite(column)]
    if not len(values):
        return dict.fromkeys(("mean", "low", "high", "median"))
    low, high = bootstrap_interval(values)
    numbers = {"mean": values.mean(), "low": low, "high": high, "median": np.median(values)}
    return {name: round(float(number), 4) for name, number in numbers.items()}


def _finite(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text)
