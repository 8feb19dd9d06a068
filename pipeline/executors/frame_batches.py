"""Frames of one video that several processes look at: dealt out in batches, put together in order.

A batch is whole windows of the detector, so that the result is that of one process.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing.connection import Connection, wait

from detectors.base import Detections, Detector, Image, Resources
from pipeline.executors.crew import Crew
from pipeline.executors.docket import TRIES
from pipeline.executors.worker import sendable, serving
from pipeline.stages.detect import Detect

_FRAMES = 8  # or the next multiple of the window: 50 MB of full HD on their way to each process


@contextmanager
def in_batches(
    count: int,
    detector: Detector,
    window: int,
    resources: Resources,
    gpus: Sequence[str] = (),
) -> Iterator[Detect]:
    """Detect with so many processes, which end with the context.

    Args:
        window: the detector's (InWindows).
        gpus: for them to share out (Crew).
    """
    size = math.ceil(_FRAMES / window) * window
    fresh = replace(detector)  # pyright: ignore[reportArgumentType]  (its network stays here)
    with Crew(count, look, fresh, resources, gpus=gpus) as crew:
        yield FrameBatches(crew, size).detect


@dataclass
class _Batch:
    """Consecutive frames: the number of the first, and how many workers were lost over them."""

    first: int
    frames: list[Image]
    lost: int = 0


class FrameBatches:
    """Deals out frames to the processes of a crew.

    Args:
        crew: who looks at them.
        size: frames of a batch.
    """

    def __init__(self, crew: Crew, size: int) -> None:
        self._crew, self._size = crew, size
        self._busy: dict[Connection, _Batch] = {}

    def detect(self, frames: Iterable[Image], clip_name: str) -> Detections:
        """The people of a clip's frames; see `Detector.detect`.

        Raises:
            RuntimeError: workers are lost again and again over the same frames.
        """
        found: dict[int, Detections] = {}
        try:
            for batch in _batches(frames, self._size):
                while len(self._busy) == len(self._crew.pipes):
                    self._collect(found, clip_name)
                self._give(batch, clip_name)
            while self._busy or not found:
                if not self._busy:  # a clip without a frame: somebody says what nobody looks like
                    self._give(_Batch(0, []), clip_name)
                self._collect(found, clip_name)
        except Exception:
            for pipe in self._busy:  # what they answer now is for nobody
                _answer(pipe)
            self._busy.clear()
            raise
        return Detections.joined(found)

    def _give(self, batch: _Batch, clip_name: str) -> None:
        """Send a batch to somebody who is free."""
        while True:
            pipe = next(pipe for pipe in self._crew.pipes if pipe not in self._busy)
            try:
                pipe.send((batch.frames, clip_name))
            except OSError:  # it has ended since
                self._again(batch, self._crew.lost(pipe))
                continue
            self._busy[pipe] = batch
            return

    def _collect(self, found: dict[int, Detections], clip_name: str) -> None:
        """Wait for at least one answer."""
        for pipe in wait(list(self._busy)):
            assert isinstance(pipe, Connection)
            answer = _answer(pipe)
            batch = self._busy.pop(pipe)
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                self._again(batch, self._crew.lost(pipe))
                self._give(batch, clip_name)
            else:
                found[batch.first] = answer

    def _again(self, batch: _Batch, how: str) -> None:
        """Count a worker that was lost over a batch.

        Raises:
            RuntimeError: there were others before it.
        """
        batch.lost += 1
        if batch.lost == TRIES:
            last = batch.first + len(batch.frames) - 1
            raise RuntimeError(
                f"{TRIES} workers that looked at frames {batch.first} to {last} are lost, the last "
                f"one {how}"
            )


def look(pipe: Connection, detector: Detector, resources: Resources) -> None:
    """What a worker does: detect in the frames that it is sent, until it is ended."""

    def serve() -> None:
        while True:
            batch, clip_name = pipe.recv()
            try:
                pipe.send(detector.detect(batch, resources, clip_name))
            except Exception as error:
                pipe.send(sendable(error))

    serving(serve)


def _answer(pipe: Connection) -> Detections | Exception | None:
    """What a worker says; None where it is gone."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None


def _batches(frames: Iterable[Image], size: int) -> Iterator[_Batch]:
    """Consecutive frames, with the number of the first."""
    rest, first = iter(frames), 0
    while batch := list(islice(rest, size)):
        yield _Batch(first, batch)
        first += len(batch)
