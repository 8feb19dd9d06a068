"""The base of every noun with one row per person: taking rows, and joining them."""

from dataclasses import fields
from typing import Any, Self

import numpy as np


class Rows:
    """A dataclass in which every field has one row per person: arrays, tensors or Rows.

    A field that is a tuple, of names, is the same for all rows.
    """

    def __getitem__(self, rows: Any) -> Self:
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # pyright: ignore
        taken = {n: v if isinstance(v, tuple) else v[rows] for n, v in values.items()}
        return type(self)(**taken)

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))  # pyright: ignore[reportArgumentType]

    @classmethod
    def concatenate(cls, parts: list[Self]) -> Self:
        """The rows of all parts (at least one), in order.

        Raises:
            ValueError: names differ between parts.
        """
        values = {}
        for field in fields(cls):  # pyright: ignore[reportArgumentType]
            items = [getattr(part, field.name) for part in parts]
            values[field.name] = _joined(f"{cls.__name__}.{field.name}", items)
        return cls(**values)


def _joined(name: str, items: list[Any]) -> Any:
    """A field of all parts."""
    first = items[0]
    if isinstance(first, Rows):
        return type(first).concatenate(items)
    if not isinstance(first, tuple):
        return np.concatenate(items)
    if any(other != first for other in items):
        raise ValueError(f"{name}: expected the same in all parts, got {set(items)}")
    return first
