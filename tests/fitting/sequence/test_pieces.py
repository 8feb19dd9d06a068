"""Long tracks in pieces: each frame is settled once, and a piece goes on from the one before."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitting.sequence.pieces import HELD, pieces, samples


@given(length=st.integers(1, 2000), window=st.integers(5, 300), overlap=st.integers(2, 100))
def test_every_frame_is_settled_once(length: int, window: int, overlap: int) -> None:
    overlap = min(overlap, window - 3)
    found = list(pieces(length, window, overlap))
    settled = [frame for piece in found for frame in range(piece.kept.start, piece.kept.stop)]
    assert settled == list(range(length))
    for piece in found:
        assert piece.frames.start + piece.held == piece.kept.start
        assert piece.frames.stop - piece.frames.start <= window + overlap + HELD
        assert piece.kept.stop == length or piece.frames.stop - piece.kept.stop == overlap
    assert found[0].held == 0
    assert all(piece.held == HELD for piece in found[1:])


@pytest.mark.parametrize(("length", "count"), [(50, 1), (300, 1), (700, 2), (9000, 4)])
def test_samples_lie_apart_and_reach_from_end_to_end(length: int, count: int) -> None:
    found = samples(length, 300, 4)
    assert len(found) == count
    assert found[0].start == 0
    assert found[-1].stop == length or count == 1
    assert all(a.stop <= b.start for a, b in pairwise(found))
