"""When the frames of a video are shown, from its container: phones film at uneven rates."""

import re
import subprocess
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipeline.inputs.images import Stamp

_READING = 60  # s that FFmpeg may take; it decodes nothing but reads the whole file
_UNEVEN = 0.25  # of the usual interval; smaller differences come from rounding in the container
_PACKET = re.compile(rb"^0,\s*-?\d+,\s*(-?\d+),", re.MULTILINE)  # stream, decoded at, shown at
_UNIT = re.compile(rb"^#tb 0: (\d+)/(\d+)", re.MULTILINE)


@lru_cache(maxsize=64)  # every stage asks for a clip's facts
def uneven_times(path: Path, stamp: Stamp) -> tuple[float, ...] | None:
    """When each frame is shown, s from the first; None if they follow each other evenly, or if
    FFmpeg cannot tell.

    Args:
        path: of a video.
        stamp: of the file as it is now (pipeline.inputs.images.check_readable).
    """
    from imageio_ffmpeg import get_ffmpeg_exe

    # Absolute, so that no file name can be taken for an option or a protocol.
    command = [
        get_ffmpeg_exe(),
        "-hide_banner",
        "-v",
        "error",
        "-i",
        str(path.absolute()),
        "-map",
        "0:v:0",
        "-c",
        "copy",
        "-f",
        "framecrc",
        "-",
    ]
    try:
        said = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_READING, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    unit = _UNIT.search(said)
    ticks = sorted({int(shown) for shown in _PACKET.findall(said)})  # packets are in decoding order
    if unit is None or len(ticks) < 3:
        return None
    seconds = (np.array(ticks) - ticks[0]) * int(unit[1]) / int(unit[2])
    steps = np.array([after - before for before, after in pairwise(seconds)])
    usual = float(np.median(steps))
    return tuple(seconds.tolist()) if np.abs(steps - usual).max() > _UNEVEN * usual else None
