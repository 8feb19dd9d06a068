"""`executor=processes`: worker processes fill the cache, parcel by parcel; the run reads from it.

A lost worker only costs time: the run itself computes what the worker had not finished.
"""

import logging
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from pipeline.config import Config
from pipeline.executors.worker import Message, work
from pipeline.stages.stage import Job, Stage, Tick, Track, unfinished

_WORKER_BYTES = 2_000_000_000  # torch, mediapipe, a renderer and a large photo
_PATIENCE = 10.0  # s for a worker to put down what it was writing
_log = logging.getLogger(__name__)


@dataclass
class Processes:
    """Brings inputs through all stages in several processes at once.

    Args:
        workers: how many; `auto`: one per core, if memory allows.
        least: with fewer inputs to compute, it is not worth while to start workers.
    """

    workers: str
    least: int

    def __post_init__(self) -> None:
        if self.workers != "auto" and not (self.workers.isdecimal() and int(self.workers) > 0):
            raise ValueError(f"executor.workers: expected auto or 1 or more, got {self.workers!r}")
        if self.least < 1:
            raise ValueError(f"executor.least: expected 1 or more, got {self.least}")

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
        with _Crew(count, config) as crew:
            crew.do(parcels, track)

    def _count(self) -> int:
        if self.workers != "auto":
            return int(self.workers)
        return max(1, min(len(os.sched_getaffinity(0)), _free_memory() // _WORKER_BYTES))


def _free_memory() -> int:
    """Bytes that new processes can have; a lot if the system does not say."""
    try:
        with open("/proc/meminfo") as file:
            fields = dict(line.split(":", 1) for line in file)
        return 1024 * int(fields["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return 2**62


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started in the block do not get the terminal's Ctrl-C; this one does, after it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Crew:
    """The workers of a run, each with a pipe to it. Leaving the context ends all of them."""

    def __init__(self, count: int, config: Config) -> None:
        # Not forked: libraries with threads, such as cv2, may already be loaded.
        context = multiprocessing.get_context("spawn")
        resource_tracker.ensure_running()  # starting it would unblock signals in the loop
        self._bars: dict[str, Tick] = {}
        self._workers: dict[Connection, BaseProcess] = {}
        for _ in range(count):
            ours, theirs = context.Pipe()
            worker = context.Process(target=work, args=(theirs, config), daemon=True)
            with _deaf_to_ctrl_c():
                worker.start()
            theirs.close()
            self._workers[ours] = worker  # pyright: ignore[reportArgumentType]

    def __enter__(self) -> "_Crew":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.terminate()
        for worker in self._workers.values():
            worker.join(_PATIENCE)
            if worker.is_alive():
                worker.kill()
                worker.join()

    def do(self, parcels: list[list[Job]], track: Track) -> None:
        """Hand out parcels until none is left; a worker gets the next one when it has finished
        one."""
        left = iter(parcels)
        busy = {pipe for pipe in self._workers if self._give(pipe, left)}
        while busy:
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                try:
                    message: Message = pipe.recv()
                except (EOFError, OSError):
                    busy.discard(pipe)
                    self._lost(self._workers.pop(pipe))
                    continue
                if not self._heard(message, track) and not self._give(pipe, left):
                    busy.discard(pipe)

    def _give(self, pipe: Connection, left: Iterator[list[Job]]) -> bool:
        parcel = next(left, None)
        if parcel is not None:
            try:
                pipe.send(parcel)
            except OSError:  # the worker is gone: the run computes this parcel itself
                return True
        return parcel is not None

    def _heard(self, message: Message, track: Track) -> bool:
        """Handle a message; returns whether the worker goes on with its parcel."""
        kind, value = message
        if kind == "error":
            raise value
        if kind == "bar":
            self._bars[value[0]] = track(*value)
        if kind == "tick":
            self._bars[value]()
        return kind != "done"

    def _lost(self, worker: BaseProcess) -> None:
        worker.join(_PATIENCE)
        code = worker.exitcode or 0
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        _log.warning("a worker (process %s) %s: this process computes its inputs", worker.pid, how)
