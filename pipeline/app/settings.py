"""What the command line asks of the page: its own settings, and those that every run gets."""

import os
from dataclasses import dataclass

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.command_line import overrides_of
from pipeline.config import ROOT, ConfigError, to_config
from pipeline.mistakes import explained

_OURS = ("data", "data.path", "data.people", "data.focal_length", "data.max_frames", "export")
_ALSO_OURS = ("runtime.output_dir", "runtime.progress")
_MB = 1_000_000


@dataclass(frozen=True)
class AppSettings:
    """The values of conf/app.yaml, which says what they mean."""

    port: int
    max_files: int
    max_file_mb: int
    max_total_mb: int
    max_frames: int
    max_jobs: int
    keep_minutes: int

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"app.port: expected 0..65535, got {self.port}")
        for name in self.__dataclass_fields__:
            if name != "port" and getattr(self, name) < 1:
                raise ConfigError(f"app.{name}: expected 1 or more, got {getattr(self, name)}")

    @property
    def max_file_bytes(self) -> int:
        """Of one file."""
        return self.max_file_mb * _MB

    @property
    def max_total_bytes(self) -> int:
        """Of all files of a job."""
        return self.max_total_mb * _MB


def settings_of(words: list[str]) -> tuple[AppSettings, list[str]]:
    """Sort the words of the command line after `app`.

    Returns:
        The page's settings, and the words that every run is started with.

    Raises:
        ConfigError: a word is no setting, or one that the page sets itself, or names no key.
    """
    own = [word.removeprefix("app.") for word in words if word.startswith("app.")]
    rest = [word for word in words if not word.startswith("app.")]
    for word in rest:
        key = word.lstrip("+~").partition("=")[0]
        if "=" not in word:
            raise ConfigError(f"app: expected settings only (key=value), got {word!r}")
        if key in (*_OURS, *_ALSO_OURS) or key.startswith("export."):
            raise ConfigError(
                f"{key}: the page sets this itself for each of its runs, leave it out"
            )
    return _own(own), rest


def check_runs(words: list[str]) -> None:
    """Read the settings of the runs once, so that a wrong one stops the page and not its runs.

    Raises:
        ConfigError: names the first key that is wrong and what was expected.
    """
    overrides = overrides_of([*words, "data.path=x"])
    try:
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            to_config(compose("config", overrides))
    except HydraException as error:
        raise ConfigError(explained(overrides) or str(error).splitlines()[0]) from error


def named_like_a_file(word: str) -> bool:
    """Whether `app` may also mean a file or folder of this name."""
    return word == "app" and os.path.lexists(word)


def _own(words: list[str]) -> AppSettings:
    try:
        given = OmegaConf.merge(
            OmegaConf.structured(AppSettings),
            OmegaConf.load(ROOT / "conf/app.yaml"),
            OmegaConf.from_dotlist(words),
        )
        settings = OmegaConf.to_object(given)
    except OmegaConfBaseException as error:
        names = ", ".join(AppSettings.__dataclass_fields__)
        reason = str(error).splitlines()[0]
        raise ConfigError(f"app.{error.full_key}: {reason}; the page has {names}") from error
    assert isinstance(settings, AppSettings)
    return settings
