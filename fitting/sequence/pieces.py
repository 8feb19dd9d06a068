"""Cuts long tracks into pieces, so that memory does not grow with them."""

from collections.abc import Iterator
from dataclasses import dataclass

HELD = 2  # frames before a piece from which it goes on, because an acceleration spans three


@dataclass(frozen=True)
class Piece:
    """A part of a track that is solved in one go.

    Args:
        frames: those that take part.
        held: how many of the first ones stay as the piece before left them.
        kept: the frames of the track that this piece settles; those after them only look ahead.
    """

    frames: slice
    held: int
    kept: slice


def pieces(length: int, window: int, overlap: int) -> Iterator[Piece]:
    """The parts of a track in order; just one if it is not longer than a window.

    Args:
        length: frames of the track.
        window: frames of a piece, the held ones not counted.
        overlap: frames that a piece looks ahead.
    """
    start = 0
    while True:
        stop = start + window
        if stop + overlap >= length:  # the last piece is not shorter than what others look ahead
            stop = length
        kept = length if stop == length else stop - overlap
        held = min(HELD, start)
        yield Piece(slice(start - held, stop), held, slice(start, kept))
        if stop == length:
            return
        start = kept


def samples(length: int, window: int, most: int) -> list[slice]:
    """Windows spread evenly over a track: `most` of them, or as many as do not overlap."""
    count = max(1, min(most, length // window))
    size = min(window, length)
    starts = [round(k * (length - size) / max(count - 1, 1)) for k in range(count)]
    return [slice(start, start + size) for start in starts]
