"""A device that is not the CPU, on a machine without one: it computes on the CPU and keeps count.

As with CUDA, its tensors do not mix with those of the CPU, except for single numbers and indices,
and every value that Python asks for has to be waited for.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

NAME = "lazy"  # a kind of device whose name torch knows, and that it does not try to start
_WAITS = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal"}
_INDEX = {"index", "index_put_", "_index_put_impl_", "index_put"}


class Remote(torch.Tensor):
    """A tensor of the device; `inner` has its numbers."""

    inner: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> "Remote":
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=torch.device(NAME, 0),
        )
        made.inner = inner
        return made

    def tolist(self) -> Any:
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError("a tensor of the fake device, outside of it")


class _Device(TorchDispatchMode):
    """Sends operations to the device that their tensors are on."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the first operation imports torch's compiler, for seconds

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self._counts = counts

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = func._schema.name.removeprefix("aten::")
        tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, torch.Tensor)]
        here = there = any(isinstance(tensor, Remote) for tensor in tensors)
        if kwargs.get("device") is not None:
            there = torch.device(kwargs["device"]).type == NAME
            kwargs["device"] = torch.device("cpu")
            if tensors and here != there:
                self._counts["to the device" if there else "to the CPU"] += 1
        elif here:
            _check(name, tensors)
            if name in _WAITS:
                self._counts["waits"] += 1
        plain, named = tree_map(lambda x: x.inner if isinstance(x, Remote) else x, (args, kwargs))
        result = func(*plain, **named)
        if func._schema.is_mutable:
            return _given(result, args, kwargs)
        return tree_map(_remote, result) if there else result


def _remote(item: Any) -> Any:
    return Remote(item) if isinstance(item, torch.Tensor) else item


def _check(name: str, tensors: list[torch.Tensor]) -> None:
    """Refuse to mix, as CUDA does."""
    others = [tensor for tensor in tensors if not isinstance(tensor, Remote) and tensor.ndim]
    if name in _INDEX:
        others = [tensor for tensor in others if tensor.dtype not in (torch.int64, torch.bool)]
        assert isinstance(tensors[0], Remote), f"{name}: indices of the device into the CPU"
    if name != "copy_":
        assert not others, f"{name}: {len(others)} of {len(tensors)} tensors are on the CPU"


def _given(result: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """What an operation that writes into a tensor returns: that tensor."""
    if not isinstance(result, torch.Tensor):
        return result
    return kwargs["out"] if "out" in kwargs else args[0]


@contextmanager
def fake_device() -> Iterator[Counter[str]]:
    """Makes the device NAME work within it.

    Returns:
        How often Python waited for a value (`waits`), and how often tensors moved (`to the device`,
        `to the CPU`).
    """
    counts = Counter[str]()
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)  # so that new tensors get to the device through us
    try:
        with _Device(counts):
            yield counts
    finally:
        torch._C._set_only_lift_cpu_tensors(before)
