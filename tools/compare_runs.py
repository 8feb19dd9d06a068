"""Two evaluated runs on the same cases: what differs, how surely, and where most.

    python -m tools.compare_runs outputs/a outputs/b [--metric fit_error_torso] [--most 10]

Reads per_case.csv of both output folders. Differences are B - A, paired: the mean over the cases
that have a value in both, with the 95 % interval of a bootstrap over the cases. An interval without
0 is marked *. With many metrics, one in twenty is marked by chance.
"""

import argparse
import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline.evaluation.evaluate import PER_CASE
from pipeline.evaluation.metrics import bootstrap_interval

_NO_METRICS = ("case", "fitted")


@dataclass(frozen=True)
class Run:
    """per_case.csv: the names of the cases and the values of each metric, NaN where it has none."""

    cases: list[str]
    metrics: dict[str, Float[np.ndarray, " N"]]


@dataclass(frozen=True)
class Difference:
    """One metric: the means of A and B over the cases they share, and of B - A with its
    interval."""

    metric: str
    cases: int
    a: float
    b: float
    mean: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0


def read_run(folder: Path) -> Run:
    """Read an output folder.

    Raises:
        ValueError: it has no per_case.csv, or the file is not such a table.
    """
    path = folder / PER_CASE
    if not path.is_file():
        raise ValueError(f"{path}: no such file, expected the output folder of an evaluated run")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or "case" not in rows[0]:
        raise ValueError(f"{path}: expected a table with a column `case` and at least one row")
    names = [name for name in rows[0] if name not in _NO_METRICS]
    values = {n: np.array([float(row[n]) if row[n] else np.nan for row in rows]) for n in names}
    return Run([row["case"] for row in rows], values)


def differences(a: Run, b: Run) -> list[Difference]:
    """Of every metric that both runs have.

    Raises:
        ValueError: they share no case.
    """
    rows_a, rows_b = shared_rows(a, b)
    found = []
    for metric in a.metrics:
        if metric not in b.metrics:
            continue
        one, other = a.metrics[metric][rows_a], b.metrics[metric][rows_b]
        both = np.isfinite(one) & np.isfinite(other)
        if both.any():
            apart = (other - one)[both]
            low, high = bootstrap_interval(apart)
            means = float(one[both].mean()), float(other[both].mean()), float(apart.mean())
            found.append(Difference(metric, int(both.sum()), *means, low, high))
    return found


def most_changed(a: Run, b: Run, metric: str, most: int) -> list[tuple[str, float, float]]:
    """Cases by how much a metric differs, with the values of A and B; NaN against a number first.

    Raises:
        ValueError: a run does not have the metric.
    """
    for run in (a, b):
        if metric not in run.metrics:
            raise ValueError(f"--metric: expected one of {', '.join(run.metrics)}, got {metric}")
    rows_a, rows_b = shared_rows(a, b)
    one, other = a.metrics[metric][rows_a], b.metrics[metric][rows_b]
    apart = np.abs(other - one)
    lost = np.isnan(one) != np.isnan(other)
    order = np.argsort(-np.where(lost, np.inf, np.nan_to_num(apart)), kind="stable")[:most]
    return [
        (a.cases[rows_a[i]], float(one[i]), float(other[i]))
        for i in order
        if lost[i] or apart[i] > 0
    ]


def shared_rows(a: Run, b: Run) -> tuple[list[int], list[int]]:
    """Rows of the cases that both have, in A's order."""
    place = {case: row for row, case in enumerate(b.cases)}
    rows_a = [row for row, case in enumerate(a.cases) if case in place]
    if not rows_a:
        raise ValueError("the two runs share no case: expected evaluations of the same data")
    return rows_a, [place[a.cases[row]] for row in rows_a]


def print_comparison(a: Run, b: Run, metric: str, most: int) -> None:
    """Print the table, then the cases."""
    rows_a, _ = shared_rows(a, b)
    print(
        f"{len(rows_a)} cases in both; {len(a.cases)} in A, {len(b.cases)} in B. Differences B - A"
    )
    print(f"{'':32}{'cases':>7}{'A':>10}{'B':>10}{'B - A':>10}   95 %")
    for d in differences(a, b):
        interval = f"{d.low:+.4f} .. {d.high:+.4f}{' *' if d.sure else ''}"
        print(f"{d.metric:32}{d.cases:>7}{d.a:>10.4f}{d.b:>10.4f}{d.mean:>+10.4f}   {interval}")
    print(f"\n{metric} changed most in:")
    for case, one, other in most_changed(a, b, metric, most):
        print(f"{case:32}{one:>10.4f} -> {other:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("a", type=Path, help="output folder of run A")
    parser.add_argument("b", type=Path, help="output folder of run B")
    parser.add_argument("--metric", help="for the cases that changed most")
    parser.add_argument("--most", type=int, default=10, help="how many of them")
    args = parser.parse_args()
    try:
        a, b = read_run(args.a), read_run(args.b)
        preferred = [m for m in ("fit_error_torso", "pa_mpjpe_mm") if m in a.metrics]
        metric = args.metric or (preferred or list(a.metrics) or ["none"])[0]
        print_comparison(a, b, metric, args.most)
    except ValueError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
