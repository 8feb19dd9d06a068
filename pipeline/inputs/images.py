"""Decodes photos as people send them: any mode, any orientation; refuses broken ones with a
reason."""

import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from PIL import Image as Pillow
from PIL import ImageFile, UnidentifiedImageError

from detectors.base import Image
from pipeline.inputs.exif import read_exif
from pipeline.memory import is_short

USUAL_FPS = 25.0  # for clips that do not say
MAX_PIXELS = 200_000_000  # 600 MB as RGB; the largest phone sensor is just below
MAX_SIDE = 65_500  # px; JPEG's limit, and pictures of the bodies are JPEG

# Named, because Pillow would also try EPS, which runs Ghostscript on the file. JPEG covers MPO.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")

_ROWS_AT_ONCE = 256
_UPRIGHT = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)

_GLOBALS = threading.RLock()


class ClipError(Exception):
    """A file that cannot be decoded; its text is one sentence for the user, with the path."""


class UnreachableError(ClipError):
    """A file that cannot be reached now, or has changed since the run began. That says nothing
    about its contents, so it is not remembered."""


@dataclass(frozen=True)
class Facts:
    """What a file says about itself before its pixels are decoded.

    Args:
        image_size: width, height of the upright frames, px.
        n_frames: how many frames to expect; None if the file does not say. Only decoding
            tells for certain.
        fps: frames per second after the stride; None for a photo or if the file does not say.
        exif_focal_35mm: EXIF FocalLengthIn35mmFilm, mm; None if absent.
        stride: every `stride`-th frame of the source is read.
        numbers: each read frame's number in the source; None: 0, stride, 2 stride, ...
        ticks: when each frame is shown, in units of 1 / fps from the first; None: 0, 1, 2, ...
        doubts: what the file says but we do not believe, a sentence each.
    """

    image_size: tuple[int, int]
    n_frames: int | None = 1
    fps: float | None = None
    exif_focal_35mm: float | None = None
    stride: int = 1
    numbers: tuple[int, ...] | None = None
    ticks: tuple[float, ...] | None = None
    doubts: tuple[str, ...] = ()

    def numbers_of(self, frame: Int[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
        """Frames' numbers in their source; for numbered files, the numbers in their names."""
        if self.numbers is None:
            return frame.astype(np.int64) * self.stride
        return np.array(self.numbers, np.int64)[frame]

    def seconds_of(self, frame: Int[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
        """When frames are shown, s from the first; by USUAL_FPS if the file does not say.

        Frames after those that the file knows of follow each other at its frame rate.
        """
        ticks: np.ndarray = frame
        if self.ticks is not None:
            last = len(self.ticks) - 1
            ticks = np.array(self.ticks)[np.minimum(frame, last)] + np.maximum(frame - last, 0)
        return ticks / (self.fps or USUAL_FPS)


def photo_facts(path: Path) -> Facts:
    """Size and focal length from the header; no pixel is decoded.

    Raises:
        ClipError: it is no picture, too large, or cannot be read.
    """
    with _opened(path) as image:
        exif = read_exif(image)
        width, height = image.size
    size = (height, width) if exif.orientation in _SIDEWAYS else (width, height)
    return Facts(image_size=size, exif_focal_35mm=exif.focal_35mm, doubts=exif.doubts)


def read_photo(path: Path) -> Image:
    """Decode the (first) picture of a file to upright RGB.

    Transparency is laid on white, grey of more than 8 bits is scaled by the bits it uses.

    Raises:
        ClipError: it is no picture, cut short, too large, or cannot be read.
    """
    with _opened(path) as image:
        image.load()
        orientation = read_exif(image).orientation
        pixels = to_rgb(image)
        if orientation in _UPRIGHT:
            turned = Pillow.fromarray(pixels).transpose(_UPRIGHT[orientation])
            pixels = np.array(turned)  # a copy: Pillow's own buffer is read-only, which torch minds
    return pixels


@contextmanager
def _opened(path: Path) -> Iterator[Pillow.Image]:
    """The picture, its header read and its size checked; anything that fails is a ClipError."""
    check_readable(path)
    with decoding(path), Pillow.open(path, formats=FORMATS) as image:
        check_size(path, *image.size)
        yield image


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Pillow's settings for a block that decodes; anything that fails in it is a ClipError."""
    try:
        with _pillow_settings():
            yield
    except ClipError:
        raise
    except UnidentifiedImageError as error:
        raise ClipError(
            f"{path}: not a picture, expected the contents of a JPEG, PNG, WebP, BMP, TIFF or GIF "
            "file: check what it is or convert it"
        ) from error
    # A damaged file can raise nearly anything from inside a decoder: struct.error, EOFError, ...
    except Exception as error:
        if is_short(error):  # not the file's fault
            raise
        why = str(error) or type(error).__name__
        raise ClipError(
            f"{path}: the picture is damaged or cut short ({why}): copy or export it again"
        ) from error


@contextmanager
def _pillow_settings() -> Iterator[None]:
    """Our own size limit, no tolerance of truncated files, no warnings on the user's terminal.

    All three are globals of the process, so one photo is decoded at a time.
    """
    with _GLOBALS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = Pillow.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Pillow.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, False
        try:
            yield
        finally:
            Pillow.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


def check_size(path: Path, width: int, height: int) -> None:
    """Raise ClipError if a picture would take more memory than a run should."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise ClipError(
            f"{path}: {width} x {height} px is too large, expected at most "
            f"{MAX_PIXELS // 10**6} megapixels and {MAX_SIDE} px a side: scale it down"
        )


Stamp = tuple[int, int, int]


def check_readable(path: Path, stamp: Stamp | None = None) -> Stamp:
    """Raise ClipError unless the path is a readable file that is not empty.

    Args:
        path: the file.
        stamp: from an earlier call, if it must still be the same file.

    Returns:
        Number, size and time of change (ns); they change when somebody writes to the file.
    """
    try:
        facts = path.stat()
        # Checked before it is opened: a pipe would wait for its other end, a device may never end.
        if not (stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode)):
            raise ClipError(f"{path}: a pipe or device, expected a file: copy it into a file")
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError:
        raise UnreachableError(f"{path}: no such file: check the path") from None
    except IsADirectoryError:
        raise UnreachableError(f"{path}: a folder, expected a file: rename or remove it") from None
    except PermissionError:
        raise UnreachableError(f"{path}: may not be read: change its permissions") from None
    except OSError as error:
        raise UnreachableError(f"{path}: cannot be read ({error.strerror}): check it") from error
    now = facts.st_ino, facts.st_size, facts.st_mtime_ns
    if stamp is not None and now != stamp:
        raise UnreachableError(f"{path}: it has changed since the run began: run again")
    if empty:
        raise ClipError(f"{path}: the file is empty, 0 bytes: copy or export it again")
    return now


def to_rgb(image: Pillow.Image) -> Image:
    """The pixels of a loaded picture of any mode."""
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        grey = _eight_bits(np.asarray(image))
        return np.repeat(grey[:, :, None], 3, axis=2)
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _ROWS_AT_ONCE):  # the whole in each mode takes gigabytes
        bottom = min(top + _ROWS_AT_ONCE, height)
        pixels[top:bottom] = np.asarray(_on_white(image.crop((0, top, width, bottom))))
    return pixels


def _on_white(image: Pillow.Image) -> Pillow.Image:
    """RGB on white, because a person who is cut out is meant to be seen on paper."""
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Pillow.alpha_composite(Pillow.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _eight_bits(grey: np.ndarray) -> np.ndarray:
    """Scale deep grey to 0..255 by the fewest usual bits that hold its largest value.

    A file does not say that its 16 bits hold a 12-bit scan; divided by 257, that would be black.
    """
    fractions = (1,) if grey.dtype.kind == "f" else ()
    values = np.nan_to_num(grey.astype(np.float32), nan=0, posinf=0, neginf=0)
    top = float(values.max())
    full = next((full for full in (*fractions, 255, 1023, 4095, 16383, 65535) if top <= full), top)
    return np.clip(values * (255 / full) + 0.5, 0, 255).astype(np.uint8)
