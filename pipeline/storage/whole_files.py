"""Files that are there whole or not at all, and what killed runs left half written."""

import fcntl
import io
import logging
import os
import re
import secrets
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pipeline.interrupts import held

_log = logging.getLogger(__name__)
_LITTER = re.compile(r"\.~.+\.[0-9a-f]{16}(\.\w+)?")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path that takes the place of `path` if the block succeeds, else vanishes.

    Raises:
        OSError: as the block does, with the name of the file where it had none (a full disk).
    """
    with scratch(path) as temporary:
        try:
            yield temporary
            os.replace(temporary, path)
        except OSError as error:
            if error.errno is None or error.filename not in (None, str(temporary)):
                raise
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """A new file beside `path`, of the same suffix, that `sweep` lets be and that then vanishes."""
    with ExitStack() as stack:
        with held():  # a signal in between would leave a file that nobody removes
            temporary, handle = _locked(path)
            stack.callback(_remove, temporary, handle)
        yield temporary


def sweep(folder: Path, deep: bool = False) -> None:
    """Remove what processes that are gone left in a folder; what a live one writes is locked.

    The lock ends with the process, however it ends; a process number could be another's by now, or
    that of a process in another container.
    """
    for place, inner, names in os.walk(folder):
        for name in filter(_LITTER.fullmatch, names):
            _remove_unlocked(os.path.join(place, name))
        if not deep:
            inner.clear()


def write_all(folder: Path, files: dict[str, bytes]) -> None:
    """Write files into a folder: whoever looks under `lock`, after `settle`, sees all or none.

    They are first written as one parcel and then dealt out; who is killed at that has left the
    parcel.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with lock(folder), held():  # what a signal left would be dealt out by the next run only
        parcel = folder / f".parcel.{secrets.token_hex(8)}.zip"
        with replacing(parcel) as temporary:
            temporary.write_bytes(buffer.getbuffer())
        _deal_out(parcel)


def settle(folder: Path) -> None:
    """Deal out the parcels that killed processes left in a folder, which is under `lock`."""
    for parcel in folder.glob(".parcel.*.zip"):
        try:
            _deal_out(parcel)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as error:
            _log.warning("%s: damaged (%s); what was in it is computed again", parcel, error)
            parcel.unlink()


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """One process at a time; on file systems without locks, any number of them."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _deal_out(parcel: Path) -> None:
    with zipfile.ZipFile(parcel) as archive:
        for member in archive.namelist():
            content, path = archive.read(member), parcel.with_name(Path(member).name)
            if path.is_file() and path.read_bytes() == content:
                continue  # dealt out before the process was killed
            with replacing(path) as temporary:
                temporary.write_bytes(content)
    parcel.unlink()


def _locked(path: Path) -> tuple[Path, int]:
    """An empty file of ours, and the handle that holds its lock."""
    while True:
        name = f".~{path.stem}.{secrets.token_hex(8)}{path.suffix}"
        temporary = path.with_name(name)
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with suppress(OSError):  # a file system without locks: `sweep` removes nothing there
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return temporary, handle
        os.close(handle)  # swept in the moment between


def _remove(temporary: Path, handle: int) -> None:
    with held():
        temporary.unlink(missing_ok=True)
        os.close(handle)


def _remove_unlocked(path: str) -> None:
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return  # gone by now, or somebody else's
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    except OSError:
        pass  # being written, or already removed by another run
    finally:
        os.close(handle)
