"""Runs in a process of their own that starts at once: forked after everything is imported."""

import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import run
from pipeline import pipeline
from pipeline.config import Config

TRACEBACK = 70  # exit code of an error that the user would see as a traceback


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code (negative: the signal), what it said, and its memory.

    Args:
        memory: the most it had at once beyond what it began with, MB.
    """

    code: int
    said: str
    seconds: float
    memory: float


class Process:
    """A forked process that does one thing and ends; its stderr goes to a file."""

    def __init__(self, work: Callable[[], None], log: Path) -> None:
        self._log, self._begin, self._ended = log, time.perf_counter(), False
        self._base = _resident()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            _child(work, log)

    def kill(self) -> None:
        """SIGKILL, if it is still there."""
        if not self._ended:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, limit: float = 60) -> Ended:
        """The end; a process that takes longer than `limit` s is a hang, and is killed."""
        last = time.perf_counter() + limit
        done, status, usage = os.wait4(self.pid, os.WNOHANG)
        while not done:
            if time.perf_counter() > last:
                self.kill()
                os.wait4(self.pid, 0)
                raise AssertionError(f"still running after {limit} s: {self._log.read_text()}")
            time.sleep(0.002)
            done, status, usage = os.wait4(self.pid, os.WNOHANG)
        self._ended = True
        said = self._log.read_text(errors="surrogateescape") if self._log.exists() else ""
        memory = (usage.ru_maxrss * 1024 - self._base) / 1e6
        code = os.waitstatus_to_exitcode(status)
        return Ended(code, said, time.perf_counter() - self._begin, memory)


def started(config: Config, log: Path) -> Process:
    """`python run.py` with these settings, but for reading them: its exit codes and messages."""

    def work() -> None:
        with suppress(ImportError):
            import torch

            torch.set_num_threads(1)
        run.finish(lambda: pipeline.run(config))

    return Process(work, log)


def _child(work: Callable[[], None], log: Path) -> None:
    code = 0
    try:
        _quiet(log)
        work()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
        if isinstance(error.code, str):
            sys.stderr.write(f"{error.code}\n")
    except BaseException:
        traceback.print_exc()
        code = TRACEBACK
    finally:
        with suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def _quiet(log: Path) -> None:
    """This process alone: its stderr to the log, and none of pytest's handlers."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.stdout = sys.stderr = os.fdopen(
        2, "w", buffering=1, errors="backslashreplace", closefd=False
    )
    logging.getLogger().handlers.clear()
    signal.alarm(0)


def _resident() -> float:
    """Memory of this process, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def parameters(folder: Path) -> dict[str, Any]:
    """Every array of every npz in an output folder, as its dtype, shape and bytes."""
    import numpy as np

    found = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                array = archive[name]
                found[path.name, name] = str(array.dtype), array.shape, array.tobytes()
    return found
