"""Configs in mmpose's wheel and the checkpoints that belong to them, downloaded when first used."""

import hashlib
import importlib.util
import os
import re
import tempfile
import urllib.request
from pathlib import Path

_PERSON_CONFIG = "rtmdet_nano_320-8xb32_coco-person.py"
# mmpose's wheel has this config without its address: projects/rtmpose/README.md of mmpose 1.3.2.
_PERSON_URL = (
    "https://download.openmmlab.com/mmpose/v1/projects/rtmpose/"
    "rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth"
)
# OpenMMLab ends file names in the first 8 hex digits of the content's sha256 (and a date).
_DIGEST = re.compile(r"-([0-9a-f]{8})(?:_\d{8})?\.pth$")
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
        if not Path(path).is_file():
            raise FileNotFoundError(f"expected a checkpoint at {path}, found no file there")
        return Path(path)
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
    """Download a file unless it is in `weights_dir`; a broken download leaves nothing behind."""
    path = weights_dir / url.rsplit("/", 1)[1]
    if path.is_file():
        _verify(path, path.name)
        return path
    weights_dir.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=weights_dir, prefix=path.name, suffix=".part")
    os.close(handle)
    try:
        _download(url, Path(temporary))
        _verify(Path(temporary), path.name)
        os.replace(temporary, path)
    except OSError as error:
        raise ConnectionError(
            f"could not download {path.name} from {url} ({error}). Fetch it on a machine with "
            f"network and put it in {weights_dir.resolve()}, or run with detector=blazepose, which "
            "needs no download"
        ) from error
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path


def _download(url: str, path: Path) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = ("[progress.description]{task.description}", BarColumn(), DownloadColumn())
    with (
        urllib.request.urlopen(url, timeout=_TIMEOUT) as answer,
        path.open("wb") as file,
        Progress(*columns, TransferSpeedColumn()) as progress,
    ):
        length = answer.headers.get("Content-Length")
        bar = progress.add_task(url.rsplit("/", 1)[1], total=int(length) if length else None)
        received = 0
        while chunk := answer.read(1 << 18):
            file.write(chunk)
            received += len(chunk)
            progress.advance(bar, len(chunk))
    if length and received < int(length):
        raise ConnectionError(f"{received} of {length} bytes came")


def promised_digest(name: str) -> str | None:
    """The start of the content's sha256 that OpenMMLab writes into a file's name."""
    promised = _DIGEST.search(name)
    return promised[1] if promised else None


def _verify(path: Path, name: str) -> None:
    promised = promised_digest(name)
    if promised is None:
        return
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(promised):
        raise ValueError(
            f"{name}: expected content whose sha256 starts with {promised}, got {digest[:8]}: "
            f"the file is damaged or another one; delete {path} and run again"
        )


def _wheel_folder() -> Path:
    spec = importlib.util.find_spec("mmpose")  # finds mmpose without importing it
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("expected the package mmpose, it is not installed")
    return (Path(spec.origin).parent / ".mim").resolve()
