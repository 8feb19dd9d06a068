"""Which cases are shown as best, median and worst."""

import numpy as np
import pytest

from pipeline.evaluation.contact_sheets import rankings
from pipeline.evaluation.evaluate import Evaluation


def evaluation(values: list[float], ranking: str | None = "error") -> Evaluation:
    names = tuple(f"c{i}" for i in range(len(values)))
    fitted = np.isfinite(values)
    return Evaluation(names, fitted, {"error": np.array(values, float)}, ranking=ranking)


def test_best_median_worst() -> None:
    found = rankings(evaluation([5, 1, np.nan, 4, 2, 3, 9, 8, 7, 6]), each=3)
    assert [name for name, _ in found["best"]] == ["c1", "c4", "c5"]
    assert [value for _, value in found["median"]] == [4, 5, 6]
    assert [value for _, value in found["worst"]] == [9, 8, 7], "without the one not fitted"


def test_fewer_cases_than_a_sheet_holds() -> None:
    found = rankings(evaluation([2, 1]), each=25)
    assert {kind: len(some) for kind, some in found.items()} == {"best": 2, "median": 2, "worst": 2}


@pytest.mark.parametrize("case", [evaluation([np.nan]), evaluation([1.0], ranking=None)])
def test_nothing_to_show(case: Evaluation) -> None:
    assert rankings(case) == {}
