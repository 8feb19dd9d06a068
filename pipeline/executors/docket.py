"""What workers still have to compute, and what becomes of a parcel whose worker is lost.

A parcel goes to another worker. If that is lost, too, each of its inputs is tried alone, into a
cache that is thrown away: the last bits of a fit depend on who is in its batch. An input that loses
two workers alone is named as a fault, and the others are computed together.
"""

import logging
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from pipeline.config import ConfigError
from pipeline.executors.worker import Work
from pipeline.faults import Fault
from pipeline.stages.stage import Job
from pipeline.storage.whole_files import scratch_folder

TRIES = 2  # workers that a parcel, or an input alone, may lose
_STILLBORN = 4  # workers in a row; more mean that none will ever begin
_log = logging.getLogger(__name__)


@dataclass
class _Trials:
    """The inputs of a parcel that are being tried alone: all, how many are left, the harmless."""

    jobs: list[Job]
    left: int
    harmless: list[Job] = field(default_factory=list)


class Docket:
    """Work that waits, in order, and the inputs that no worker survives. It is a context.

    Args:
        parcels: the inputs of each.
        cache_dir: inputs are tried in a folder in it, which ends with the context.
    """

    def __init__(self, parcels: list[list[Job]], cache_dir: str) -> None:
        self.faults: list[Fault] = []
        self._waiting = deque(Work(jobs) for jobs in parcels)
        self._stillborn = 0
        self._trials: dict[int, _Trials] = {}  # number of the parcel -> its trials
        self._cache_dir, self._places, self._place = Path(cache_dir), ExitStack(), None

    def __len__(self) -> int:
        """How much waits."""
        return len(self._waiting)

    def take(self) -> Work | None:
        """The next work; None if nothing waits."""
        return self._waiting.popleft() if self._waiting else None

    def put_back(self, work: Work) -> None:
        """Somebody has taken it, but has not begun."""
        self._waiting.appendleft(work)

    def done(self, work: Work) -> None:
        """Somebody has computed it."""
        self._stillborn = 0
        if work.place:
            self._tried(work.jobs[0], harmless=True)

    def lost(self, work: Work, how: str) -> None:
        """Whoever computed it is gone.

        Args:
            how: e.g. was ended by signal 9.
        """
        if work.lost + 1 < TRIES:
            self._waiting.append(replace(work, lost=work.lost + 1))
        elif work.place:
            self._blame(work.jobs[0], how)
            self._tried(work.jobs[0], harmless=False)
        elif len(work.jobs) == 1 or work.tried:
            for job in work.jobs:
                self._blame(job, how)
        else:
            self._try_alone(work.jobs)

    def stillborn(self, how: str) -> None:
        """A worker is gone that was not ready for anything yet.

        Raises:
            ConfigError: so it was with several, and nobody has done anything since.
        """
        self._stillborn += 1
        if self._stillborn > _STILLBORN:
            raise ConfigError(
                f"executor: workers end before they begin, the last one {how}: if memory is short, "
                "set executor.workers to fewer, or use executor=here"
            )

    def _try_alone(self, jobs: list[Job]) -> None:
        if self._place is None:
            self._cache_dir.mkdir(parents=True, exist_ok=True)
            folder = scratch_folder(self._cache_dir, "trials")
            self._place = str(self._places.enter_context(folder))
        _log.warning("%d inputs have lost two workers: trying each alone", len(jobs))
        self._trials[jobs[0].parcel] = _Trials(jobs, len(jobs))
        self._waiting += [Work([job], place=self._place) for job in jobs]

    def _tried(self, job: Job, harmless: bool) -> None:
        trials = self._trials[job.parcel]
        trials.left -= 1
        trials.harmless += [job] * harmless
        if not trials.left and trials.harmless:
            names = {job.clip.name for job in trials.harmless}
            together = [job for job in trials.jobs if job.clip.name in names]
            self._waiting.append(Work(together, tried=True))

    def _blame(self, job: Job, how: str) -> None:
        path = job.clip.path
        reason = f"{path}: {TRIES} workers that computed it are lost, the last one {how}"
        details = "There is no traceback: the process has ended.\n"
        self.faults.append(Fault(path, reason, report=job.clip.name, details=details))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._places.close()
