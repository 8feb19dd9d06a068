"""Reads the presets of conf/fit for users of the fit without the pipeline; needs no Hydra."""

from collections.abc import Sequence
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any

from fitting.fit_config import BodyStage, CameraStage, Choice, FitConfig
from fitting.objective.terms import moved

_TABLE = "${calibration.confidence_sigma}"
_OFFSETS = "${calibration.landmark_offsets}"
_DOUBTFUL = "${calibration.doubtful}"


def load_preset(
    path: str | Path, confidence_sigma: Sequence[Sequence[float]], **changes: object
) -> FitConfig:
    """Read a file of conf/fit.

    Args:
        path: e.g. conf/fit/lifted.yaml.
        confidence_sigma: what the keypoints' confidences mean, as pairs of a confidence and the
            error to expect, in torso lengths (load_calibration). Used if the preset asks for it.
        changes: values of FitConfig to replace; `landmark_offsets`, if the keypoints are of a
            detector whose offsets are known (load_landmark_offsets); {} otherwise.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError, ValueError: a value is missing, unknown or out of range.
    """
    values = {**_merged(Path(path)), **changes}
    if values["confidence_sigma"] == _TABLE:
        values["confidence_sigma"] = [list(pair) for pair in confidence_sigma]
    if values["landmark_offsets"] == _OFFSETS:
        values["landmark_offsets"] = {}
    if values["doubtful"] == _DOUBTFUL:
        values["doubtful"] = 0.0
    values["camera"] = _typed(CameraStage, values["camera"])
    values["choice"] = _typed(Choice, values["choice"])
    for name in ("stages", "refine"):
        values[name] = [_typed(BodyStage, stage) for stage in values[name]]
    return _typed(FitConfig, values)


def load_calibration(path: str | Path) -> list[list[float]]:
    """Read a file of conf/calibration: what a detector's confidences mean, for load_preset."""
    import yaml

    return yaml.safe_load(Path(path).read_text())["confidence_sigma"]


def load_landmark_offsets(path: str | Path) -> dict[str, list[float]]:
    """Read a file of conf/calibration: how far a detector's landmarks lie from the points of the
    body, for load_preset."""
    import yaml

    return yaml.safe_load(Path(path).read_text())["landmark_offsets"]


def _merged(path: Path) -> dict[str, Any]:
    """The file merged over those that its `defaults` name, group by group, as in Hydra."""
    import yaml

    own = yaml.safe_load(path.read_text())
    merged: dict[str, Any] = {}
    for name in own.pop("defaults", []):
        if name != "_self_":
            merged |= _merged(path.with_name(f"{name}.yaml"))
    return _over(merged, own)


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """The values of both; if both have one, the upper one counts, at every level."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        if isinstance(under, dict) and isinstance(value, dict):
            value = _over(under, value)
        merged[name] = value
    return merged


def _typed(kind: type, values: Any) -> Any:
    """A dataclass from plain values; names of options become options."""
    if isinstance(values, kind):
        return values
    kinds = {field.name: field.type for field in fields(kind)}
    for name in values:
        if name not in kinds and (instead := moved(name, kinds)):
            raise TypeError(f"{kind.__name__}.{name}: no such setting, {instead}")
    return kind(**{name: _option(kinds.get(name), value) for name, value in values.items()})


def _option(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum) and isinstance(value, str):
        return kind[value]
    return value
