"""Camera numbers from a file: a 3 x 3 matrix or fx, fy, cx, cy, as calibration tools write them."""

import json
import logging
import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

_log = logging.getLogger(__name__)

SUFFIXES = (".json", ".yaml", ".yml", ".toml", ".txt", ".csv", ".npy", ".npz")

_LARGEST = 1_000_000  # bytes of a file
_SQUARE = 0.01  # fx and fy that differ by more are not those of square pixels
_MATRIX = (
    "k",
    "camera_matrix",
    "cameramatrix",
    "intrinsic_matrix",
    "intrinsics",
    "intrinsic",
    "mtx",
    "matrix",
    "data",
)
_FX, _FY = ("fx", "f", "focal_length", "focal"), ("fy", "f", "focal_length", "focal")
_CX, _CY = ("cx", "ppx"), ("cy", "ppy")
_WIDTH, _HEIGHT = ("width", "image_width", "w"), ("height", "image_height", "h")
_SIZE = ("image_size", "resolution", "size")
_DISTORTION = (
    "dist",
    "distortion",
    "dist_coeffs",
    "distortion_coefficients",
    "distortion_coeffs",
    "d",
    "k1",
    "k2",
    "p1",
    "p2",
)
_EXPECTED = (
    "expected a 3 x 3 matrix (txt, csv, npy, npz, json, yaml) or the keys fx, fy, cx, cy in json, "
    "yaml or toml"
)


Numbers = tuple[float, tuple[float, float], tuple[int, int] | None]
"""Focal length px, principal point x, y px, and the size of the pictures where the file says it."""


def read_numbers(path: Path) -> Numbers:
    """A camera's numbers from a file.

    Raises:
        ValueError: there is none, it holds something else, or a camera that is not modelled here:
            pixels that are not square, or axes that are not at right angles.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"{path} is larger than {_LARGEST} bytes, {_EXPECTED}")
        content = _content(path)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}: {_EXPECTED}") from error
    fields = dict(_flat(content)) if isinstance(content, dict) else {"k": content}
    if _is_distorted(fields):
        what = "has lens distortion, which is not modelled: undistort the pictures first"
        _log.warning("data.intrinsics: %s %s", path, what)
    fx, fy, cx, cy = _numbers(path, fields)
    return _square(path, fx, fy), (cx, cy), _size(fields)


def _content(path: Path) -> Any:
    """A mapping, or an array of numbers."""
    suffix = path.suffix.lower()
    try:
        if suffix in (".npy", ".npz"):
            loaded = np.load(path, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            with loaded:
                arrays = dict(loaded)
            return next(iter(arrays.values())) if len(arrays) == 1 else arrays
        text = path.read_text(encoding="utf-8-sig")
        if suffix == ".json":
            return json.loads(text)
        if suffix in (".yaml", ".yml"):
            return _yaml(text)
        if suffix == ".toml":
            return tomllib.loads(text)
        plain = re.sub(r"#.*", "", text)
        return [float(word) for word in re.split(r"[\s,;\[\]()]+", plain) if word]
    # What the readers raise for text that is none of theirs: JSON's and TOML's are ValueErrors.
    except (ValueError, EOFError, KeyError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path} cannot be read ({reason}): {_EXPECTED}") from error


def _yaml(text: str) -> Any:
    """YAML as people and OpenCV write it."""
    import yaml

    class Loader(yaml.SafeLoader):
        """With OpenCV's name for a mapping of rows, cols and data."""

    def mapping(loader: Any, node: Any) -> Any:
        return loader.construct_mapping(node, deep=True)

    Loader.add_constructor("tag:yaml.org,2002:opencv-matrix", mapping)
    try:
        return yaml.load(re.sub(r"\A%YAML:.*", "", text), Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _flat(content: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Keys in lower case, of all levels, those further up last."""
    for value in content.values():
        if isinstance(value, dict):
            yield from _flat(value)
    for key, value in content.items():
        if not isinstance(value, dict):
            yield str(key).lower(), value


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if name in fields), None)


def _numbers(path: Path, fields: dict[str, Any]) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy."""
    named = [_first(fields, names) for names in (_FX, _FY, _CX, _CY)]
    try:
        if all(value is not None for value in named):
            fx, fy, cx, cy = (float(np.squeeze(value)) for value in named)
        else:
            fx, fy, cx, cy = _of_matrix(np.array(_first(fields, _MATRIX), float))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {_EXPECTED}; {error}") from error
    if not all(map(math.isfinite, (fx, fy, cx, cy))) or fx <= 0 or fy <= 0:
        got = f"fx {fx:g}, fy {fy:g}, cx {cx:g}, cy {cy:g}"
        raise ValueError(
            f"{path}: expected finite px with fx and fy above 0 (x right, y down), got {got}"
        )
    return fx, fy, cx, cy


def _of_matrix(k: np.ndarray) -> tuple[float, float, float, float]:
    if k.size == 4:
        return tuple(k.flatten().tolist())  # pyright: ignore[reportReturnType]
    if k.size == 12:
        k = k.reshape(3, 4)[:, :3]
    if k.size != 9:
        raise ValueError(f"it has {'no matrix' if k.ndim == 0 else f'{k.size} numbers'}")
    k = k.reshape(3, 3)
    if not k[:2, 2].any() and k[2, :2].any():
        k = k.T  # column by column, as Open3D writes it
    k = k / k[2, 2] if k[2, 2] else k
    if not np.allclose(k[[1, 2, 2], [0, 0, 1]], 0) or k[2, 2] != 1:
        raise ValueError(f"expected [fx 0 cx; 0 fy cy; 0 0 1], got {k.tolist()}")
    if abs(k[0, 1]) > _SQUARE * abs(k[0, 0]):
        raise ValueError(f"its axes are not at right angles (skew {k[0, 1]:g}): not modelled")
    return float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2])


def _square(path: Path, fx: float, fy: float) -> float:
    """The one focal length of square pixels."""
    if abs(fx - fy) > _SQUARE * min(fx, fy):
        raise ValueError(
            f"{path}: fx {fx:g} and fy {fy:g} differ by more than 1 %: the camera here has square "
            f"pixels. Resize the pictures to {fy / fx:.4f} times their width, fx and cx with them"
        )
    return (fx + fy) / 2


def _size(fields: dict[str, Any]) -> tuple[int, int] | None:
    both = _first(fields, _SIZE)
    if not (isinstance(both, list) and len(both) == 2):
        both = [_first(fields, _WIDTH), _first(fields, _HEIGHT)]
    try:
        width, height = map(int, both)
    except (TypeError, ValueError):
        return None
    return (width, height) if min(width, height) > 0 else None


def _is_distorted(fields: dict[str, Any]) -> bool:
    for name in _DISTORTION:
        try:
            if np.any(np.abs(np.array(fields.get(name, 0), float)) > 1e-6):
                return True
        except (TypeError, ValueError):
            continue
    return False
