"""How rows end: the numbers that saved results hold."""

import numpy as np

from fitting import Status


def test_the_numbers_in_saved_results_keep_their_meaning():
    """Files that people keep, and the names in every npz, go by these."""
    assert {status.name: int(status) for status in Status} == {
        "CONVERGED": 0,
        "MAX_ITERATIONS": 1,
        "STALLED": 2,
        "NONFINITE": 3,
        "SKIPPED": 4,
        "FILLED": 5,
    }


def test_a_column_of_numbers_is_compared_with_a_status():
    column = np.array([0, 4, 3, 4], np.int32)
    assert (column == Status.SKIPPED).tolist() == [False, True, False, True]
    assert [Status(number).name for number in column[1:3]] == ["SKIPPED", "NONFINITE"]
    assert np.full(2, Status.FILLED, np.int32).tolist() == [5, 5]
