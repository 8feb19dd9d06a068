"""People of several clips, put together to be fitted in one batch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Int32

from fitting.camera import Camera
from fitting.joints import Keypoints
from fitting.rows import Rows


@dataclass(frozen=True)
class Batch(Rows):
    """One row per person per frame.

    Args:
        clip: which of the clips, in the order in which they were put together. Tracks are numbered
            within their clip: a person is a clip and a track.
        keypoints, camera: of each row.
    """

    clip: Int32[np.ndarray, " N"]
    keypoints: Keypoints
    camera: Camera

    @classmethod
    def of(cls, people: list[tuple[Keypoints, Camera]]) -> "Batch":
        """The rows of all clips (one at least), in order."""
        counts = [len(keypoints) for keypoints, _ in people]
        return cls(
            clip=np.repeat(np.arange(len(people), dtype=np.int32), counts),
            keypoints=Keypoints.concatenate([keypoints for keypoints, _ in people]),
            camera=Camera.concatenate([camera for _, camera in people]),
        )

    def persons(self) -> Int[np.ndarray, " N"]:
        """Number of each row's person, counted through all clips as they first appear."""
        who = np.stack([self.clip, self.keypoints.track], 1)
        _, first, number = np.unique(who, axis=0, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))
        return rank[number.reshape(-1)]

    def pieces(self, size: int) -> Iterator[Int[np.ndarray, " _rows"]]:
        """Rows, ascending, in pieces of `size` at most in which nobody's frames are torn apart;
        somebody who is seen more often than that is a piece by himself."""
        persons = self.persons()
        begin = taken = 0
        for person, count in enumerate(np.bincount(persons)):
            if taken and taken + count > size:
                yield np.flatnonzero((persons >= begin) & (persons < person))
                begin, taken = person, 0
            taken += count
        yield np.flatnonzero(persons >= begin)
