"""Photos that a detector sees together: their people share the passes of a network."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from detectors.base import Image
from pipeline import interrupts
from pipeline.stages.stage import Job

_PHOTOS = 16  # more gain little, and nothing is stored before all of them are done


def in_batches(jobs: list[Job]) -> Iterator[list[Job]]:
    """Up to 16 photos of one parcel, or a video alone; in order."""
    for _, parcel in groupby(jobs, key=lambda job: (job.parcel, job.clip.video)):
        some = list(parcel)
        size = 1 if some[0].clip.video else _PHOTOS
        yield from (some[start : start + size] for start in range(0, len(some), size))


@dataclass
class Photos:
    """Photos that are decoded one after the other, as a detector asks for them.

    Args:
        jobs: one per photo.
        place: number of the frame that each became, by the name of its clip.
        failed: why others became none.
        begun: whether the detector has asked for one.
    """

    jobs: list[Job]
    place: dict[str, int] = field(default_factory=dict)
    failed: dict[str, Exception] = field(default_factory=dict)
    begun: bool = False

    def frames(self) -> Iterator[Image]:
        """The photos that can be decoded, in order."""
        self.begun = True
        for job in self.jobs:
            interrupts.check()
            try:
                (frame,) = job.clip.frames()
            except Exception as error:  # it is this photo's only
                self.failed[job.clip.name] = error
                continue
            self.place[job.clip.name] = len(self.place)
            yield frame
