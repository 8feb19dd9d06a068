"""A stage: its name, what its result depends on, and how a missing result is computed.

`run_stage.py` brings clips through one.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import interrupts
from pipeline.inputs.clips import Clip
from pipeline.storage.cache import Artefact, Digests

Tick = Callable[[], None]
"""Tells the progress bar that one more frame is done."""

Track = Callable[[str, int | None], Tick]
"""Opens a progress bar: title and frames to do, None if videos do not say how many."""


@dataclass(frozen=True)
class Job:
    """A clip on its way through the stages.

    Args:
        clip: an input.
        results: those that it has so far, by the name of the stage.
        parcel: number of the parcel of inputs that it belongs to. People of one parcel may share a
            batch, on whose members the last bits of a result depend. People of two parcels never
            do, so results do not depend on which process computes what.
    """

    clip: Clip
    results: dict[str, Artefact] = field(default_factory=dict)
    parcel: int = 0


@dataclass(frozen=True)
class Done:
    """What computing one job gave: a result, or the error that ended it; and the seconds.

    `last` is False if the next job was computed in the same batch. The last bits of a result
    depend on the others of its batch, so a batch is stored as a whole or not at all.
    """

    job: Job
    result: Any | Exception
    seconds: float
    last: bool = True


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline.

    Args:
        name: of the stage, of its folder in the cache and of its bar.
        version: raised when the same input and settings give another result.
        config: the settings that can change the numbers; JSON values.
        files: option -> file; its contents count, not its path.
        after: names of the stages whose results it uses, the direct parents in the key; those that
            do not apply to a clip are skipped.
        output: the dataclass of its result.
        compute: jobs -> results, in order, one by one as they are ready; loads its model when
            called. It may tick frames; the rest of a finished job's frames are ticked for it.
        nothing: why a result is of no use to the stages that follow; None if it is of use.
        of: the same stage for a clip that has settings of its own, None for other clips; it returns
            the same object for the same settings.
        applies: whether a clip takes part; one that does not goes on without a result of this
            stage. None: every clip does.
        digests: of its files, in this run.
    """

    name: str
    version: int
    config: dict[str, Any]
    files: dict[str, Path]
    after: tuple[str, ...]
    output: type
    compute: Callable[[list[Job], Tick], Iterator[Done]]
    nothing: Callable[[Any], str | None] | None = None
    of: "Callable[[Clip], Stage | None] | None" = None
    applies: Callable[[Clip], bool] | None = None
    digests: Digests = field(default_factory=Digests, repr=False, compare=False)


def by_settings(stage: Stage, jobs: list[Job]) -> list[tuple[Stage, list[Job]]]:
    """The jobs that the stage applies to, grouped by settings, each with the stage for these."""
    groups: dict[int, tuple[Stage, list[Job]]] = {}
    for job in jobs:
        if stage.applies and not stage.applies(job.clip):
            continue
        own = (stage.of(job.clip) if stage.of else None) or stage
        groups.setdefault(id(own), (own, []))[1].append(job)
    return list(groups.values())


def timed(jobs: Iterable[Job], compute: Callable[[Job], Any]) -> Iterator[Done]:
    """Compute jobs one after the other; if one fails, the others go on."""
    for job in jobs:
        interrupts.check()
        begin = time.perf_counter()
        try:
            result = compute(job)
        except Exception as error:  # `run_stage` finds those that are not about this job
            result = error
        yield Done(job, result, time.perf_counter() - begin)


def frames_of(job: Job) -> int | None:
    """How many frames a clip has; None if only decoding can tell."""
    try:
        return job.clip.facts().n_frames
    except Exception:  # the stage will meet this error too; here it only matters for the bar
        return 1
