"""Which frames of a person are fitted together, and which rows they are."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

ADDED = -1  # in place of a row, if there was none for this frame

_AFTER = 1e-6  # s; computed times differ in the last digits


@dataclass(frozen=True)
class Timeline:
    """The frames of one person that a track is fitted to, in order of time.

    Args:
        track: the person.
        row: among the keypoints, or ADDED.
        frame: of the clip.
        times: of the frames, s.
        known: whether the frame has a fit of its own to start from.
        segment: number of the part that the frame belongs to; motion goes on within a segment.
    """

    track: int
    row: Int[np.ndarray, " T"]
    frame: Int[np.ndarray, " T"]
    times: Float[np.ndarray, " T"]
    known: Bool[np.ndarray, " T"]
    segment: Int[np.ndarray, " T"]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def nearest(self) -> Int[np.ndarray, " T"]:
        """The row of the nearest frame with a fit of its own."""
        at = np.flatnonzero(self.known)
        middle = (self.times[at[1:]] + self.times[at[:-1]]) / 2
        return self.row[at[np.searchsorted(middle, self.times)]]

    @property
    def linked(self) -> Bool[np.ndarray, " inner"]:
        """For each frame except the first and last, whether both neighbours are in its segment."""
        return self.segment[2:] == self.segment[:-2]

    @property
    def joined(self) -> Bool[np.ndarray, " ways"]:
        """For each frame except the last, whether the next one is in its segment."""
        return self.segment[1:] == self.segment[:-1]


def timelines(
    frame: Int[np.ndarray, " N"],
    track: Int[np.ndarray, " N"],
    fitted: Bool[np.ndarray, " N"],
    times: Float[np.ndarray, " F"],
    max_fill: float,
) -> Iterator[Timeline]:
    """A timeline for every person with a fit in at least one frame.

    Frames between two fits that are no farther apart than max_fill and one frame are filled,
    whether they have rows or not. Frames in a longer gap are left out.

    Args:
        frame, track, fitted: of every row.
        times: of every frame of the clip, ascending, s.
        max_fill: longest gap to fill, s.
    """
    for person in np.unique(track):
        rows = np.flatnonzero(track == person)
        rows = rows[np.argsort(frame[rows], kind="stable")]
        anchors = rows[fitted[rows]]
        if len(anchors):
            yield _timeline(int(person), rows, anchors, frame, times, max_fill)


def _timeline(
    person: int,
    rows: np.ndarray,
    anchors: np.ndarray,
    frame: np.ndarray,
    times: np.ndarray,
    max_fill: float,
) -> Timeline:
    at = frame[anchors]
    missing = times[at[1:]] - times[np.minimum(at[:-1] + 1, at[1:])]  # 0 for the next frame
    goes_on = missing <= max_fill + _AFTER
    segment = np.r_[0, np.cumsum(~goes_on)]
    frames, segments = [at[:1]], [segment[:1]]
    for k, joined in enumerate(goes_on):
        inner = np.arange(at[k] + 1 if joined else at[k + 1], at[k + 1] + 1)
        frames.append(inner)
        segments.append(np.full(len(inner), segment[k + 1]))
    whole = np.concatenate(frames)
    row = np.full(len(whole), ADDED)
    there = np.isin(whole, frame[rows])
    row[there] = rows[np.searchsorted(frame[rows], whole[there])]
    return Timeline(
        person, row, whole, times[whole], np.isin(row, anchors), np.concatenate(segments)
    )
