"""What a worker process does: it brings parcels of inputs through the stages, into the cache."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NoReturn

from pipeline import interrupts
from pipeline.config import Config
from pipeline.executors.here import Here
from pipeline.stages.run_stage import run_stage
from pipeline.stages.stage import Job, Tick
from pipeline.storage.cache import Cache

Message = tuple[str, Any]
"""bar: (title, frames) of a stage that begins; tick: title; done: None; error: an exception."""


def work(pipe: Connection, config: Config) -> None:
    """Receive parcels and compute them until the process is ended."""
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
    from pipeline.pipeline import stages_of

    stages = stages_of(replace(config, executor=Here()))  # once, as they keep their models
    cache = Cache(Path(config.runtime.cache_dir))

    def track(title: str, total: int | None) -> Tick:
        pipe.send(("bar", (title, total)))
        return lambda: pipe.send(("tick", title))

    while True:
        jobs: list[Job] = pipe.recv()
        try:
            for stage in stages:
                jobs, _ = run_stage(stage, jobs, cache, track)  # the run learns why others failed
            pipe.send(("done", None))
        except Exception as error:
            pipe.send(("error", sendable(error)))


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
