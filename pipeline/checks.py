"""What settings name, tried out on this machine: files, the device, the library that draws."""

import os
from pathlib import Path

from pipeline.config import ROOT, ConfigError
from pipeline.drawing.rasterizers import Backend, rasterizer


def existing(key: str, path: Path) -> Path:
    """The path, if there is a file.

    Raises:
        ConfigError: there is no file; the message names the key that asked for it.
    """
    if not path.is_file():
        raise ConfigError(f"{key}: no file at {path}, expected the path of a file")
    return path


def check_device(device: str) -> None:
    """Try a torch device out; imports torch unless it is the CPU.

    Raises:
        ConfigError: this machine does not have it.
    """
    if device == "cpu":
        return
    import torch

    try:
        torch.zeros(1, dtype=torch.float64, device=device)
    # Torch raises these for a device that it does not know, was not built for, or cannot reach.
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"runtime.device: {device} cannot be used here: {reason}") from error


def check_backend(backend: Backend) -> None:
    """Load the library that draws if it was asked for by name; `auto` is loaded when needed.

    Raises:
        ConfigError: this machine does not have it.
    """
    if backend is Backend.auto:
        return
    try:
        rasterizer(backend)
    except RuntimeError as error:
        raise ConfigError(f"render.{error}") from error


def project_path(path: str) -> Path:
    """A path of the models group: absolute, or below the project's own folder."""
    given = Path(os.path.expanduser(path))
    return given if given.is_absolute() else ROOT / given
