"""The desk that jobs come to: one is worked on at a time, the others wait in a queue."""

import asyncio
import logging
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pipeline.app import child
from pipeline.app.jobs import Choices, Job, RefusedError, State
from pipeline.app.results import result_of
from pipeline.app.settings import AppSettings

_HAS_SUMMARY = (0, 2, 3)  # exit codes of a run that came to its end
_SWEEP = 20.0  # s between two looks for jobs that nobody wants any more

_log = logging.getLogger(__name__)

Command = Callable[[Job], list[str]]


class Desk:
    """All jobs of a server.

    Args:
        folder: a folder per job is made in it.
        command: the command line that works on a job.
    """

    def __init__(self, folder: Path, settings: AppSettings, command: Command) -> None:
        self._folder, self._settings, self._command = folder, settings, command
        self._jobs: dict[str, Job] = {}
        self._line: list[Job] = []  # those that wait, and in front the one that runs
        self._news = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def open(self) -> Job:
        """A new job without files.

        Raises:
            RefusedError: there are too many, and none of them has ended.
        """
        if len(self._jobs) >= self._settings.max_jobs:
            ended = [job for job in self._jobs.values() if job.state.ended]
            if not ended:
                raise RefusedError(503, f"{len(self._jobs)} jobs wait already: try again later.")
            self._forget(min(ended, key=lambda job: job.touched))
        key = secrets.token_hex(16)
        job = Job(key, self._folder / key)
        job.inputs.mkdir(parents=True)
        self._jobs[key] = job
        return job

    def find(self, key: str) -> Job:
        """The job of this id, which counts as wanted from now on."""
        job = self._jobs.get(key)
        if job is None:
            raise RefusedError(
                404, "This job is gone: it was removed, or the page was started again."
            )
        job.touched = time.monotonic()
        return job

    def start(self, job: Job, choices: Choices) -> None:
        """Put a job in the line."""
        if job.state is not State.collecting:
            raise RefusedError(409, "This job has been started already.")
        if not job.uploads:
            raise RefusedError(400, "There is nothing to work on: add a photo or a clip.")
        job.choices, job.state = choices, State.waiting
        self._line.append(job)
        self._news.set()

    def before(self, job: Job) -> int:
        """How many jobs are done before this one."""
        return self._line.index(job) if job in self._line else 0

    def cancel(self, job: Job) -> None:
        """Take a job out of the line, or end its run."""
        if job.state is State.running and self._running:
            self._running.cancel()
        elif job.state is State.waiting:
            self._line.remove(job)
        elif job.state.ended:
            return
        job.state = State.cancelled

    def remove(self, job: Job) -> None:
        """Cancel a job and delete all that belongs to it."""
        self.cancel(job)
        self._forget(job)

    async def work(self) -> None:
        """Work on one job after the other, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._line:
                job = self._line[0]
                self._running = asyncio.create_task(self._run(job))
                try:
                    await asyncio.shield(self._running)
                except asyncio.CancelledError:
                    if not self._running.cancelled():  # it is the server that ends
                        await self._end_run()
                        raise
                finally:
                    self._line.remove(job)
                    if job.id not in self._jobs:  # removed while its run was still writing
                        shutil.rmtree(job.folder, ignore_errors=True)

    async def sweep(self) -> None:
        """Delete, every now and then, the jobs that nobody has looked at for long."""
        while True:
            await asyncio.sleep(_SWEEP)
            self.forget_old()

    def forget_old(self) -> None:
        """Delete the jobs that nobody has looked at for `app.keep_minutes`."""
        oldest = time.monotonic() - 60 * self._settings.keep_minutes
        for job in list(self._jobs.values()):
            if job.touched < oldest and job.state not in (State.waiting, State.running):
                self._forget(job)

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        shutil.rmtree(job.folder, ignore_errors=True)

    async def _end_run(self) -> None:
        assert self._running
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running

    async def _run(self, job: Job) -> None:
        job.state = State.running

        def step(stage: str, done: int, total: int | None) -> None:
            job.progress[stage] = done, total

        try:
            ended = await child.run(self._command(job), step)
            _conclude(job, ended)
        except OSError as error:
            job.state, job.message = State.failed, f"The run could not be started: {error}"
        except Exception as error:  # a bug of ours: the next jobs are to run all the same
            _log.exception("job %s", job.id)
            job.state, job.message = State.failed, f"Internal error, please report it: {error!r}"


def _conclude(job: Job, ended: child.Ended) -> None:
    """Read what the run left, or say why it left nothing."""
    numbers = {str(upload.path): upload.number for upload in job.uploads}
    stems = {upload.number: upload.stem for upload in job.uploads}
    if ended.code in _HAS_SUMMARY:
        with suppress(OSError, ValueError, KeyError):
            job.result = result_of(job.outputs, numbers, stems)
    job.state = State.done if job.result else State.failed
    job.message = "" if job.result else job.plain(_reason(ended))


def _reason(ended: child.Ended) -> str:
    lines = [line.strip() for line in ended.said.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if errors:
        return errors[-1]
    if ended.code < 0:
        return f"The run was ended by signal {-ended.code}; the machine may be out of memory."
    last = lines[-1] if lines else "It said nothing."
    return f"The run ended with exit code {ended.code}: {last}"
