"""Which frames are fitted together: gaps that are filled, gaps that stay open, who is whose."""

import numpy as np

from fitting.sequence.timeline import ADDED, timelines

TIMES = np.arange(40) / 10


def lines(frame, track=None, fitted=None, max_fill=0.3, times=TIMES):
    frame = np.array(frame)
    track = np.zeros(len(frame), int) if track is None else np.array(track)
    fitted = np.ones(len(frame), bool) if fitted is None else np.array(fitted)
    return list(timelines(frame, track, fitted, times, max_fill))


def test_every_person_has_a_line_of_their_own_rows() -> None:
    first, second = lines([0, 0, 1, 1, 2], [5, 3, 3, 5, 5])
    assert (first.track, first.row.tolist(), first.frame.tolist()) == (3, [1, 2], [0, 1])
    assert (second.track, second.row.tolist(), second.frame.tolist()) == (5, [0, 3, 4], [0, 1, 2])


def test_a_short_gap_is_filled_and_the_motion_goes_on() -> None:
    (line,) = lines([0, 1, 5, 6])  # three frames of 0.1 s are missing
    assert line.frame.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert line.row.tolist() == [0, 1, ADDED, ADDED, ADDED, 2, 3]
    assert line.known.tolist() == [True, True, False, False, False, True, True]
    assert line.linked.all()
    assert line.nearest.tolist() == [0, 1, 1, 1, 2, 2, 3]


def test_a_long_gap_splits_the_motion_but_not_the_person() -> None:
    (line,) = lines([0, 1, 2, 7, 8, 9])
    assert line.frame.tolist() == [0, 1, 2, 7, 8, 9]
    assert line.segment.tolist() == [0, 0, 0, 1, 1, 1]
    assert line.linked.tolist() == [True, False, False, True]


def test_rows_without_a_fit_count_as_a_gap_but_keep_what_is_seen() -> None:
    (line,) = lines([0, 1, 2, 3], fitted=[True, False, True, True])
    assert line.row.tolist() == [0, 1, 2, 3]
    assert line.known.tolist() == [True, False, True, True]


def test_rows_before_the_first_fit_and_in_a_long_gap_are_left_out() -> None:
    fitted = [False, True, True, False, True]
    (line,) = lines([0, 1, 2, 10, 20], fitted=fitted)
    assert line.row.tolist() == [1, 2, 4]
    assert line.segment.tolist() == [0, 0, 1]


def test_nobody_with_a_fit_has_no_line() -> None:
    assert lines([0, 1], fitted=[False, False]) == []


def test_gaps_are_measured_in_seconds() -> None:
    times = np.array([0.0, 0.1, 0.2, 1.2, 1.3])  # a recording that stopped for a second
    (line,) = lines([0, 1, 4], times=times)
    assert line.segment.tolist() == [0, 0, 1]
    (line,) = lines([0, 1, 3], times=np.arange(5) / 10)
    assert line.segment.tolist() == [0, 0, 0, 0]
