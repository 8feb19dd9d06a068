"""`executor=processes`: worker processes fill the cache, parcel by parcel; the run reads from it.

A lost worker only costs time: another one computes what it had not finished. See `docket.py`.
"""

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from detectors.base import Detector, InWindows, Resources
from pipeline.config import Config
from pipeline.executors.crew import Crew
from pipeline.executors.docket import Docket
from pipeline.executors.frame_batches import in_batches
from pipeline.executors.gpus import gpus_of
from pipeline.executors.worker import BYTES, Message, Work, check_workers, work
from pipeline.faults import Fault
from pipeline.parcels import parcels_of
from pipeline.stages.detect import Detect, directly
from pipeline.stages.run_stage import unfinished
from pipeline.stages.stage import Job, Stage, Tick, Track


@dataclass
class Processes:
    """Brings inputs through all stages in several processes at once.

    Args:
        workers: how many; `auto`: one per core, if memory allows; with `runtime.device=cuda`, one
            per GPU, each of which sees only its own.
        least: with fewer inputs to compute, it is not worth while to start workers.
        least_frames: with fewer frames of videos to detect in, workers do not share them.
    """

    workers: str
    least: int
    least_frames: int

    def __post_init__(self) -> None:
        check_workers(self.workers)
        for name in ("least", "least_frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"executor.{name}: expected 1 or more, got {getattr(self, name)}")

    def fill(
        self, stages: list[Stage], jobs: list[Job], config: Config, track: Track
    ) -> list[Fault]:
        """Compute each job's missing results, so that the run finds them in the cache.

        Returns:
            The inputs that no worker survives; the run must not compute them itself.

        Raises:
            Exception: an error of a worker that is not about one input, such as a wrong setting
                or a full disk.
        """
        missing = unfinished(stages, jobs, config.runtime.cache_dir)
        parcels = parcels_of(missing)
        gpus = gpus_of(config.runtime.device)
        count = min(self._count(config.runtime.device, gpus), len(parcels))
        if len(missing) < self.least or count < 2:
            return []
        with (
            Docket(parcels, config.runtime.cache_dir) as docket,
            Crew(count, work, config, gpus=gpus) as crew,
        ):
            _Dealer(crew, docket, track).deal()
        return docket.faults

    def detecting(
        self, detector: Detector, resources: Resources, frames: int
    ) -> AbstractContextManager[Detect]:
        """The detector, or several processes that share the frames if there are many."""
        if frames < self.least_frames or not isinstance(detector, InWindows):
            return directly(detector, resources, frames)
        gpus = gpus_of(resources.device)
        count = self._count(resources.device, gpus)
        if count < 2:
            return directly(detector, resources, frames)
        return in_batches(count, detector, detector.window(), resources, gpus)

    def _count(self, device: str, gpus: list[str]) -> int:
        if self.workers != "auto":
            return int(self.workers)
        if device.startswith("cuda"):  # more on one GPU would only share its memory
            return max(1, len(gpus))
        return max(1, min(len(os.sched_getaffinity(0)), _free_memory() // BYTES))


def _free_memory() -> int:
    """Bytes that new processes can have; a lot where the system does not say."""
    try:
        with open("/proc/meminfo") as file:
            fields = dict(line.split(":", 1) for line in file)
        return 1024 * int(fields["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return 2**62


class _Dealer:
    """Hands out a docket's work to a crew and moves the bars by what it tells."""

    def __init__(self, crew: Crew, docket: Docket, track: Track) -> None:
        self._crew, self._docket, self._track = crew, docket, track
        self._bars: dict[str, Tick] = {}
        self._to_tick: dict[tuple[Connection, str], int] = {}  # what a worker has announced
        self._doing: dict[Connection, Work] = {}
        self._free: set[Connection] = set()

    def deal(self) -> None:
        """Hand out work until none is left; who has finished some gets the next."""
        while self._docket or self._doing:
            for pipe in list(self._free):
                self._give(pipe)
            for pipe in wait(self._crew.pipes):
                assert isinstance(pipe, Connection)
                try:
                    message: Message = pipe.recv()
                except (EOFError, OSError):
                    self._lost(pipe)
                else:
                    self._heard(pipe, message)

    def _give(self, pipe: Connection) -> None:
        work = self._docket.take()
        if work is None:
            return
        try:
            pipe.send(work)
        except OSError:  # gone already, as its pipe will tell
            self._docket.put_back(work)
        else:
            self._free.discard(pipe)
            self._doing[pipe] = work

    def _lost(self, pipe: Connection) -> None:
        for announced in [key for key in self._to_tick if key[0] == pipe]:
            for _ in range(self._to_tick.pop(announced)):  # who does it again announces it again
                self._bars[announced[1]]()
        work, how = self._doing.pop(pipe, None), self._crew.lost(pipe)
        if work:
            self._docket.lost(work, how)
        elif pipe not in self._free:
            self._docket.stillborn(how)
        self._free.discard(pipe)

    def _heard(self, pipe: Connection, message: Message) -> None:
        kind, value = message
        if kind == "error":
            raise value
        if kind == "bar":
            self._bars[value[0]] = self._track(*value)
            self._to_tick[pipe, value[0]] = value[1] or 0
        if kind == "tick":
            self._bars[value]()
            self._to_tick[pipe, value] -= 1
        if kind == "done":
            self._docket.done(self._doing.pop(pipe))
        if kind in ("ready", "done"):
            self._free.add(pipe)
