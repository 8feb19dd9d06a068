"""Whether memory is really short: libraries also say so about other things."""

import os
import re
from math import prod
from typing import Any

import numpy as np

_SHORTAGE = re.compile(r"allocate memory|insufficient memory|out of memory", re.IGNORECASE)
_ASKED = re.compile(r"allocate (\d+) bytes")
_PROBE = 2**30  # bytes; more than a decoded picture takes (pipeline.inputs.images.MAX_PIXELS)


def is_short(error: Exception) -> bool:
    """Whether an error really means that this machine is short of memory.

    Pillow raises MemoryError for rows that it cannot count the bits of, and numpy for a size that a
    damaged file claims.
    """
    if not (isinstance(error, MemoryError) or _SHORTAGE.search(str(error))):
        return False
    if asked := _asked(error):
        return asked < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return bool(_SHORTAGE.search(str(error))) or not _can_have(_PROBE)


def _asked(error: Any) -> int:
    """Bytes that an allocation asked for; 0 if the error does not say."""
    if hasattr(error, "shape") and hasattr(error, "dtype"):  # numpy's
        return prod(error.shape) * error.dtype.itemsize
    told = _ASKED.search(str(error))
    return int(told[1]) if told else 0


def _can_have(size: int) -> bool:
    try:
        np.empty(size, np.uint8)
    except MemoryError:
        return False
    return True
