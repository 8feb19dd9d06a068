"""Rows of several clips in one batch: who is who, and nobody is torn apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitting.camera import Camera
from fitting.joints import Keypoints
from pipeline.stages.batch import Batch


def clip(*tracks: int) -> tuple[Keypoints, Camera]:
    """A clip whose rows are of these tracks, one frame after another."""
    n = len(tracks)
    keypoints = Keypoints(
        np.arange(n, dtype=np.int32),
        np.array(tracks, np.int32),
        np.zeros((n, 14, 2), np.float32),
        np.ones((n, 14), np.float32),
    )
    return keypoints, Camera(np.full(n, 500.0), np.zeros((n, 2)))


def test_a_person_is_a_clip_and_a_track() -> None:
    batch = Batch.of([clip(7, 3, 7), clip(), clip(3, 3, 0)])
    assert batch.clip.tolist() == [0, 0, 0, 2, 2, 2]
    assert batch.persons().tolist() == [0, 1, 0, 2, 2, 3]
    assert len(batch) == len(batch.keypoints) == len(batch.camera.focal_length) == 6


def test_photos_fill_pieces_to_the_last_row() -> None:
    batch = Batch.of([clip(0, 1)] * 5)
    assert [rows.tolist() for rows in batch.pieces(4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_track_longer_than_a_piece_is_one_by_itself() -> None:
    batch = Batch.of([clip(0), clip(*[0, 1] * 3), clip(0)])
    pieces = [rows.tolist() for rows in batch.pieces(2)]
    assert pieces == [[0], [1, 3, 5], [2, 4, 6], [7]]


def test_nobody_is_one_empty_piece() -> None:
    assert [rows.tolist() for rows in Batch.of([clip(), clip()]).pieces(8)] == [[]]


@given(
    clips=st.lists(st.lists(st.integers(0, 4), max_size=12), min_size=1, max_size=5),
    size=st.integers(1, 9),
)
def test_every_row_is_in_one_piece_and_every_person_too(clips: list[list[int]], size: int) -> None:
    batch = Batch.of([clip(*tracks) for tracks in clips])
    pieces = list(batch.pieces(size))
    rows = np.concatenate(pieces)
    assert sorted(rows.tolist()) == list(range(len(batch)))
    of = batch.persons()
    homes = [set(of[piece].tolist()) for piece in pieces]
    assert sum(map(len, homes)) == len(set(of.tolist())), "nobody is in two pieces"
    for piece, people in zip(pieces, homes, strict=True):
        assert len(piece) <= size or len(people) == 1
        assert (np.diff(piece) > 0).all()


@pytest.mark.parametrize("size", [1, 3, 100])
def test_taken_apart_and_put_back_rows_are_where_they_were(size: int) -> None:
    batch = Batch.of([clip(0, 1, 0, 1), clip(2, 2, 5)])
    pieces = list(batch.pieces(size))
    frames = np.concatenate([batch.keypoints.frame[rows] for rows in pieces])
    assert (frames[np.argsort(np.concatenate(pieces))] == batch.keypoints.frame).all()
