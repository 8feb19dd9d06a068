"""`executor=processes`: worker processes fill the cache, parcel by parcel; the run reads from it.

A lost worker only costs time: the run itself computes what the worker had not finished.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from multiprocessing.connection import Connection, wait

from detectors.base import Detector, FrameByFrame, Resources
from pipeline.config import Config
from pipeline.executors.crew import Crew
from pipeline.executors.frame_batches import in_batches
from pipeline.executors.worker import Message, work
from pipeline.stages.detect import Detect, directly
from pipeline.stages.run_stage import unfinished
from pipeline.stages.stage import Job, Stage, Tick, Track

_WORKER_BYTES = 2_000_000_000  # torch, mediapipe, a renderer and a large photo


@dataclass
class Processes:
    """Brings inputs through all stages in several processes at once.

    Args:
        workers: how many; `auto`: one per core, if memory allows.
        least: with fewer inputs to compute, it is not worth while to start workers.
        least_frames: with fewer frames of videos to detect in, workers do not share them.
    """

    workers: str
    least: int
    least_frames: int

    def __post_init__(self) -> None:
        if self.workers != "auto" and not (self.workers.isdecimal() and int(self.workers) > 0):
            raise ValueError(f"executor.workers: expected auto or 1 or more, got {self.workers!r}")
        for name in ("least", "least_frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"executor.{name}: expected 1 or more, got {getattr(self, name)}")

    def fill(self, stages: list[Stage], jobs: list[Job], config: Config, track: Track) -> None:
        """Compute each job's missing results, so that the run finds them in the cache.

        Raises:
            Exception: an error of a worker that is not about one input, such as a wrong setting
                or a full disk.
        """
        missing = unfinished(stages, jobs, config.runtime.cache_dir)
        parcels = [list(own) for _, own in groupby(missing, key=lambda job: job.parcel)]
        count = min(self._count(), len(parcels))
        if len(missing) < self.least or count < 2:
            return
        with Crew(count, work, config) as crew:
            _Dealer(crew, track).deal(parcels)

    def detecting(
        self, detector: Detector, resources: Resources, frames: int
    ) -> AbstractContextManager[Detect]:
        """The detector, or several processes that share the frames if there are many."""
        alone = isinstance(detector, FrameByFrame) and detector.frame_by_frame()
        if not alone or frames < self.least_frames or (count := self._count()) < 2:
            return directly(detector, resources, frames)
        return in_batches(count, detector, resources)

    def _count(self) -> int:
        if self.workers != "auto":
            return int(self.workers)
        return max(1, min(len(os.sched_getaffinity(0)), _free_memory() // _WORKER_BYTES))


def _free_memory() -> int:
    """Bytes that new processes can have; a lot where the system does not say."""
    try:
        with open("/proc/meminfo") as file:
            fields = dict(line.split(":", 1) for line in file)
        return 1024 * int(fields["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return 2**62


class _Dealer:
    """Hands out parcels to a crew and moves the bars by what it tells."""

    def __init__(self, crew: Crew, track: Track) -> None:
        self._crew, self._track = crew, track
        self._bars: dict[str, Tick] = {}

    def deal(self, parcels: list[list[Job]]) -> None:
        """Hand out parcels until none is left; who has finished one gets the next."""
        left = iter(parcels)
        busy = {pipe for pipe in self._crew.pipes if self._give(pipe, left)}
        while busy:
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                try:
                    message: Message = pipe.recv()
                except (EOFError, OSError):
                    busy.discard(pipe)
                    self._crew.lost(pipe)
                    continue
                if not self._heard(message) and not self._give(pipe, left):
                    busy.discard(pipe)

    def _give(self, pipe: Connection, left: Iterator[list[Job]]) -> bool:
        parcel = next(left, None)
        if parcel is not None:
            try:
                pipe.send(parcel)
            except OSError:  # gone already: the run computes this parcel itself
                return True
        return parcel is not None

    def _heard(self, message: Message) -> bool:
        """Whether the worker goes on with its parcel."""
        kind, value = message
        if kind == "error":
            raise value
        if kind == "bar":
            self._bars[value[0]] = self._track(*value)
        if kind == "tick":
            self._bars[value]()
        return kind != "done"
