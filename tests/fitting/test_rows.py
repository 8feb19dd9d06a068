"""Rows of any noun: taken by index, joined in order, with names that all rows share."""

from dataclasses import dataclass

import numpy as np
import pytest

from fitting.rows import Rows


@dataclass(frozen=True)
class Place(Rows):
    xy: np.ndarray


@dataclass(frozen=True)
class Person(Rows):
    number: np.ndarray
    place: Place
    names: tuple[str, ...] = ("x", "y")


def people(n: int, first: int = 0, names: tuple[str, ...] = ("x", "y")) -> Person:
    number = np.arange(first, first + n)
    return Person(number, Place(np.stack([number, -number], 1)), names)


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        (slice(1, 3), [1, 2]),
        (slice(0, 0), []),
        (np.array([True, False, False, True]), [0, 3]),
        (np.array([3, 3, 0]), [3, 3, 0]),
        ([2], [2]),
    ],
    ids=["slice", "none", "mask", "indices", "list"],
)
def test_rows_are_taken_of_every_field_alike(rows, numbers):
    found = people(4)[rows]
    assert isinstance(found, Person)
    assert isinstance(found.place, Place)
    assert found.number.tolist() == numbers
    assert found.place.xy.tolist() == [[i, -i] for i in numbers]
    assert found.names == ("x", "y"), "names are of all rows"
    assert len(found) == len(found.place) == len(numbers)


def test_parts_are_joined_in_order_and_come_apart_again():
    parts = [people(2), people(0), people(3, first=7)]
    whole = Person.concatenate(parts)
    assert whole.number.tolist() == [0, 1, 7, 8, 9]
    assert whole.place.xy[:, 1].tolist() == [0, -1, -7, -8, -9]
    again = whole[2:]
    assert again.number.tolist() == parts[2].number.tolist()
    assert again.place.xy.tolist() == parts[2].place.xy.tolist()


def test_parts_with_other_names_cannot_be_joined():
    with pytest.raises(ValueError, match=r"^Person\.names: expected the same in all parts, got"):
        Person.concatenate([people(1), people(1, names=("u", "v"))])
