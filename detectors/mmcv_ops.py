"""Lets mmpose and mmdet run without mmcv's compiled operators and load their checkpoints safely.

mmcv-lite lacks `mmcv._ext`, which mmpose imports straight away, although only `nms` is needed here.
torchvision from PyPI cannot load its compiled part next to a CPU-only torch. Call `prepare` before
you import mmpose or mmdet. If the compiled parts are present, it leaves them alone.
"""

import importlib.util
import pickle
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_declared: list[Any] = []  # torch forgets operators whose Library object is collected


def prepare() -> None:
    """Make mmpose and mmdet importable; safe to call again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _prepare_torchvision()
        if importlib.util.find_spec("mmcv._ext") is None:
            sys.modules["mmcv._ext"] = _PlainOps()


def nms(
    boxes: "torch.Tensor", scores: "torch.Tensor", iou_threshold: float, offset: int
) -> "torch.Tensor":
    """Greedy non-maximum suppression, like mmcv's compiled `nms`.

    Args:
        boxes: (N, 4) x0, y0, x1, y1.
        scores: (N).
        iou_threshold: a box that overlaps a kept one by more than this is dropped.
        offset: 1 if x1, y1 are the last pixels inside the box, else 0.

    Returns:
        Indices of the kept boxes, best score first.
    """
    import torch

    low, high = boxes[:, :2].double(), boxes[:, 2:].double() + offset
    area = (high - low).prod(dim=1)
    order = scores.argsort(descending=True, stable=True)
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        sides = torch.minimum(high[best], high[order]) - torch.maximum(low[best], low[order])
        inside = sides.clamp(min=0).prod(dim=1)
        order = order[~(inside / (area[best] + area[order] - inside) > iou_threshold)]
    return torch.stack(kept) if kept else order


@contextmanager
def checkpoint_globals() -> Iterator[None]:
    """In this context, torch.load(weights_only=True) accepts what OpenMMLab's checkpoints hold.

    Their metadata has numpy arrays and the training log (HistoryBuffer). Anything else that would
    run code, such as os.system or eval, stays refused, because a checkpoint comes from a stranger.
    """
    import torch

    with torch.serialization.safe_globals(_allowed()):
        yield


def refused(error: Exception, path: Path) -> pickle.UnpicklingError:
    """The error to raise for a checkpoint that torch.load(weights_only=True) refused."""
    # Only the reason is passed on: torch's message also advises loading the file anyway.
    found = re.search(r"GLOBAL \S+|.* in a checkpoint", str(error))
    reason = found[0] if found else "not readable"
    return pickle.UnpicklingError(
        f"{path}: expected a checkpoint of tensors and OpenMMLab's metadata only, got one that "
        f"would run code or is damaged; download it from its original source ({reason})"
    )


def _allowed() -> list[Any]:
    import numpy as np
    from mmengine.logging.history_buffer import HistoryBuffer

    multiarray = importlib.import_module("numpy.core.multiarray")
    allowed: list[Any] = [np.ndarray, np.dtype, HistoryBuffer]
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):  # numpy 1 and 2
        for name in ("_reconstruct", "scalar"):
            allowed.append((getattr(multiarray, name), f"{module}.{name}"))
    codes = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")
    allowed += [type(np.dtype(code)) for code in codes]
    allowed.append((_statistic_of(HistoryBuffer), "builtins.getattr"))
    allowed.append((_no_bytes, "builtins.bytes"))
    return allowed


def _no_bytes(*content: Any) -> bytes:
    """Pickles of empty arrays call this, e.g. for a skeleton that has no links."""
    if content:
        raise pickle.UnpicklingError("bytes(...) in a checkpoint")
    return b""


def _statistic_of(history: type) -> Callable[[Any, str], Any]:
    """A getattr that reaches only the statistics that a pickled HistoryBuffer refers to."""

    def restricted(owner: Any, name: str) -> Any:
        if owner is not history or name not in ("min", "max", "mean", "current"):
            raise pickle.UnpicklingError(f"getattr({owner!r}, {name!r}) in a checkpoint")
        return getattr(owner, name)

    return restricted


def _prepare_torchvision() -> None:
    """Declare the operators that torchvision's Python part expects from its compiled part."""
    if _declared or "torchvision" in sys.modules:
        return
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    try:
        for library in Path(spec.origin).parent.glob("_C*.so"):
            torch.ops.load_library(str(library))
    except OSError:  # built for CUDA; mmpose imports torchvision but calls none of its operators
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)


class _PlainOps(ModuleType):
    """Stands in for mmcv's compiled operators: `nms` works, any other raises an error that names
    it."""

    nms = staticmethod(nms)

    def __init__(self) -> None:
        super().__init__("mmcv._ext")
        self.__spec__ = ModuleSpec("mmcv._ext", None)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*_args: Any, **_options: Any) -> Any:
            raise NotImplementedError(
                f"mmcv operator {name}: this model needs mmcv's compiled operators, but mmcv-lite "
                "is installed; install mmcv==2.1.0 instead"
            )

        return missing
