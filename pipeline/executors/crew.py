"""Worker processes of a run: started, listened to, named and replaced when lost, ended."""

import logging
import multiprocessing
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Self

from pipeline.executors.gpus import seeing

_PATIENCE = 10.0  # s for a worker to put down what it was writing
_log = logging.getLogger(__name__)


class Crew:
    """The workers of a run, each with a pipe to it. Leaving the context ends all of them.

    Args:
        count: how many.
        work: what each does; called with its pipe and `arguments`.
        gpus: each worker sees one of these; none: what this process sees.
    """

    def __init__(
        self,
        count: int,
        work: Callable[..., None],
        *arguments: Any,
        gpus: Sequence[str] = (),
    ) -> None:
        # Not forked: libraries with threads, such as cv2, may already be loaded.
        self._context = multiprocessing.get_context("spawn")
        resource_tracker.ensure_running()  # starting it would unblock signals in the loop
        self._work, self._arguments = work, arguments
        self._workers: dict[Connection, BaseProcess] = {}
        self._gpus, self._gpu_of = gpus, dict[Connection, str | None]()
        for _ in range(count):
            self._start()

    @property
    def pipes(self) -> list[Connection]:
        """To those who are there."""
        return list(self._workers)

    def lost(self, pipe: Connection) -> str:
        """Name a worker that answers no more, and start another one in its place.

        Returns:
            How it ended.
        """
        worker = self._workers.pop(pipe)
        del self._gpu_of[pipe]
        pipe.close()
        worker.join(_PATIENCE)
        worker.kill()  # it has closed its pipe, but may hang in its end
        worker.join()
        code = worker.exitcode or 0
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        _log.warning("a worker (process %s) %s: another one takes over", worker.pid, how)
        worker.close()
        self._start()
        return how

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        worker = self._context.Process(
            target=self._work, args=(theirs, *self._arguments), daemon=True
        )
        gpu = self._least_used()
        with _deaf_to_ctrl_c(), seeing(gpu):
            worker.start()
        theirs.close()
        self._gpu_of[ours] = gpu  # pyright: ignore[reportArgumentType]
        self._workers[ours] = worker  # pyright: ignore[reportArgumentType]

    def _least_used(self) -> str | None:
        """The GPU that fewest workers see, so that who replaces a lost one gets its GPU."""
        taken = Counter(self._gpu_of.values())
        return min(self._gpus, key=lambda gpu: taken[gpu], default=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.terminate()
        for worker in self._workers.values():
            worker.join(_PATIENCE)
            if worker.is_alive():
                worker.kill()
                worker.join()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started in the block do not get the terminal's Ctrl-C; this one does, after it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
