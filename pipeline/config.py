"""The only gate from Hydra's configuration to typed values; no DictConfig passes it."""

import logging
import re
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from fitting.fit_config import FitConfig
from fitting.objective.terms import check_weights, moved
from fitting.sequence.settings import SequenceConfig
from pipeline.groups import (
    CalibrationConfig,
    ModelsConfig,
    RemapConfig,
    RenderConfig,
    RuntimeConfig,
    TrackingConfig,
)

ROOT = Path(__file__).resolve().parent.parent
_MOVED = {"show": "progress", "release_layout": "release"}  # keys of runtime -> formats of export
_log = logging.getLogger(__name__)


class ConfigError(Exception):
    """A setting that cannot be used; the text names the key."""


@dataclass
class Config:
    """Everything a run needs. `data`, `detector`, `executor` and each format of `export` are
    objects of the classes that their groups name (`_target_`). They are the only plug points."""

    data: Any = MISSING
    detector: Any = MISSING
    calibration: CalibrationConfig = MISSING
    tracking: TrackingConfig = MISSING
    remap: RemapConfig = MISSING
    fit: FitConfig = MISSING
    sequence: SequenceConfig = MISSING
    render: RenderConfig = MISSING
    models: ModelsConfig = MISSING
    export: dict[str, Any] = MISSING
    executor: Any = MISSING
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
        groups[name] = _formats(cfg[name]) if name == "export" else _typed(name, cfg[name])
    for name in map(str, cfg):
        if name not in groups:
            raise ConfigError(f"{name}: no such group, {_instead(name, list(groups))}")
    config = Config(**groups)
    _add_moved(config)
    return config


def _formats(values: Any) -> dict[str, Any]:
    """Each format of `export` as an object of its class."""
    if not isinstance(values, DictConfig):
        raise ConfigError(f"export: expected a list of formats, got {values!r}")
    return {str(name): _typed(f"export.{name}", values[name]) for name in values}


def _add_moved(config: Config) -> None:
    """Add the formats that old keys of `runtime` ask for."""
    for key, name in _MOVED.items():
        if getattr(config.runtime, key) and name not in config.export:
            _log.warning("runtime.%s: this key has moved, write +export=%s instead", key, name)
            config.export |= _formats(OmegaConf.load(ROOT / f"conf/export/{name}.yaml"))


def _typed(group: str, values: Any) -> Any:
    """The group as an object of its dataclass."""
    if not isinstance(values, DictConfig):
        raise ConfigError(f"{group}: expected a group of keys, got {values!r}")
    kind: Any = None
    try:
        # A copy without Hydra's struct flag; interpolations may point out of the group.
        own = OmegaConf.create(_plain(OmegaConf.to_container(values, resolve=True)))
        plug = group in ("data", "detector", "executor") or group.startswith("export.")
        kind = _target(group, own) if plug else Config.__annotations__[group]
        _check_records(kind, own)
        typed = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), own))
        if isinstance(typed, FitConfig):
            check_weights(typed)
        return typed
    except OmegaConfBaseException as error:
        key = error.full_key or ""
        if not f"{key}.".startswith(
            f"{group}."
        ):  # only a failed interpolation counts from the root
            key = f"{group}.{key}".rstrip(".")
        raise ConfigError(f"{key}: {_problem(key, error)}") from error
    except (ValueError, TypeError) as error:
        raise ConfigError(_named(group, kind, str(error))) from error


def uninterpolated(text: str) -> str:
    """A text that OmegaConf gives back unchanged, even if parts of it look like interpolations."""
    return re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)


def _plain(value: Any) -> Any:
    """Resolved values: whatever still looks like an interpolation is part of a file's name."""
    if isinstance(value, str):
        return uninterpolated(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _check_records(kind: type, values: Any) -> None:
    """Check lists of dataclasses item by item: OmegaConf's own error does not say which item."""
    for name, hint in get_type_hints(kind).items():
        items, inner = values.get(name), get_args(hint)
        if get_origin(hint) is not list or not is_dataclass(inner[0]) or not items:
            continue
        for index, item in enumerate(items):
            try:
                OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(inner[0]), item))
            except OmegaConfBaseException as error:
                error.full_key = f"{name}[{index}].{error.full_key or ''}".rstrip(".")
                raise


def _named(group: str, kind: type | None, text: str) -> str:
    """A dataclass's own message, with the key that the user knows."""
    if kind and text.startswith(f"{kind.__name__}."):
        return group + text.removeprefix(kind.__name__)
    return text if text.startswith(f"{group}.") else f"{group}: {text}"


def _problem(key: str, error: OmegaConfBaseException) -> str:
    """What is wrong with a key, and what was expected."""
    if isinstance(error, MissingMandatoryValue):
        return f"missing, give it as {key}=..."
    if isinstance(error, ConfigKeyError) and is_dataclass(error.object_type):
        names = [field.name for field in fields(error.object_type)]
        name = key.rpartition(".")[2]
        return f"no such key, {moved(name, names) or _instead(name, names)}"
    return str(error).splitlines()[0]


def _instead(name: str, names: list[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"expected one of {', '.join(names)}"


def _target(group: str, values: Any) -> type:
    """The dataclass that a plug point's `_target_` names."""
    path = values.pop("_target_", None)
    if not path:
        raise ConfigError(f"{group}._target_: missing, expected the path of a class")
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{group}._target_: no class {path!r}: {error}") from error
    if not (isinstance(kind, type) and is_dataclass(kind)):
        raise ConfigError(f"{group}._target_: expected a dataclass, got {path}")
    return kind
