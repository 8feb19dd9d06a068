"""Rows of settings are compared case by case."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.comparison import difference, with_interval
from pipeline.evaluation.evaluate import Evaluation

CASES = ("a", "b", "c", "d")


def evaluation(*errors: float) -> Evaluation:
    return Evaluation(CASES, np.ones(4, bool), {"error": np.array(errors)})


def test_a_difference_is_paired_over_the_cases_that_both_have():
    base, row = evaluation(10, 20, 30, np.nan), evaluation(9, 18, np.nan, 5)
    found = difference(row, base, "error")
    assert found["mean"] == pytest.approx(-1.5)
    assert -2 <= found["low"] <= found["mean"] <= found["high"] <= -1
    same = difference(base, replace(base), "error")
    assert same == {"mean": 0, "low": 0, "high": 0}


def test_the_interval_is_written_after_the_mean():
    assert with_interval({"mean": -1.5, "low": -2, "high": 0.25}, "+.1f") == "-1.5 (-2.0, +0.2)"
