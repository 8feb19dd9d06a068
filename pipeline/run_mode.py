"""Hydra composes all settings twice, first only to read `hydra.mode`: once is enough for a run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra._internal.hydra import Hydra
from hydra.types import RunMode

_CONF = Path(__file__).resolve().parent.parent / "conf"


def may_sweep(words: Sequence[str], conf: Path = _CONF) -> bool:
    """Whether a command line, or a file of settings, may ask for anything but a single run.

    Args:
        words: what Hydra reads. Any option of Hydra's, such as -m or --config-dir, and any setting
            of the group `hydra` counts; names of inputs, which follow `data.path=`, do not.
        conf: the folder of the settings.
    """
    asked = any(word.startswith("-") or "hydra" in word.partition("=")[0] for word in words)
    return asked or any(b"MULTIRUN" in file.read_bytes() for file in conf.rglob("*.yaml"))


@contextmanager
def composed_once(words: Sequence[str]) -> Iterator[None]:
    """Within it, Hydra takes a command line that cannot sweep for a single run and does not compose
    the settings to find out, which saves 0.15 s of the start."""
    if may_sweep(words):
        yield
        return
    before = Hydra.get_mode
    Hydra.get_mode = lambda self, config_name, overrides: RunMode.RUN
    try:
        yield
    finally:
        Hydra.get_mode = before
