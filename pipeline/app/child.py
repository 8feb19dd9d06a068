"""Runs in processes of their own: a crash or a cancel there never hurts the server."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.app.jobs import Job
from pipeline.config import ROOT

_PATIENCE = 10.0  # s for a run to put down what it was writing
_KEPT = 20_000  # characters of what it says on stderr
_LOOKING = 60.0  # s for one look at a file

Step = Callable[[str, int, int | None], None]
"""Told of each step: the stage, how much of it is done, of how much."""


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code (negative: by which signal), and what it said."""

    code: int
    said: str


def command_of(job: Job, words: list[str], max_frames: int) -> list[str]:
    """The command line of a job's run.

    Args:
        words: settings that every run gets.
        max_frames: of a clip.
    """
    own = [f"runtime.output_dir={job.outputs}", "runtime.progress=lines"]
    limit = f"data.max_frames={max_frames}"
    paths = [str(upload.path) for upload in job.uploads]
    run = [sys.executable, str(ROOT / "run.py")]
    return [*run, *words, *job.choices.words(), limit, *own, "--", *paths]


async def run(command: list[str], step: Step) -> Ended:
    """Run a command that tells its steps as lines of JSON (`runtime.progress=lines`).

    Cancelling the task ends the process first.
    """
    # Wide, so that messages stay in one line. In a session of its own: Ctrl-C is for the server.
    environment = os.environ | {"COLUMNS": "2000", "NO_COLOR": "1"}
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        start_new_session=True,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    try:
        said, _ = await asyncio.gather(_tail(process.stderr), _steps(process.stdout, step))
        return Ended(await process.wait(), said)
    finally:
        await _end(process)


async def look(path: Path, max_frames: int) -> str:
    """Why a file cannot be used, in words; empty where it can."""
    looker = [sys.executable, "-m", "pipeline.app.look", str(path), str(max_frames)]
    process = await asyncio.create_subprocess_exec(
        *looker,
        cwd=ROOT,
        start_new_session=True,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), _LOOKING)
    except TimeoutError:
        return "it takes too long to read"
    finally:
        await _end(process)
    return out.decode(errors="replace") if process.returncode == 0 else "it cannot be read"


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask it to end, and if it does not, end it and all that it started."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _PATIENCE)
    finally:  # also where this wait is itself cancelled, as the server ends
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _steps(stream: asyncio.StreamReader, step: Step) -> None:
    """Read lines of any length; those that are no step are somebody else's."""
    rest = b""
    while chunk := await stream.read(65536):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[-4096:]
        for line in lines:
            with suppress(ValueError, KeyError, TypeError):
                said = json.loads(line)
                step(str(said["stage"]), int(said["done"]), said["total"])


async def _tail(stream: asyncio.StreamReader) -> str:
    kept = b""
    while chunk := await stream.read(65536):
        kept = (kept + chunk)[-_KEPT:]
    return kept.decode(errors="replace")
