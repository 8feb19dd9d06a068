"""The logistic model of a find's signs, on rows whose chances are known."""

import numpy as np
import pytest

from benchmarks.people import Labels
from tools.calibrate_person_score import (
    MORE_PARTS,
    PARTS,
    Rows,
    cross_validated,
    empty_parts,
    learnt,
    report_limits,
    told,
)

TRUE = np.array([-3.0, 2.0, 1.5])


def drawn(n: int = 4000, seed: int = 0) -> Rows:
    """Rows that are people with the chances of TRUE; ten from each source."""
    rng = np.random.default_rng(seed)
    signs = rng.uniform((0, 0), (3, 1), (n, 2))
    person = rng.random(n) < told(TRUE, signs)
    return Rows(signs, person, np.array([f"{row // 10}.jpg" for row in range(n)]))


def test_the_weights_of_the_signs_are_found() -> None:
    rows = drawn()
    assert learnt(rows, np.ones(4000, bool)) == pytest.approx(TRUE, abs=0.35)


def test_no_sign_of_a_person_counts_against_one() -> None:
    rows = drawn()
    upside_down = Rows(-rows.signs, rows.person, rows.source)
    assert learnt(upside_down, np.ones(4000, bool))[1:] == pytest.approx(0, abs=1e-9)


def test_scores_of_others_are_as_often_right_as_they_say() -> None:
    rows = drawn()
    scores = cross_validated(rows, rows)
    for low, high in ((0.1, 0.4), (0.4, 0.7), (0.7, 0.95)):
        some = (scores >= low) & (scores < high)
        assert scores[some].mean() == pytest.approx(rows.person[some].mean(), abs=0.05)


def test_a_row_is_scored_by_weights_that_have_not_seen_its_source() -> None:
    """Every source contradicts the others, so that a weight learnt from itself would be right."""
    rng = np.random.default_rng(1)
    person = np.arange(40) % 2 == 0
    rows = Rows(rng.random((40, 2)), person, np.where(person, "a", "b"))
    scores = cross_validated(rows, rows)
    assert (scores[person] < 0.1).all()
    assert (scores[~person] > 0.9).all()


def test_empty_parts_touch_nobody() -> None:
    image = np.zeros((300, 500, 3), np.uint8)
    image[:, 200:260] = 255  # the person
    labels = Labels(
        np.array([[200.0, 0, 259, 299]]), np.array([[230.0, 20, 20]]), np.zeros(1, bool)
    )
    parts = list(empty_parts(image, labels, np.random.default_rng(0)))
    assert len(parts) == PARTS
    assert all(not part.any() and min(part.shape[:2]) >= 48 for part in parts)
    none = Labels(np.zeros((0, 4)), np.zeros((0, 3)), np.zeros(0, bool))
    assert len(list(empty_parts(image, none, np.random.default_rng(0)))) == MORE_PARTS


def test_limits_count_those_who_are_left(capsys) -> None:
    report_limits(np.array([0.95, 0.55, 0.45]), np.array([True, False, True]), people=4)
    lines = {line.split("|")[1].strip(): line for line in capsys.readouterr().out.splitlines()[2:]}
    assert lines["0.9"] == "| 0.9 | 1 | 0 | 1.000, 0.250, 0.400 |"
    assert lines["0.5"] == "| 0.5 | 1 | 1 | 0.500, 0.250, 0.333 |"
    assert lines["0.4"] == "| 0.4 | 2 | 1 | 0.667, 0.500, 0.571 |"
