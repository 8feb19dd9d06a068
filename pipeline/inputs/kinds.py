"""What kind of input a file is, told by its first bytes, or else by its suffix."""

import os
import stat
from enum import Enum
from pathlib import Path

from pipeline.inputs.animations import is_animation

PHOTO_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"))
VIDEO_SUFFIXES = frozenset(
    (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")
)
ANIMATION_SUFFIXES = frozenset((".gif", ".webp", ".png"))  # some of them
UNREAD_SUFFIXES = frozenset(
    (".heic", ".heif", ".avif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".psd", ".svg")
)

_HEAD = 16  # bytes
_STILL = (b"\xff\xd8\xff", b"II*\0", b"MM\0*")  # JPEG, TIFF
_MAY_MOVE = (b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
_MOVING = (b"\x1a\x45\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3", b"0&\xb2u", b"FLV\1", b"OggS")
_UNREAD_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1", b"avif", b"avis")


class Kind(Enum):
    """photo: a picture. animation: a GIF, WebP or PNG with several pictures. video: what FFmpeg
    reads. unread: a picture in a format that cannot be read. folder, other: neither."""

    photo = "photo"
    animation = "animation"
    video = "video"
    unread = "unread"
    folder = "folder"
    other = "other"


def kind_of(path: Path) -> Kind:
    """The kind of a file; no pixel is decoded. For an unreadable file, the suffix decides."""
    if path.is_dir():
        return Kind.folder
    suffix = path.suffix.lower()
    if suffix in UNREAD_SUFFIXES:
        return Kind.unread
    kind = _by_content(_head(path))
    if kind is Kind.animation:  # pages of a TIFF or the two eyes of an MPO are not one
        return kind if is_animation(path) else Kind.photo
    if kind:
        return kind
    if suffix in PHOTO_SUFFIXES:
        return Kind.photo
    return Kind.video if suffix in VIDEO_SUFFIXES else Kind.other


def _head(path: Path) -> bytes:
    try:
        # Checked before it is opened: a pipe would wait for its other end.
        if not stat.S_ISREG(os.stat(path).st_mode):
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""


def _by_content(head: bytes) -> Kind | None:
    """The kind that a suffix means; `animation` for files that may be one."""
    if head.startswith(_STILL) or (head[:2] == b"BM" and head[6:10] == bytes(4)):
        return Kind.photo
    if head.startswith(_MAY_MOVE) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return Kind.animation
    if head[4:8] == b"ftyp":
        return Kind.unread if head[8:12] in _UNREAD_BRANDS else Kind.video
    if head.startswith(_MOVING) or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return Kind.video
    return None
