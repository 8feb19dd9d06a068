"""Configs in mmpose's wheel and the checkpoints that belong to them."""

import importlib.util
from pathlib import Path

from detectors.downloads import fetch_all, verify

_PERSON_CONFIG = "rtmdet_nano_320-8xb32_coco-person.py"
# mmpose's wheel has this config, but not the address of its weights:
# projects/rtmpose/README.md of mmpose 1.3.2.
_PERSON_URL = (
    "https://download.openmmlab.com/mmpose/v1/projects/rtmpose/"
    "rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth"
)


def find_config(name: str) -> Path:
    """Path of a config: a local file, or one of those in mmpose's wheel.

    Args:
        name: a path, a path below the wheel's `configs`, or the name of a person detector's config.

    Raises:
        FileNotFoundError: neither exists.
    """
    folder = _wheel_folder()
    places = [Path(name), folder / "configs" / name, folder / "demo/mmdetection_cfg" / name]
    for place in places:
        if place.is_file():
            return place.resolve()
    raise FileNotFoundError(
        f"expected the mmpose config {name} as your own file or in {folder / 'configs'}, "
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
        ConnectionError: the download failed; the message says what to fetch and where to put it.
        ValueError: the content does not have the digest that the file's name promises.
    """
    if path is not None:
        own = Path(path)
        if not own.is_file():
            raise FileNotFoundError(f"expected a checkpoint at {path}, found no file there")
        verify(own, own.name, "name the file that was published, or give yours another name")
        return own
    return fetch_all({"weights": published_url(config)}, weights_dir)["weights"]


def published_url(config: str) -> str:
    """Address of the weights that OpenMMLab published for a config in mmpose's wheel."""
    if Path(config).name == _PERSON_CONFIG:
        return _PERSON_URL
    if not is_local(config):
        import yaml

        for index in find_config(config).parent.glob("*.yml"):
            for model in yaml.safe_load(index.read_text()).get("Models", ()):
                if model["Config"].endswith(f"/{Path(config).name}") and "Weights" in model:
                    return model["Weights"]
    raise FileNotFoundError(
        f"no published weights are known for the config {config}: name its checkpoint's file"
    )


def _wheel_folder() -> Path:
    spec = importlib.util.find_spec("mmpose")  # finds mmpose without importing it
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("expected the package mmpose, it is not installed")
    return (Path(spec.origin).parent / ".mim").resolve()
