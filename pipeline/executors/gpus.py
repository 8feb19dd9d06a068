"""Which GPU each worker computes on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def gpus_of(device: str) -> list[str]:
    """The GPUs that workers share out, as CUDA_VISIBLE_DEVICES names them.

    Args:
        device: `runtime.device`. Only `cuda` stands for all GPUs; `cuda:1` is one, and that of all.
    """
    if device != "cuda":
        return []
    import torch

    count = torch.cuda.device_count()
    named = [name.strip() for name in os.environ.get(_VISIBLE, "").split(",") if name.strip()]
    return (named or list(map(str, range(count))))[:count]


@contextmanager
def seeing(gpu: str | None) -> Iterator[None]:
    """Processes started in the block see only this GPU; None: what this one sees."""
    before = os.environ.get(_VISIBLE)
    if gpu is not None:
        os.environ[_VISIBLE] = gpu
    try:
        yield
    finally:
        if gpu is not None and before is None:
            del os.environ[_VISIBLE]
        elif before is not None:
            os.environ[_VISIBLE] = before
