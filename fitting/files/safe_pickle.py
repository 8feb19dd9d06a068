"""Reads official model files, which are pickles, and never runs what a pickle asks for.

A pickle is a program for a small machine whose GLOBAL instruction can name any function of any
module. Here the names that SMPL's and SMPLify's files need stand for harmless classes of this
project (`pickled_arrays`), and any other name ends the reading. The machine is Python's own, in
pure Python, without the instructions that such files never have. Its counterpart in C would take
memory as soon as a file asks for it.
"""

import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from fitting.files import pickled_arrays as stand_ins

MAX_BYTES = 512 * 2**20
"""SMPL with 300 betas has half of it."""

_MAX_READS = 3_000_000  # official files need some thousands; each can take 100 bytes of memory
_KEYS = (str, bytes, int, float, type(None))  # types whose hash does not recurse


class _RefusedError(Exception):
    """The pickle asks for a name that is not on the list."""


class _Input:
    """A file that never gives more than it has; it counts the reads."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left, self._reads = file, size, 0

    def read(self, count: int) -> bytes:
        self._count(count)
        return self._file.read(count)

    def readline(self) -> bytes:
        line = self._file.readline()
        self._count(len(line))
        if not line.endswith(b"\n"):
            raise ValueError("it ends in the middle of a line")
        return line

    def _count(self, taken: int) -> None:
        if not 0 <= taken <= self._left:
            raise ValueError(f"it asks for {taken} more bytes, but {self._left} are left")
        self._left -= taken
        self._reads += 1
        if self._reads > _MAX_READS:
            raise ValueError(f"it has more than {_MAX_READS} parts")


def _reconstructor(kind: Any, *_: Any) -> stand_ins.StandIn:
    """copy_reg's function, by which protocol 0 makes an object."""
    if not (isinstance(kind, type) and issubclass(kind, stand_ins.StandIn)):
        raise ValueError("it makes an object of something that is not a class")
    return kind()


def _encode(text: str, encoding: str) -> bytes:
    """_codecs.encode, by which Python 3 writes bytes in protocol 2."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError("it encodes bytes in a way that is not Python's own")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """bytes(), by which Python 3 writes b"" in protocol 2."""
    return b""


def _items(items: list[Any]) -> list[Any]:
    """set(...): chumpy's bookkeeping, which nobody reads."""
    return items


_ALLOWED: dict[str, Any] = {
    "numpy.ndarray": stand_ins.Array,
    "numpy.dtype": stand_ins.DType,
    "chumpy.ch.Ch": stand_ins.Chumpy,
    "chumpy.Ch": stand_ins.Chumpy,
    "_codecs.encode": _encode,
}
for _core in ("numpy.core", "numpy._core"):  # the second name since numpy 2
    _ALLOWED[f"{_core}.multiarray._reconstruct"] = stand_ins.empty_array
    _ALLOWED[f"{_core}.multiarray.scalar"] = stand_ins.scalar
    _ALLOWED[f"{_core}.numeric._frombuffer"] = stand_ins.array_from_buffer
for _format, _kind in (("csc", stand_ins.Csc), ("csr", stand_ins.Csr)):
    for _module in ("scipy.sparse", f"scipy.sparse.{_format}", f"scipy.sparse._{_format}"):
        _ALLOWED[f"{_module}.{_format}_matrix"] = _kind
for _builtins, _copyreg in (("__builtin__", "copy_reg"), ("builtins", "copyreg")):
    _ALLOWED[f"{_builtins}.object"] = stand_ins.StandIn
    _ALLOWED[f"{_builtins}.set"] = _items
    _ALLOWED[f"{_builtins}.bytes"] = _no_bytes
    _ALLOWED[f"{_copyreg}._reconstructor"] = _reconstructor

_INSTRUCTIONS = """
    PROTO STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1
    LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 UNICODE
    BINUNICODE SHORT_BINUNICODE BINUNICODE8 EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1
    TUPLE2 TUPLE3 EMPTY_DICT GET BINGET LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL
    STACK_GLOBAL REDUCE NEWOBJ
"""


class _Unpickler(pickle._Unpickler):
    """Python's machine with the instructions and names of this file alone."""

    stack: list[Any]  # these four are the base class's, which its type stubs leave out
    read: Callable[[int], bytes]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full not in _ALLOWED:
            raise _RefusedError(f"it asks for {full[:80]}")
        return _ALLOWED[full]

    def _skip_frame(self) -> None:
        self.read(8)  # the length of a frame to read ahead, which is not needed

    def _bytearray(self) -> None:
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(self.read(size))

    def _dict(self) -> None:
        items = self.pop_mark()
        self.append(_filled({}, items))

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _filled(self.stack[-1], [key, value])

    def _set_items(self) -> None:
        items = self.pop_mark()
        _filled(self.stack[-1], items)

    def _build(self) -> None:
        """Build without setattr, which could change one of our classes or functions."""
        state = self.stack.pop()
        if not isinstance(self.stack[-1], stand_ins.StandIn):
            raise ValueError("it gives a state to something that has none")
        self.stack[-1].state = state

    dispatch = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]
        for name in _INSTRUCTIONS.split()
    } | {
        pickle.FRAME[0]: _skip_frame,
        pickle.BYTEARRAY8[0]: _bytearray,
        pickle.DICT[0]: _dict,
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_items,
        pickle.BUILD[0]: _build,
        pickle.EMPTY_SET[0]: pickle._Unpickler.dispatch[pickle.EMPTY_LIST[0]],  # as _items
        pickle.ADDITEMS[0]: pickle._Unpickler.dispatch[pickle.APPENDS[0]],
    }


def _filled(target: Any, items: list[Any]) -> dict[Any, Any]:
    keys = items[::2]
    if not isinstance(target, dict) or not all(isinstance(key, _KEYS) for key in keys):
        raise ValueError("it has a dictionary whose keys are not names")
    target.update(zip(keys, items[1::2], strict=True))
    return target


def read_pickle(path: str | Path, what: str) -> dict[str, Any]:
    """The dictionary in a model file; its arrays are in the form that `array_of` takes.

    Args:
        path: of a pickle of any protocol, of Python 2 or 3.
        what: what it should be, for messages.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is larger than MAX_BYTES, is not a pickle, is damaged, holds no dictionary,
            or asks for a name that such a file does not need, which the message gives.
    """
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_BYTES:
                raise ValueError(f"it has {size} bytes, expected at most {MAX_BYTES}")
            value = _Unpickler(_Input(file, size), encoding="latin1").load()
    except OSError:
        raise
    except _RefusedError as error:
        raise ValueError(
            f"{path}: {error}, which no {what} needs; it was refused, and nothing in it was run"
        ) from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        known = type(error) is ValueError
        reason = error if known else f"damaged or no pickle ({type(error).__name__}: {error})"
        raise ValueError(f"{path} is no {what} .pkl: {reason}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} is no {what} .pkl: it holds a {type(value).__name__}, no fields")
    return value
