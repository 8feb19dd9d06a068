"""How a row of a solve ended."""

from enum import IntEnum


class Status(IntEnum):
    """How a row ended. Failing is a value, never an exception."""

    CONVERGED = 0
    MAX_ITERATIONS = 1
    STALLED = 2  # no step lowers the cost, although the gradient is not 0
    NONFINITE = 3  # NaN or infinity in the problem; the row is returned unchanged
    SKIPPED = 4  # not solved (for callers: too little data to pose the problem)
    FILLED = 5  # nothing to fit was seen; the row follows from those before and after it
