"""What a command line probably meant that Hydra refuses."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from functools import cache
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf

from fitting.objective.terms import TERMS, names_of
from pipeline.config import ROOT

_CONF = ROOT / "conf"


def explained(words: list[str]) -> str | None:
    """The first key or choice that does not exist, and the nearest one that does; None if all do.

    Args:
        words: as on the command line, `key=value`; those that add or remove keys are trusted.
    """
    added = [word.removeprefix("+") for word in words if word.startswith(("export=", "+export="))]
    known = ("+", "~", "-", "hydra/")  # whose mistakes Hydra explains
    plain = [word for word in words if not word.startswith(known) and word not in added]
    pairs = [word.split("=", 1) for word in plain if "=" in word]
    groups = {path.name for path in _CONF.iterdir() if path.is_dir()}
    choices = []
    for key, value in [*pairs, *(word.split("=", 1) for word in added)]:
        if key in groups:
            wrong = _no_choice(key, value)
            if wrong:
                return wrong
            if value != "null":
                choices.append(f"{key}={value}")
    cfg = _composed(*choices)
    found = (_unknown(key, cfg, groups) for key, _ in pairs if key not in groups)
    return next((text for text in found if text), None)


def _no_choice(group: str, value: str) -> str | None:
    """What is wrong with a choice of a group; a list of formats holds several choices."""
    options = sorted(path.stem for path in (_CONF / group).glob("*.yaml"))
    names = [value]
    if group == "export":
        names = [name.strip() for name in value.strip("[]").split(",")]
        if len(names) > 1 and value[0] != "[":
            return f"export: expected a list for several formats, did you mean export=[{value}]?"
    for name in names:
        if name not in (*options, "null", ""):
            return f"{group}: no such choice {name!r}, {_nearest(name, options)}"
    return None


@cache
def _composed(*choices: str) -> dict[str, Any]:
    """The configuration of these choices as plain values."""
    with initialize_config_dir(str(_CONF), version_base="1.3"):
        try:
            cfg = compose("config", list(choices))
        except HydraException:  # choices that do not go together; Hydra has said so
            cfg = compose("config")
    values = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _unknown(key: str, values: Any, groups: set[str]) -> str | None:
    """What is wrong with a key such as fit.camera.depth."""
    inside, known, parts = values, [], key.split(".")
    for name in parts:
        if not isinstance(inside, dict | list):
            return f"{key}: no such key, {'.'.join(known)} is a value and has no keys"
        names = [str(n) for n in (inside if isinstance(inside, dict) else range(len(inside)))]
        if name not in names:
            near = _near(name, names if known else [*names, *groups])
            if name in names_of(TERMS) and "weights" in (*known, *names):
                others = inside.get("weights", {}) if isinstance(inside, dict) else {}
                return _weight(key, known, others)
            if key == "data.path":
                others = "files, photos, video or frames takes inputs"
                return f"data.path: no such key, did you mean data.{near}? data={others}"
            paths = [path for path in _paths(values) if path.rpartition(".")[2] == name]
            if paths and not (known and near):
                return f"{key}: no such key, did you mean {min(paths, key=len)}?"
            if near:
                meant = ".".join([*known, near, *parts[len(known) + 1 :]])
                return f"{key}: no such key, did you mean {meant}?"
            return f"{key}: no such key, expected one of {', '.join(names)}"
        inside = inside[name] if isinstance(inside, dict) else inside[int(name)]
        known.append(name)
    return None


def _weight(key: str, known: list[str], others: Collection[str]) -> str:
    """What is wrong with a term's weight.

    Args:
        known: the part of the key that exists: a stage, or its weights.
        others: the weights of the stage.
    """
    name = key.rpartition(".")[2]
    place = ".".join([*(part for part in known if part != "weights"), "weights", name])
    if name in others:
        return f"{key}: no such key, did you mean {place}?"
    return f"{key}: no such key; to set a weight that the preset does not name: +{place}=..."


def _paths(values: Any, before: str = "") -> Iterator[str]:
    for name, value in values.items():
        yield f"{before}{name}"
        if isinstance(value, dict):
            yield from _paths(value, f"{before}{name}.")


def _near(name: str, names: list[str]) -> str | None:
    """The name with the same beginning, or else the most similar one."""
    longer = [other for other in names if other.startswith(name)]
    return next(iter(longer or get_close_matches(name, names, n=1)), None)


def _nearest(name: str, names: list[str]) -> str:
    near = _near(name, names)
    return f"did you mean {near}?" if near else f"expected one of {', '.join(names)}"
