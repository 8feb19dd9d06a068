"""What a run was made with: its settings, and the versions of the packages behind its results."""

import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from omegaconf import OmegaConf

from pipeline.config import Config
from pipeline.storage.cache import plain

_PACKAGES = (
    "numpy",
    "scipy",
    "torch",
    "smplx",
    "mmpose",
    "mediapipe",
    "onnxruntime",
    "opencv-python-headless",
    "pillow",
    "pyrender",
    "trimesh",
    "hydra-core",
)


def versions() -> dict[str, str]:
    """Versions of Python, the platform and the packages that results depend on."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def settings(config: Config) -> str:
    """Every setting of a run, as YAML."""
    return OmegaConf.to_yaml(OmegaConf.create(plain(asdict(config))))
