"""Configs in mmpose's wheel and the checkpoints that belong to them, downloaded when first used."""

import hashlib
import importlib.util
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

_PERSON_CONFIG = "rtmdet_nano_320-8xb32_coco-person.py"
# mmpose's wheel has this config without its address: projects/rtmpose/README.md of mmpose 1.3.2.
_PERSON_URL = (
    "https://download.openmmlab.com/mmpose/v1/projects/rtmpose/"
    "rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth"
)
# OpenMMLab ends file names in the first 8 hex digits of the content's sha256, and a date; some
# (RTMW's) have the date alone, which is no digest.
_DIGEST = re.compile(r"-(?!20\d{6}\.)([0-9a-f]{8})(?:_\d{8})?\.pth$")
_TIMEOUT = 30.0  # seconds without an answer


def find_config(name: str) -> Path:
    """Path of a config: a local file, or one of those in mmpose's wheel.

    Args:
        name: path, or the path below the wheel's `configs`, or the name of a person detector's.

    Raises:
        FileNotFoundError: neither exists.
    """
    folder = _wheel_folder()
    places = [Path(name), folder / "configs" / name, folder / "demo/mmdetection_cfg" / name]
    for place in places:
        if place.is_file():
            return place.resolve()
    raise FileNotFoundError(
        f"expected the mmpose config {name} as a file of yours or in {folder / 'configs'}, "
        "found neither"
    )


def is_local(name: str) -> bool:
    """Whether a config's name is a file of the user's, not one of the wheel's."""
    return _wheel_folder() not in find_config(name).parents


def find_checkpoint(path: str | None, config: str, weights_dir: Path) -> Path:
    """Path of the weights of a model.

    Args:
        path: the user's own file; None for the published weights of `config`.
        config: name of the model's config, see `find_config`.
        weights_dir: where downloads are kept.

    Raises:
        FileNotFoundError: the file is absent, or nothing is published for this config.
        ConnectionError: the download failed; says what to fetch by hand and where to put it.
        ValueError: the content does not have the digest that the file's name promises.
    """
    if path is not None:
        own = Path(path)
        if not own.is_file():
            raise FileNotFoundError(f"expected a checkpoint at {path}, found no file there")
        _verify(own, own.name, "name the file that was published, or give yours another name")
        return own
    return fetch(published_url(config), weights_dir)


def published_url(config: str) -> str:
    """Address of the weights that OpenMMLab published for a config of mmpose's wheel."""
    if Path(config).name == _PERSON_CONFIG:
        return _PERSON_URL
    if not is_local(config):
        import yaml

        for index in find_config(config).parent.glob("*.yml"):
            for model in yaml.safe_load(index.read_text()).get("Models", ()):
                if model["Config"].endswith(f"/{Path(config).name}") and "Weights" in model:
                    return model["Weights"]
    raise FileNotFoundError(
        f"no published weights are known for the config {config}: name the file of its checkpoint"
    )


def fetch(url: str, weights_dir: Path) -> Path:
    """Download a file unless it is in `weights_dir`.

    What an interrupted download left in `<name>.part` is kept, and the next call goes on there; a
    file under its own name is whole. Two runs at once wait for each other.

    Raises:
        ConnectionError: it failed; says what to fetch by hand and where to put it.
        ValueError: the content does not have the digest that the name promises; it is removed.
    """
    path = weights_dir / url.rsplit("/", 1)[1]
    if path.is_file():
        _verify(path, path.name, f"delete {path} and run again")
        return path
    weights_dir.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with _alone(part) as file:
        if not path.is_file():  # another run may have fetched it meanwhile
            _complete(url, file, path)
            try:
                _verify(part, path.name, "it was removed: run again")
            except ValueError:
                part.unlink()
                raise
            os.replace(part, path)
    return path


@contextmanager
def _alone(part: Path) -> Iterator[IO[bytes]]:
    """The file, to write at its end, once no other run has it; left empty, it is removed."""
    import fcntl

    while True:
        with part.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # lasts until the file is closed, also by a crash
            if not _is_at(file, part):  # who had it renamed or removed it
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
        raise ConnectionError(
            f"could not download {path.name} from {url} ({error}).{again} Fetch it on a machine "
            f"with network and put it in {path.parent.resolve()}, or run with detector=blazepose, "
            "which needs no download"
        ) from error


def _download(url: str, file: IO[bytes]) -> None:
    """Append what is missing."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = ("[progress.description]{task.description}", BarColumn(), DownloadColumn())
    with _rest(url, file) as answer, Progress(*columns, TransferSpeedColumn()) as progress:
        length = answer.headers.get("Content-Length")
        total = file.tell() + int(length) if length else None
        name = url.rsplit("/", 1)[1]
        bar = progress.add_task(name, total=total, completed=file.tell())
        while chunk := answer.read(1 << 18):
            file.write(chunk)
            progress.advance(bar, len(chunk))
    file.flush()
    if total and file.tell() < total:
        raise ConnectionError(f"{file.tell()} of {total} bytes came")


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


def promised_digest(name: str) -> str | None:
    """The start of the content's sha256 that OpenMMLab writes into a file's name."""
    promised = _DIGEST.search(name)
    return promised[1] if promised else None


def _verify(path: Path, name: str, advice: str) -> None:
    promised = promised_digest(name)
    if promised is None:
        return
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(promised):
        raise ValueError(
            f"{name}: expected content whose sha256 starts with {promised}, got {digest[:8]}: "
            f"the file is damaged or another one; {advice}"
        )


def _wheel_folder() -> Path:
    spec = importlib.util.find_spec("mmpose")  # finds mmpose without importing it
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("expected the package mmpose, it is not installed")
    return (Path(spec.origin).parent / ".mim").resolve()
