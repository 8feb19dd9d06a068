"""Files from the browser to disk, under numbers of ours and within the limits."""

import errno
from collections.abc import AsyncIterator
from pathlib import Path

from pipeline.app.child import look
from pipeline.app.jobs import Job, RefusedError, State, Upload, shown_name, suffix_of
from pipeline.app.settings import AppSettings

_MB = 1_000_000
_FULL = (errno.ENOSPC, errno.EDQUOT)


async def receive(
    job: Job, name: str, claimed: int | None, body: AsyncIterator[bytes], settings: AppSettings
) -> Upload:
    """Store a file and look whether it can be used.

    Args:
        name: what the browser says it is called.
        claimed: bytes that are to come, where the browser says it.
        body: its content.

    Raises:
        RefusedError: it is none of ours, too large, one too many, or cannot be read.
    """
    if job.state is not State.collecting:
        raise RefusedError(409, "This job has been started already: begin another one.")
    if len(job.uploads) >= settings.max_files:
        raise RefusedError(413, f"At most {settings.max_files} files go into one job.")
    suffix, room = suffix_of(name), _room(job, settings)
    if claimed is not None and claimed > room:
        raise _too_large(job, settings)
    job.numbers += 1
    number = job.numbers
    path = job.inputs / f"{number}{suffix}"
    try:
        size = await _store(path, body, room, _too_large(job, settings))
        if problem := await look(path, settings.max_frames):
            raise RefusedError(415, f"{problem[0].upper()}{problem[1:]}.")
        upload = Upload(number, shown_name(name), path, size)
        _check_again(job, upload, settings)
    except BaseException:  # also where the browser went away
        path.unlink(missing_ok=True)
        raise
    job.uploads.append(upload)
    return upload


def drop(job: Job, number: int) -> None:
    """Take a file out of a job that has not been started."""
    if job.state is not State.collecting:
        raise RefusedError(409, "This job has been started already.")
    for upload in [upload for upload in job.uploads if upload.number == number]:
        job.uploads.remove(upload)
        upload.path.unlink(missing_ok=True)


def _room(job: Job, settings: AppSettings) -> int:
    """Bytes that the next file may have."""
    taken = sum(upload.size for upload in job.uploads)
    return min(settings.max_file_bytes, settings.max_total_bytes - taken)


def _check_again(job: Job, upload: Upload, settings: AppSettings) -> None:
    """Others may have come, or the job been started, while this one was on its way."""
    if job.state is not State.collecting or not job.inputs.is_dir():
        raise RefusedError(409, "This job has been started without this file.")
    if len(job.uploads) >= settings.max_files:
        raise RefusedError(413, f"At most {settings.max_files} files go into one job.")
    if upload.size > _room(job, settings):
        raise _too_large(job, settings)


def _too_large(job: Job, settings: AppSettings) -> RefusedError:
    one, all_of_them = settings.max_file_mb, settings.max_total_mb
    return RefusedError(413, f"Too large: at most {one} MB a file and {all_of_them} MB a job.")


async def _store(path: Path, body: AsyncIterator[bytes], room: int, refusal: RefusedError) -> int:
    size = 0
    try:
        with path.open("xb") as file:
            async for chunk in body:
                size += len(chunk)
                if size > room:
                    raise refusal
                file.write(chunk)
    except OSError as error:
        if error.errno in _FULL:
            raise RefusedError(507, "There is no room on this machine's disk.") from error
        raise
    if size == 0:
        raise RefusedError(415, "The file is empty.")
    return size
