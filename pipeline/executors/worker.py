"""What a worker does: it brings parcels of inputs through the stages, into the cache."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NoReturn

from pipeline import interrupts
from pipeline.config import Config
from pipeline.executors.here import Here
from pipeline.stages.run_stage import run_stage
from pipeline.stages.stage import Job, Tick, Track
from pipeline.storage.cache import Cache

BYTES = 2_000_000_000  # of memory that one takes: torch, mediapipe, a renderer and a large photo

Message = tuple[str, Any]
"""bar: (title, frames) of a stage that begins; tick: title; ready, done: None; error: an exception.

`ready` is the first one: who has said it has loaded everything that a worker needs to begin."""


@dataclass(frozen=True)
class Work:
    """Inputs that one worker computes together.

    Args:
        jobs: a parcel, the harmless part of one, or one input that is tried alone.
        lost: how many workers have been lost over it.
        tried: each of its inputs has been tried alone.
        place: the cache of one that is tried alone; None: the cache of the run.
    """

    jobs: list[Job]
    lost: int = 0
    tried: bool = False
    place: str | None = None


def check_workers(workers: str) -> None:
    """Raises: ValueError: it is not what `executor.workers` may be."""
    if workers != "auto" and not (workers.isdecimal() and int(workers) > 0):
        raise ValueError(f"executor.workers: expected auto or 1 or more, got {workers!r}")


class Bench:
    """The stages, which load their models once, and the cache."""

    def __init__(self, config: Config) -> None:
        from pipeline.pipeline import stages_of

        self._stages = stages_of(replace(config, executor=Here()))
        self._cache_dir = config.runtime.cache_dir

    def compute(self, work: Work, track: Track) -> None:
        """Bring inputs through all stages, into the cache.

        Raises:
            Exception: an error that is not about one input (`run_stage`).
        """
        cache, jobs = Cache(Path(work.place or self._cache_dir)), work.jobs
        for stage in self._stages:
            # The run, which reads the results, learns why others failed.
            jobs, _ = run_stage(stage, jobs, cache, track if not work.place else _untold)


def work(pipe: Connection, config: Config) -> None:
    """Receive work and do it until the process is ended."""
    serving(lambda: _compute(pipe, config))


def serving(serve: Callable[[], None]) -> None:
    """Do what a worker is for, until the run ends it or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which ends its workers
    interrupts.catch(quietly=True)
    _die_with_parent()
    try:
        serve()
    except KeyboardInterrupt:  # from SIGTERM; unfinished files have been put away
        sys.exit(interrupts.code())


def _compute(pipe: Connection, config: Config) -> NoReturn:
    bench = Bench(config)
    pipe.send(("ready", None))

    def track(title: str, total: int | None) -> Tick:
        pipe.send(("bar", (title, total)))
        return lambda: pipe.send(("tick", title))

    while True:
        own: Work = pipe.recv()
        try:
            bench.compute(own, track)
            pipe.send(("done", None))
        except Exception as error:
            pipe.send(("error", sendable(error)))


def _untold(title: str, total: int | None) -> Tick:
    """The bars do not show work that is done twice."""
    return lambda: None


def sendable(error: Exception) -> Exception:
    """The error, or one with its text if it cannot be sent to another process."""
    import pickle

    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # of any kind, from somebody else's __reduce__ or __init__
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _die_with_parent() -> None:
    """End this process when the run is gone, for whatever reason."""
    parent = multiprocessing.parent_process()
    assert parent, "only a run starts workers"

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
