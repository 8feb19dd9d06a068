"""What every noun with one row per person shares: taking rows and putting them together."""

from dataclasses import fields
from typing import Any, Self

import numpy as np


class Rows:
    """A dataclass whose every field has one row per person; arrays, tensors or Rows themselves."""

    def __getitem__(self, rows: Any) -> Self:
        values = {f.name: getattr(self, f.name)[rows] for f in fields(self)}  # pyright: ignore
        return type(self)(**values)

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))  # pyright: ignore[reportArgumentType]

    @classmethod
    def concatenate(cls, parts: list[Self]) -> Self:
        """The rows of all parts (one at least), in order."""
        values = {}
        for field in fields(cls):  # pyright: ignore[reportArgumentType]
            items = [getattr(part, field.name) for part in parts]
            nested = isinstance(items[0], Rows)
            values[field.name] = (
                type(items[0]).concatenate(items) if nested else np.concatenate(items)
            )
        return cls(**values)
