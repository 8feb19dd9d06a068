"""Frames of one video that several processes look at: dealt out in batches, put together in order.

Only for detectors that see each frame by itself, so that the result is that of one process.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from multiprocessing.connection import Connection, wait

from detectors.base import Detections, Detector, Image, Resources
from pipeline.executors.crew import Crew
from pipeline.executors.worker import sendable, serving
from pipeline.stages.detect import Detect

_FRAMES = 8  # frames: 50 MB of full HD on their way to each process


@contextmanager
def in_batches(count: int, detector: Detector, resources: Resources) -> Iterator[Detect]:
    """Detect with so many processes, which end with the context."""
    fresh = replace(detector)  # pyright: ignore[reportArgumentType]  (its network stays here)
    with Crew(count, look, fresh, resources) as crew:
        yield FrameBatches(
            crew, lambda frames, name: detector.detect(frames, resources, name)
        ).detect


class FrameBatches:
    """Deals out frames to the processes of a crew.

    Args:
        crew: who looks at them.
        here: detects in this process what a lost worker had.
    """

    def __init__(self, crew: Crew, here: Detect) -> None:
        self._crew, self._here = crew, here

    def detect(self, frames: Iterable[Image], clip_name: str) -> Detections:
        """The people of a clip's frames; see `Detector.detect`."""
        found: dict[int, Detections] = {}
        busy: dict[Connection, tuple[int, list[Image]]] = {}
        try:
            for first, batch in _batches(frames):
                while busy and len(busy) == len(self._crew.pipes):
                    self._collect(busy, found, clip_name)
                if not self._give(first, batch, busy, clip_name):
                    found[first] = self._here(batch, clip_name)
            while busy:
                self._collect(busy, found, clip_name)
        except Exception:
            for pipe in busy:  # what they answer now is for nobody
                _answer(pipe)
            raise
        return Detections.joined(found) if found else self._here([], clip_name)

    def _give(
        self,
        first: int,
        batch: list[Image],
        busy: dict[Connection, tuple[int, list[Image]]],
        clip_name: str,
    ) -> bool:
        """Send a batch to whoever is free; False where nobody is there."""
        for pipe in self._crew.pipes:
            if pipe in busy:
                continue
            try:
                pipe.send((batch, clip_name))
            except OSError:
                self._crew.lost(pipe)
                continue
            busy[pipe] = first, batch
            return True
        return False

    def _collect(
        self,
        busy: dict[Connection, tuple[int, list[Image]]],
        found: dict[int, Detections],
        clip_name: str,
    ) -> None:
        """Wait for at least one answer."""
        for pipe in wait(list(busy)):
            assert isinstance(pipe, Connection)
            answer = _answer(pipe)
            first, batch = busy.pop(pipe)
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                self._crew.lost(pipe)
                answer = self._here(batch, clip_name)
            found[first] = answer


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


def _batches(frames: Iterable[Image]) -> Iterator[tuple[int, list[Image]]]:
    """Consecutive frames, with the number of the first."""
    rest, first = iter(frames), 0
    while batch := list(islice(rest, _FRAMES)):
        yield first, batch
        first += len(batch)
