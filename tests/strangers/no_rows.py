"""Public functions of arrays found by their annotations, and arguments without rows for them."""

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import EnumMeta
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np
import torch

import detectors
import fitting
import pipeline

_ROWS = frozenset(("B", "N", "P", "R", "*b"))
"""Names that the axis of people has in annotations."""
_SIZES = {"n": 14, "n_betas": 10}
_OTHER = 7  # of an axis of any other name


def array_functions() -> dict[str, FunctionType]:
    """Every public function whose arguments are arrays with a row per person, numbers and enums."""
    found = {}
    for module in _modules():
        for name, thing in vars(import_module(module)).items():
            own = isinstance(thing, FunctionType) and thing.__module__ == module
            if own and name[0] != "_" and arguments(thing):
                found[f"{module}.{name}"] = thing
    return found


def arguments(function: Callable) -> dict[str, Any]:
    """Arrays of no rows for a function; empty where it takes none, or other things, too."""
    known = {"Tensor": torch.Tensor, **function.__globals__}
    try:
        hints = inspect.get_annotations(function, globals=known, eval_str=True)
    except NameError:  # a noun that is imported for type checkers only
        return {}
    hints.pop("return", None)
    values = {name: _value(hint) for name, hint in hints.items()}
    if any(value is None for value in values.values()) or 0 not in lengths(tuple(values.values())):
        return {}
    return values


def lengths(values: Any) -> set[int]:
    """Of all arrays in what a function gives back."""
    if isinstance(values, np.ndarray | torch.Tensor):
        return {len(values)} if values.ndim else set()
    if is_dataclass(values):
        values = [getattr(values, field.name) for field in fields(values)]
    if isinstance(values, dict):
        values = list(values.values())
    return set().union(*map(lengths, values)) if isinstance(values, list | tuple) else set()


def _modules() -> Iterator[str]:
    for package in (fitting, pipeline, detectors):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield found.name


def _value(hint: Any) -> Any:
    if hint is float:
        return 0.5
    if isinstance(hint, EnumMeta):
        return next(iter(hint))
    axes = getattr(hint, "dim_str", "").split()
    if not axes:
        return None
    if axes[0] not in _ROWS and not axes[0].isdigit():
        return None
    shape = [0 if axis in _ROWS else _SIZES.get(axis) or _size(axis) for axis in axes]
    kinds = [kind for kind in ("float64", "int64") if kind in hint.dtypes]
    zeros = np.zeros(shape, [*kinds, hint.dtypes[0]][0])
    return torch.as_tensor(zeros) if hint.array_type is torch.Tensor else zeros


def _size(axis: str) -> int:
    return int(axis) if axis.isdigit() else _OTHER
