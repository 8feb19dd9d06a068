"""Files that exist whole or not at all, and the removal of what killed runs left unfinished."""

import fcntl
import io
import logging
import os
import re
import secrets
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pipeline.interrupts import held

_log = logging.getLogger(__name__)
_LITTER = re.compile(r"\.~.+\.[0-9a-f]{16}(\.\w+)?")
_PARCELS = ".parcels"  # a folder of their own: looking for them among many results takes long


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path that replaces `path` if the block succeeds, else vanishes.

    Raises:
        OSError: from the block; it gets the name of the file if it had none (a full disk).
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
    """A new file next to `path`, with the same suffix. `sweep` spares it; then it vanishes."""
    with ExitStack() as stack:
        with held():  # a signal in between would leave the file behind
            temporary, handle = _locked(path)
            stack.callback(_remove, temporary, handle)
        yield temporary


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """A new folder in `parent`; `sweep` spares it while its lock, a file next to it, is there."""
    with scratch(parent / f"{name}.lock") as locked:
        folder = locked.with_suffix("")
        folder.mkdir()
        try:
            yield folder
        finally:
            with held():
                shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: Path, deep: bool = False) -> None:
    """Remove what dead processes left in a folder; files of live ones are locked.

    The lock ends with the process, however it ends. A process number would not do: it could belong
    to another process by now, or to one in another container.
    """
    for place, inner, names in os.walk(folder):
        for name in filter(_LITTER.fullmatch, names):
            _remove_unlocked(os.path.join(place, name))
        for name in filter(_LITTER.fullmatch, list(inner)):
            if not os.path.exists(os.path.join(place, f"{name}.lock")):
                shutil.rmtree(os.path.join(place, name), ignore_errors=True)
                inner.remove(name)
        if not deep:
            inner.clear()


def write_all(folder: Path, files: dict[str, bytes]) -> None:
    """Write files into a folder; a reader that holds `lock`, after `settle`, sees all or none.

    They are first written as one parcel and then unpacked. A process that is killed while it
    unpacks leaves the parcel behind.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with lock(folder), held():  # after a signal, only the next run would unpack the rest
        (folder / _PARCELS).mkdir(exist_ok=True)
        parcel = folder / _PARCELS / f"{secrets.token_hex(8)}.zip"
        with replacing(parcel) as temporary:
            temporary.write_bytes(buffer.getbuffer())
        _deal_out(parcel, folder)


def settle(folder: Path) -> None:
    """Unpack the parcels that killed processes left in a folder, which is under `lock`."""
    for parcel in (folder / _PARCELS).glob("[!.]*.zip"):
        try:
            _deal_out(parcel, folder)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as error:
            _log.warning("%s: damaged (%s); its results are computed again", parcel, error)
            parcel.unlink()


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Let one process in at a time; on file systems without locks, any number."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _deal_out(parcel: Path, folder: Path) -> None:
    with zipfile.ZipFile(parcel) as archive:
        for member in archive.namelist():
            content, path = archive.read(member), folder / Path(member).name
            if path.is_file() and path.read_bytes() == content:
                continue  # already unpacked before the process was killed
            with replacing(path) as temporary:
                temporary.write_bytes(content)
    parcel.unlink()


def _locked(path: Path) -> tuple[Path, int]:
    """A new empty file, and the handle that holds its lock."""
    while True:
        name = f".~{path.stem}.{secrets.token_hex(8)}{path.suffix}"
        temporary = path.with_name(name)
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with suppress(OSError):  # a file system without locks: `sweep` removes nothing there
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return temporary, handle
        os.close(handle)  # another run removed it in the meantime


def _remove(temporary: Path, handle: int) -> None:
    with held():
        temporary.unlink(missing_ok=True)
        os.close(handle)


def _remove_unlocked(path: str) -> None:
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return  # already gone, or somebody else's
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    except OSError:
        pass  # being written, or already removed by another run
    finally:
        os.close(handle)
