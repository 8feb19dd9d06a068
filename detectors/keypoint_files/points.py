"""One person's points, in any of the forms that keypoint files use."""

from typing import Any

import numpy as np
from jaxtyping import Float64

from detectors.json_values import numbers

Points = Float64[np.ndarray, "K 3"]
"""x, y and score of each joint."""

_SCORES = ("score", "visibility", "visible", "confidence", "conf", "likelihood", "c", "v")
_X_Y, _X_Y_S, _MOST = 2, 3, 5
_FEWEST = 5  # joints; a list of fewer numbers is something else
_LANDMARKS = 33  # of mediapipe


def is_person(value: Any) -> bool:
    """Whether a value looks like the points of one person rather than several people."""
    if isinstance(value, dict):
        return isinstance(value.get("x"), list) and isinstance(value.get("y"), list)
    if not isinstance(value, list) or not value:
        return False
    flat = _is_number(value[0]) and len(value) >= _FEWEST * 3 and len(value) % 3 == 0
    return flat or _is_point(value[0])


def points_of(value: Any, where: str, scores: Any = None) -> Points:
    """A person's points: flat x, y, score, x, ...; nested [[x, y, score], ...] or [[x, y], ...];
    objects with x and y; or an object of lists x and y.

    mediapipe's arrays [[x, y, z, visibility], ...] are understood, and [[x, y, z], ...] where there
    are 33 rows and z goes below 0, which no score does. Points without a score count fully, unless
    they lie at 0, 0.

    Args:
        value: the points of one person.
        where: the place of the value, for messages.
        scores: of the joints, if the file keeps them separate from the points.

    Raises:
        ValueError: it is something else; the message says what.
    """
    rows = _rows(value, where)
    if rows.ndim == 1:
        if rows.size % 3 or not rows.size:
            raise ValueError(
                f"{where}: expected a flat list x, y, score, x, y, score, ..., or [[x, y, score], "
                f"...], got {rows.size} numbers"
            )
        rows = rows.reshape(-1, _X_Y_S)
    if rows.ndim != 2 or not _X_Y <= rows.shape[1] <= _MOST:
        raise ValueError(f"{where}: expected [[x, y, score], ...], got shape {rows.shape}")
    xy, own = rows[:, :2], _own_scores(rows)
    if scores is None:
        return np.column_stack([xy, own])
    given = numbers(scores, where)
    if rows.shape[1] != _X_Y or given.shape != rows.shape[:1]:
        raise ValueError(
            f"{where}: expected keypoints (K, 2) and their scores (K), got {rows.shape} and "
            f"{given.shape}{'' if rows.shape[1] == _X_Y else ': 3-D keypoints are not read'}"
        )
    return np.column_stack([xy, given])


def _rows(value: Any, where: str) -> np.ndarray:
    """The points as an array: flat, or a row per joint."""
    if isinstance(value, dict):
        columns = [value.get("x"), value.get("y")]
        columns += [value[key] for key in _SCORES if key in value][:1]
        arrays = [numbers(column, where) for column in columns]
        if any(a.ndim != 1 or a.shape != arrays[0].shape for a in arrays):
            raise ValueError(f"{where}: expected lists x and y of the same length, got others")
        return np.column_stack(arrays)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return numbers([_row(point, where) for point in value], where)
    return numbers(value, where)


def _row(point: Any, where: str) -> list[Any]:
    if not isinstance(point, dict) or "x" not in point or "y" not in point:
        raise ValueError(f"{where}: expected points with x and y, got {type(point).__name__}")
    score = next((point[key] for key in _SCORES if key in point), 1.0)
    return [point["x"], point["y"], score]


def _own_scores(rows: np.ndarray) -> np.ndarray:
    """The scores that the rows themselves give."""
    columns = rows.shape[1]
    if columns > _X_Y_S:  # x, y, z, visibility and maybe presence
        return rows[:, _X_Y_S]
    with np.errstate(invalid="ignore"):
        depth = columns == _X_Y_S and len(rows) == _LANDMARKS and (rows[:, 2] < 0).any()
    if columns == _X_Y or depth:
        return (rows[:, :2] != 0).any(1).astype(np.float64)
    return rows[:, 2]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_point(value: Any) -> bool:
    if isinstance(value, dict):
        return "x" in value and "y" in value and not isinstance(value["x"], list)
    return (
        isinstance(value, list)
        and _X_Y <= len(value) <= _MOST
        and all(_is_number(number) or number is None for number in value)
        and any(_is_number(number) for number in value)
    )
