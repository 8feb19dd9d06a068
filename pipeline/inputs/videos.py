"""Reads the frames of a video one at a time, and writes frames as an H.264 mp4."""

import errno
import logging
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count, product
from pathlib import Path
from shutil import disk_usage
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.base import Image
from pipeline.inputs.images import ClipError, Facts, check_readable, check_size
from pipeline.inputs.timestamps import uneven_times
from pipeline.interrupts import held
from pipeline.memory import is_short
from pipeline.storage.whole_files import replacing

if TYPE_CHECKING:
    import cv2

_log = logging.getLogger(__name__)

_AV_LOG_QUIET = "-8"
_LISTENING = 10  # s that FFmpeg may take to list the streams of a file
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
_ROOM = 65536  # bytes
MAX_FPS = 1000  # a larger number in the container is its clock (90000), not a frame rate


@dataclass(frozen=True)
class VideoReader:
    """Which frames of a video are read: every `stride`-th from the first, at most `max_frames`.

    If `fps` is given, it replaces the container's.
    """

    stride: int = 1
    max_frames: int | None = None
    fps: float | None = None

    def files(self, path: Path) -> list[Path]:
        """The file itself."""
        return [path]

    def options(self) -> dict[str, Any]:
        """What can change the frames or when they are shown."""
        own = {"fps": self.fps} if self.fps else {}
        return {"stride": self.stride, "max_frames": self.max_frames, **own}

    def facts(self, path: Path) -> Facts:
        """Size, length and frame rate according to the container; no frame is decoded.

        Raises:
            ClipError: it is not a video, or cannot be read.
        """
        import cv2

        stamp = check_readable(path)
        with _opened(path) as capture:
            size = (
                int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
                int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            )
            claimed = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            fps = capture.get(cv2.CAP_PROP_FPS)
        kept = -(-claimed // self.stride) if claimed > 0 else None
        if kept is not None and self.max_frames is not None:
            kept = min(kept, self.max_frames)
        doubts = ()
        if not 0 < fps <= MAX_FPS:
            doubts = (f"the file says {fps:g} frames a second, expected 0..{MAX_FPS}: unknown",)
        fps = self.fps or (None if doubts else fps)
        if fps is None:
            return Facts(size, kept, stride=self.stride, doubts=doubts)
        shown = None if self.fps else uneven_times(path, stamp)
        rate = fps / self.stride
        ticks = tuple(rate * second for second in shown[:: self.stride]) if shown else None
        return Facts(size, kept, rate, stride=self.stride, ticks=ticks)

    def frames(self, path: Path) -> Iterator[Image]:
        """Yield RGB frames, turned upright by the container's rotation; one is held at a time.

        Raises:
            ClipError: it is not a video, or none of its frames can be decoded.
        """
        import cv2

        with _opened(path) as capture:
            claimed = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            kept = index = 0
            for index in count():
                if kept == self.max_frames:
                    return
                if not capture.grab():
                    break
                if index % self.stride:
                    continue
                decoded, frame = capture.retrieve()
                if not decoded:
                    break
                kept += 1
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        if kept == 0:
            raise ClipError(f"{path}: no frame of the video can be decoded: export it again as mp4")
        if index < 0.9 * claimed:
            _log.warning("%s: ends after %d of %d frames, the rest is lost", path, index, claimed)


@contextmanager
def _opened(path: Path) -> Iterator["cv2.VideoCapture"]:
    """A cv2.VideoCapture with its FFmpeg backend (others take numbered photos for a video)."""
    check_readable(path)
    # FFmpeg and cv2 write to stderr; our ClipError says it better. cv2 reads this variable when it
    # opens its first video.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _AV_LOG_QUIET)
    import cv2

    level = cv2.setLogLevel(0)
    # Absolute, so that no file name can be taken for a protocol (`concat:...`).
    capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
    cv2.setLogLevel(level)
    try:
        if not capture.isOpened():
            raise ClipError(
                f"{path}: not a video or damaged, expected e.g. an H.264 mp4: export it again"
            )
        width, height = (
            capture.get(p) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        check_size(path, int(width), int(height))
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        yield capture
    except ClipError:
        raise
    except Exception as error:  # cv2.error has no subclasses, and decoders may raise others
        if is_short(error):  # not the file's fault
            raise
        why = str(error) or type(error).__name__
        raise ClipError(
            f"{path}: the video is damaged or cannot be decoded ({why}): export it again as mp4"
        ) from error
    finally:
        capture.release()


def has_sound(path: Path) -> bool:
    """Whether a file has an audio stream; also False if FFmpeg cannot tell."""
    from imageio_ffmpeg import get_ffmpeg_exe

    # Absolute, so that no file name can be taken for an option or a protocol.
    command = [get_ffmpeg_exe(), "-hide_banner", "-i", str(path.absolute())]
    try:
        said = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LISTENING, check=False
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return False
    return re.search(rb"^ *Stream #\S+ Audio:", said, re.MULTILINE) is not None


def write_video(path: Path, frames: Iterable[Image], fps: float) -> None:
    """Write RGB frames as an mp4, the whole file or none. Arguments and errors are those of
    `encode`, except that a file at `path` is replaced."""
    with replacing(path) as temporary:
        encode(temporary, frames, fps)


def encode(path: Path, frames: Iterable[Image], fps: float) -> None:
    """Write RGB frames as H.264, yuv420p, which browsers play.

    An odd width or height gets one black column or row, because yuv420p halves the colours.

    Args:
        path: the .mp4 to write; if this fails, it does not hold a video.
        frames: all of one size; read one at a time.
        fps: frames per second.

    Raises:
        ValueError: no frames, frames of different sizes, or fps not above 0.
        OSError: it cannot be written.
    """
    if not fps > 0:
        raise ValueError(f"video: expected fps above 0, got {fps}")
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        raise ValueError("video: expected at least one frame to write, got none")
    with _encoder(path, first.shape, fps) as write:
        for frame in chain([first], stream):
            if frame.shape != first.shape or frame.dtype != np.uint8:
                raise ValueError(
                    f"video: expected uint8 frames of shape {first.shape}, got "
                    f"{frame.dtype} {frame.shape}"
                )
            write(np.ascontiguousarray(frame))


@contextmanager
def _encoder(path: Path, shape: tuple[int, ...], fps: float) -> Iterator[Callable[[Image], object]]:
    """A function that appends a frame; the file is finished when the context ends.

    imageio_ffmpeg brings the program, but its own writer does not notice if that fails.
    """
    from imageio_ffmpeg import get_ffmpeg_exe

    frames = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{shape[1]}x{shape[0]}", "-r", str(fps)]
    quality = ["-vcodec", "libx264", "-crf", "20", "-preset", "veryfast", "-threads", "1"]
    shown = ["-pix_fmt", "yuv420p", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]
    early = ["-movflags", "+faststart"]  # can play before it has arrived completely
    command = [
        get_ffmpeg_exe(),
        "-y",
        "-v",
        "error",
        *frames,
        "-i",
        "-",
        *quality,
        *shown,
        *early,
        str(path.absolute()),
    ]
    with tempfile.TemporaryFile() as said, ExitStack() as stack:
        with held():  # a signal in between would leave a child process behind
            # Its own process group, because Ctrl-C is for us.
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
                process_group=0,
            )
            stack.callback(_end, process)
        assert process.stdin
        try:
            yield process.stdin.write
            process.stdin.close()
            if process.wait():
                raise BrokenPipeError
        except BrokenPipeError as error:  # ffmpeg has given up and said why
            process.wait()
            said.seek(0)
            raise _failure(path, said.read().decode(errors="replace")) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    with held():
        process.kill()
        process.wait()
        if process.stdin:
            with suppress(BrokenPipeError):  # unsent data for a process that is gone
                process.stdin.close()


def _failure(path: Path, said: str) -> OSError:
    """The error that ffmpeg reported, with the system's error number if it names one."""
    lines = said.strip().split("\n")
    if lines == [""] and disk_usage(path.parent).free < _ROOM:
        lines = [os.strerror(errno.ENOSPC)]  # there was no room for its message either
    for line, number in product(reversed(lines), _OF_THE_DISK):
        if os.strerror(number) in line:
            error = OSError(f"a video cannot be written: {line}")
            error.errno = number
            return error
    return OSError(f"a video cannot be written: {lines[0]}")
