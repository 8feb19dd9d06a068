"""JSON files that may come from anywhere: read within limits, values checked as they are taken."""

import json
import reprlib
from pathlib import Path
from typing import Any

import numpy as np

_MAX_BYTES = 300_000_000  # COCO's largest keypoint file, train2017, has 240 MB
_FEW = 6  # how many keys a message names


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        ValueError: not JSON, nested too deeply, or larger than any keypoint file.
    """
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise ValueError(f"{path}: expected at most {_MAX_BYTES} bytes of JSON, got {size} bytes")
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except RecursionError:
        raise ValueError(f"{path}: expected keypoints, got JSON that is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"{path}: expected JSON in UTF-8: {error}") from error


def fields(item: Any, where: str) -> dict[str, Any]:
    """The value itself, if it is an object.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(item, dict):
        raise ValueError(f"{where}: expected an object, got {type(item).__name__}")
    return item


def get(item: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """The value under a key of an object, if it is of the kind asked for.

    Raises:
        ValueError: it is not; if the key is missing, the message has those that exist.
    """
    value = fields(item, where).get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or ".join(k.__name__ for k in kinds)
        got = type(value).__name__ if value is not None else f"none; there are {some_keys(item)}"
        raise ValueError(f"{where}: expected {key} to be {names}, got {got}")
    return value


def some_keys(item: dict[str, Any]) -> str:
    """The first keys of an object, for messages."""
    keys = [reprlib.repr(key)[1:-1] for key in list(item)[:_FEW]]
    return ", ".join(keys) + (", ..." if len(item) > _FEW else "") if keys else "no keys"


def numbers(value: Any, where: str) -> np.ndarray:
    """A list of numbers, or of such lists, as float64; null is NaN.

    Raises:
        ValueError: it is something else.
    """
    try:
        return np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        # Unlike repr, reprlib goes only a few lists deep.
        raise ValueError(f"{where}: expected numbers, got {reprlib.repr(value)}") from None
