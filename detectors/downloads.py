"""Downloads weights on first use, whole and checked; or says how people can fetch them."""

import hashlib
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

# OpenMMLab's file names end in the first 8 hex digits of the content's sha256, and a date. Some
# (RTMW's) have the date alone, which is not a digest. A .zip of ONNX has the name of the checkpoint
# that it was made from, with its digits.
_DIGEST = re.compile(r"-(?!20\d{6}\.)([0-9a-f]{8})(?:_\d{8})?\.pth$")
_TIMEOUT = 30.0  # seconds without an answer


def fetch_all(urls: Mapping[str, str], folder: Path) -> dict[str, Path]:
    """Download files unless they are in the folder.

    An interrupted download leaves `<name>.part`, and the next call goes on there. A file under its
    own name is whole. If two runs want the same file, one waits for the other.

    Args:
        urls: address of each file, under what it is for, e.g. `pose`; the message says that.
        folder: where they are kept.

    Returns:
        The files, by what they are for.

    Raises:
        ConnectionError: it failed; the message has every missing file, a command that fetches them
            on another machine, and the folder to put them into.
        ValueError: the content does not have the digest that the name promises; it is removed.
    """
    try:
        return {role: _fetch(url, folder) for role, url in urls.items()}
    except ConnectionError as error:
        raise ConnectionError(
            f"{error} {by_hand(urls, folder)}, or run with detector=blazepose, which needs no "
            "download"
        ) from error


def missing(urls: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The files that are not in the folder yet."""
    return {role: url for role, url in urls.items() if not _place(url, folder).is_file()}


def command_for(urls: Mapping[str, str]) -> str:
    """The command that fetches the files into the current folder, on a machine with network."""
    return " ".join(["curl -fL --remote-name-all", *dict.fromkeys(urls.values())])


def by_hand(urls: Mapping[str, str], folder: Path) -> str:
    """The files that are missing, how to get them on another machine, and where to put them."""
    lacking = missing(urls, folder)
    named = " and ".join(f"{name_of(url)} ({role})" for role, url in lacking.items())
    them = {1: "it", 2: "both"}.get(len(lacking), "them")
    return (
        f"Missing: {named}. Fetch {them} on a machine with network: {command_for(lacking)} and put "
        f"{them} into {folder.resolve()}"
    )


def name_of(url: str) -> str:
    """The name under which a file is kept."""
    return url.rsplit("/", 1)[1]


def promised_digest(name: str) -> str | None:
    """The start of the content's sha256 that OpenMMLab writes into a file's name."""
    promised = _DIGEST.search(name)
    return promised[1] if promised else None


def verify(path: Path, name: str, advice: str) -> None:
    """Check a file's content against the digest in its name.

    Raises:
        ValueError: they differ; the message ends with the advice.
    """
    promised = promised_digest(name)
    if promised is None:
        return
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(promised):
        raise ValueError(
            f"{name}: expected content whose sha256 starts with {promised}, got {digest[:8]}: "
            f"the file is damaged or a different one; {advice}"
        )


def _place(url: str, folder: Path) -> Path:
    return folder / name_of(url)


def _fetch(url: str, folder: Path) -> Path:
    path = _place(url, folder)
    if path.is_file():
        verify(path, path.name, f"delete {path} and run again")
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with _alone(part) as file:
        if not path.is_file():  # another run may have fetched it meanwhile
            _complete(url, file, path)
            try:
                verify(part, path.name, "it was removed: run again")
            except ValueError:
                part.unlink()
                raise
            os.replace(part, path)
    return path


@contextmanager
def _alone(part: Path) -> Iterator[IO[bytes]]:
    """The file, open at its end, once no other run uses it; if it stays empty, it is removed."""
    import fcntl

    while True:
        with part.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # held until the file is closed, also by a crash
            if not _is_at(file, part):  # the run that had it renamed or removed it
                continue
            try:
                yield file
            finally:
                file.flush()
                if _is_at(file, part) and not file.tell():
                    part.unlink()
            return


def _is_at(file: IO[bytes], path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())


def _complete(url: str, file: IO[bytes], path: Path) -> None:
    try:
        _download(url, file)
    except (OSError, HTTPException) as error:
        kept = file.tell()
        again = f" {kept} bytes are kept: the next run goes on from there." if kept else ""
        raise ConnectionError(f"could not download {path.name} ({error}).{again}") from error


def _download(url: str, file: IO[bytes]) -> None:
    """Append the missing bytes."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = ("[progress.description]{task.description}", BarColumn(), DownloadColumn())
    with _rest(url, file) as answer, Progress(*columns, TransferSpeedColumn()) as progress:
        length = answer.headers.get("Content-Length")
        total = file.tell() + int(length) if length else None
        bar = progress.add_task(name_of(url), total=total, completed=file.tell())
        while chunk := answer.read(1 << 18):
            file.write(chunk)
            progress.advance(bar, len(chunk))
    file.flush()
    if total and file.tell() < total:
        raise ConnectionError(f"only {file.tell()} of {total} bytes arrived")


def _rest(url: str, file: IO[bytes]) -> Any:
    """The server's answer from the file's end on; a server that cannot do that starts anew, with
    the file emptied."""
    request = urllib.request.Request(url)
    if file.tell():
        request.add_header("Range", f"bytes={file.tell()}-")
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        error.close()
        answer = urllib.request.urlopen(url, timeout=_TIMEOUT)
    if answer.status != HTTPStatus.PARTIAL_CONTENT:
        file.truncate(0)
        file.seek(0)
    return answer
