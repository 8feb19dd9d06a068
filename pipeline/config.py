"""The one gate between Hydra's configuration and typed values: below it no DictConfig."""

from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fitting.fit_config import FitConfig
from pipeline.rasterizers import Backend

ROOT = Path(__file__).resolve().parent.parent


class ConfigError(Exception):
    """A setting that cannot be used; the text names the key."""


class Picture(Enum):
    """What is drawn: the bodies over the photo, that beside a view from 90 degrees, nothing."""

    overlay = "overlay"
    side_by_side = "side_by_side"
    none = "none"


@dataclass
class RemapConfig:
    """min_confidence: joints that the detector scores lower are dropped, 0..1."""

    min_confidence: float = MISSING


@dataclass
class RenderConfig:
    """picture: what is drawn. backend: what draws it. opacity: of the bodies, 0..1."""

    picture: Picture = MISSING
    backend: Backend = MISSING
    opacity: float = MISSING


@dataclass
class ModelsConfig:
    """bodies: folder with {neutral,female,male}.npz. pose_prior: npz. Relative to the project."""

    bodies: str = MISSING
    pose_prior: str = MISSING


@dataclass
class RuntimeConfig:
    """Where and how fast; nothing here changes a result.

    Args:
        device: torch device of the fit and of mmpose.
        threads: CPU threads of torch.
        batch_size: people per solve, and crops per forward pass of mmpose.
        cache_dir, output_dir, weights_dir: folders, relative to the working directory.
    """

    device: str = MISSING
    threads: int = MISSING
    batch_size: int = MISSING
    cache_dir: str = MISSING
    output_dir: str = MISSING
    weights_dir: str = MISSING


@dataclass
class Config:
    """Everything a run needs. `data` and `detector` are objects of the classes their groups name
    (`_target_`), the only two plug points."""

    data: Any = MISSING
    detector: Any = MISSING
    remap: RemapConfig = MISSING
    fit: FitConfig = MISSING
    render: RenderConfig = MISSING
    models: ModelsConfig = MISSING
    runtime: RuntimeConfig = MISSING


def to_config(cfg: DictConfig) -> Config:
    """Check every key, type and option.

    Raises:
        ConfigError: names the first key that is wrong and what was expected.
    """
    groups: dict[str, Any] = {}
    for name in Config.__dataclass_fields__:
        if name not in cfg:
            raise ConfigError(f"{name}: this group is missing")
        groups[name] = _typed(name, cfg[name])
    unknown = [name for name in cfg if name not in groups]
    if unknown:
        raise ConfigError(f"{unknown[0]}: no such group, expected one of {', '.join(groups)}")
    return Config(**groups)


def _typed(group: str, values: DictConfig) -> Any:
    """The group as an object of its dataclass."""
    values = OmegaConf.create(OmegaConf.to_container(values))  # drops Hydra's struct flag
    try:
        if group in ("data", "detector"):
            kind = _target(group, values)
        else:
            kind = Config.__annotations__[group]
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), values))
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None)
        problem = str(error).splitlines()[0]
        raise ConfigError(f"{group}.{key}: {problem}" if key else f"{group}: {problem}") from error
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{group}: {error}") from error


def _target(group: str, values: DictConfig) -> type:
    """The dataclass that a plug point's `_target_` names."""
    path = values.pop("_target_", None)
    if not path:
        raise ConfigError(f"{group}._target_: missing, expected the path of a class")
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{group}._target_: no class {path!r}: {error}") from error


def project_path(path: str) -> Path:
    """A path of the models group: absolute, or below the project's own folder."""
    given = Path(path).expanduser()
    return given if given.is_absolute() else ROOT / given
