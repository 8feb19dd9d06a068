"""Shapes of arrays in annotations, checked by jaxtyping and beartype while the tests run.

jaxtyping's own import hook checks every call, and a fit calls its functions some thousand times:
fits then take half as long again. Here each function is checked in its first calls of every test,
and after that when the number of calls doubles; only what says something about an array is wrapped.
"""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from functools import cached_property, wraps
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import FunctionType, ModuleType
from typing import Any, get_args

from beartype import beartype
from beartype.door import is_bearable
from jaxtyping import AbstractArray, jaxtyped

_FIRST = 4  # calls, all of them checked

calls: Counter[str] = Counter()
"""Of each function; to be cleared when a test begins."""


def check_shapes(*packages: str) -> None:
    """From now on, modules of these packages are imported with their shapes checked."""
    sys.meta_path.insert(0, _Finder(packages))


class _Finder(MetaPathFinder):
    def __init__(self, packages: tuple[str, ...]) -> None:
        self._packages = packages

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] not in self._packages:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            spec.loader = _Checking(spec.loader)
        return spec


class _Checking(Loader):
    """Loads a module as ever and wraps what is in it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for value in list(vars(module).values()):
            if isinstance(value, type) and value.__module__ == module.__name__:
                if is_dataclass(value):
                    _check_fields(value)
                _wrap_all(value, module.__name__)
        _wrap_all(module, module.__name__)


def _wrap_all(owner: Any, module: str) -> None:
    """Wrap the functions of a module or a class in place."""
    for name, value in list(vars(owner).items()):
        if isinstance(value, FunctionType):
            wrapped = _wrapped(value, module)
        elif isinstance(value, classmethod | staticmethod):
            wrapped = type(value)(_wrapped(value.__func__, module))
        elif isinstance(value, property) and value.fget:
            wrapped = property(_wrapped(value.fget, module))
        elif isinstance(value, cached_property):
            value.func = _wrapped(value.func, module)
            continue
        else:
            continue
        setattr(owner, name, wrapped)


def _wrapped(function: Callable, module: str) -> Callable:
    """The function with its arrays checked; itself where it was imported, or has none."""
    hints = getattr(function, "__annotations__", {}).values()
    if function.__module__ != module or not any(_holds_arrays(hint) for hint in hints):
        return function
    checked, key = jaxtyped(function, typechecker=_checked), f"{module}.{function.__qualname__}"

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        return (checked if _is_due(key) else function)(*arguments, **named)

    return call


def _is_due(key: str) -> bool:
    calls[key] += 1
    count = calls[key]
    return count <= _FIRST or not count & (count - 1)


def _checked(function: Callable) -> Callable:
    """beartype on the annotations of arrays alone; the others are pyright's."""
    hints = function.__annotations__
    function.__annotations__ = {n: h if _holds_arrays(h) else Any for n, h in hints.items()}
    return beartype(function)


def _holds_arrays(hint: Any) -> bool:
    """Whether an annotation says anything about an array."""
    is_array = isinstance(hint, type) and issubclass(hint, AbstractArray)
    return is_array or any(_holds_arrays(part) for part in get_args(hint))


def _check_fields(kind: Any) -> None:
    """Check the arrays of a dataclass once it is made, so that its own checks speak first."""
    hints = {n: h for n, h in kind.__annotations__.items() if _holds_arrays(h)}
    make, key = kind.__init__, f"{kind.__module__}.{kind.__qualname__}"

    def init(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        if not _is_due(key):
            return
        with jaxtyped("context"):
            for name, hint in hints.items():
                if not is_bearable(getattr(self, name), hint):
                    found = {n: _described(getattr(self, n)) for n in hints}
                    raise TypeError(f"{key}.{name}: expected {hint}, got {found}")

    kind.__init__ = init


def _described(value: Any) -> str:
    """What kind of array it is, or what kinds are in a dict."""
    if isinstance(value, dict):
        return str({name: _described(one) for name, one in value.items()})
    return f"{getattr(value, 'dtype', type(value))} {tuple(getattr(value, 'shape', ()))}"
