"""Classes that stand for numpy's, scipy's and chumpy's objects while a pickle is read.

Each keeps what the pickle says about an object and does nothing with it. Whatever sizes a file
states, no memory is taken, and no code of a library runs. `array_of` then checks the statements
about the one value that is wanted, and makes the array.
"""

import math
import re
from typing import Any

import numpy as np

_MOST_AXES = 4
_DTYPE = re.compile(r"[biuf][1248]|[SU][1-9][0-9]{0,3}")  # not of 0 bytes: 2^40 of them would fit


class StandIn:
    """Arguments and state of an object in a pickle."""

    def __new__(cls, *arguments: Any) -> "StandIn":
        one = super().__new__(cls)
        one.arguments, one.state = arguments, None
        return one

    arguments: tuple[Any, ...]
    state: Any


class Array(StandIn):
    """numpy.ndarray; state = ([version,] shape, dtype, Fortran order, raw bytes)."""


class DType(StandIn):
    """numpy.dtype; arguments = (code, ...), state = (version, byte order, ...)."""


class Chumpy(StandIn):
    """chumpy.ch.Ch, the leaf of chumpy's expressions; state["x"] = its array."""


class Csc(StandIn):
    """scipy.sparse.csc_matrix; state = its attributes."""


class Csr(StandIn):
    """scipy.sparse.csr_matrix."""


def empty_array(*_: Any) -> StandIn:
    """numpy's _reconstruct: the contents follow as the state."""
    return Array()


def array_from_buffer(raw: Any, dtype: Any, shape: Any, order: Any) -> StandIn:
    """numpy's _frombuffer, of protocol 5."""
    array = Array()
    array.state = (shape, dtype, order == "F", raw)
    return array


def scalar(dtype: Any, raw: Any) -> StandIn:
    """numpy's scalar: an array without axes."""
    return array_from_buffer(raw, dtype, (), "C")


def array_of(value: Any, limit: int) -> np.ndarray:
    """The array of a value in a pickle: numpy's or chumpy's, sparse, or a plain number.

    Args:
        value: as read.
        limit: bytes that a dense array made of a sparse one may take.

    Raises:
        ValueError: it is not one, or its stated size, type or places do not fit.
    """
    if isinstance(value, Chumpy):
        value = value.state.get("x") if isinstance(value.state, dict) else None
    if isinstance(value, Csc | Csr):
        return _dense(value, limit)
    if isinstance(value, Array):
        return _array(value)
    if isinstance(value, bool | int | float | str):
        return np.asarray(value)
    raise ValueError(f"expected an array, got {type(value).__name__}")


def _array(array: StandIn) -> np.ndarray:
    state = array.state
    if not (isinstance(state, tuple) and len(state) in (4, 5)):
        raise ValueError("expected an array with contents, got one without")
    shape, dtype, by_column, raw = state[-4:]
    kind, sizes = _dtype(dtype), _sizes(shape)
    if isinstance(raw, str):  # bytes of Python 2
        raw = raw.encode("latin1")
    if not isinstance(raw, bytes | bytearray):
        raise ValueError("expected an array of numbers, got one of Python objects")
    claimed = math.prod(sizes) * kind.itemsize
    if claimed != len(raw):
        raise ValueError(f"an array claims {sizes} of {kind}, {claimed} bytes, and has {len(raw)}")
    return np.ndarray(sizes, kind, buffer=raw, order="F" if by_column else "C")


def _dtype(dtype: Any) -> np.dtype:
    """The dtype of numbers, or of texts of fixed length."""
    code = dtype.arguments[0] if isinstance(dtype, DType) and dtype.arguments else None
    if not (isinstance(code, str) and _DTYPE.fullmatch(code)):
        raise ValueError("expected an array of numbers, got another type of element")
    order = dtype.state[1] if isinstance(dtype.state, tuple) and len(dtype.state) > 1 else "="
    try:
        return np.dtype(code).newbyteorder(order if order in ("<", ">") else "=")
    except TypeError as error:
        raise ValueError(f"expected an array of numbers, got elements {code}") from error


def _sizes(shape: Any) -> tuple[int, ...]:
    if not (isinstance(shape, tuple | list) and len(shape) <= _MOST_AXES):
        raise ValueError(f"expected a shape of at most {_MOST_AXES} axes, got another")
    if not all(isinstance(size, int) and 0 <= size < 2**40 for size in shape):
        raise ValueError("expected a shape of whole numbers, got others")
    return tuple(shape)


def _dense(sparse: StandIn, limit: int) -> np.ndarray:
    """(rows, columns) of a matrix compressed by columns or by rows."""
    state = sparse.state if isinstance(sparse.state, dict) else {}
    sizes = _sizes(state.get("_shape", state.get("shape")))
    if len(sizes) != 2 or math.prod(sizes) * 8 > limit:
        raise ValueError(f"a sparse matrix claims {sizes}, expected one not larger than its file")
    lines, across = sizes if isinstance(sparse, Csr) else sizes[::-1]
    data, places, ends = (array_of(state.get(n), 0) for n in ("data", "indices", "indptr"))
    if data.ndim != 1 or places.shape != data.shape or ends.shape != (lines + 1,):
        raise ValueError("a sparse matrix has parts whose sizes disagree")
    if places.dtype.kind not in "iu" or ends.dtype.kind not in "iu":
        raise ValueError("a sparse matrix has places that are no whole numbers")
    counts = np.diff(ends.astype(np.int64))
    inside = ends[0] == 0 and ends[-1] == len(data) and (counts >= 0).all()
    if not inside or (len(places) and (places.min() < 0 or places.max() >= across)):
        raise ValueError("a sparse matrix has entries outside its shape")
    dense = np.zeros((lines, across))
    np.add.at(dense, (np.repeat(np.arange(lines), counts), places), data)
    return dense if isinstance(sparse, Csr) else dense.T
