"""What decoders raise that is no OSError: said of the file, unless memory is really short."""

import resource
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from PIL import ImageFile

from pipeline import pipeline
from pipeline.evaluation.silhouettes import read_labels
from pipeline.inputs.images import ClipError, photo_facts, read_photo
from pipeline.inputs.sources import Photos
from pipeline.inputs.videos import VideoReader, write_video
from pipeline.memory import is_short
from tests.faults.forked import Process
from tests.faults.inputs import cheap
from tests.pipeline.fake_detector import photo


def png(width: int, height: int) -> bytes:
    """A PNG of 67 bytes that claims a size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_a_picture_that_claims_one_long_row_costs_no_other(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Pillow.fromarray(photo(90)).save(tmp_path / "in/a.png")
    (tmp_path / "in/row.png").write_bytes(png(190_000_000, 1))
    config = cheap(tmp_path / "in", tmp_path, "render=none", data=Photos(str(tmp_path / "in")))
    summary = pipeline.run(config)
    reasons = {Path(e["source"]).name: e.get("reason") for e in summary["inputs"]}
    assert reasons["a.png"] is None
    assert "190000000 x 1 px is too large, expected at most 200 meg" in reasons["row.png"]
    assert summary["errors"] == []


ERRORS = (
    MemoryError(),
    SystemError("tile cannot extend outside image"),
    RecursionError("too deep"),
    struct.error("unpack requires 4 bytes"),
    zlib.error("-3"),
    ValueError("buffer is not large"),
    OverflowError("too large"),
    ZeroDivisionError("division by zero"),
    KeyError(7),
    IndexError(),
    AssertionError(),
    AttributeError("None"),
    NotImplementedError(),
    EOFError(),
    TypeError("None"),
    Pillow.DecompressionBombError("large"),
    UnicodeDecodeError("ascii", b"\xff", 0, 1, "?"),
)


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_whatever_a_picture_decoder_raises(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: Any) -> Any:
        raise error

    path = tmp_path / "a.png"
    Pillow.fromarray(photo(90)).save(path)
    with monkeypatch.context() as patch:
        patch.setattr(ImageFile.ImageFile, "load", load)
        with pytest.raises(ClipError, match=r"a\.png: the picture is damaged"):
            read_photo(path)
        with pytest.raises(ValueError, match=r"a\.png: expected a readable png"):
            read_labels(path, (photo(90).shape[1], photo(90).shape[0]), masks=True)
    with monkeypatch.context() as patch:
        patch.setattr(Pillow, "open", load)
        with pytest.raises(ClipError, match=r"a\.png: the picture is damaged"):
            photo_facts(path)


@pytest.mark.parametrize("error", [cv2.error("(-215:Assertion failed)"), *ERRORS[:3]], ids=repr)
def test_whatever_a_video_decoder_raises(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(*_: Any) -> Any:
        raise error

    path = tmp_path / "a.mp4"
    write_video(path, [photo(90)], 5)
    monkeypatch.setattr(cv2, "cvtColor", convert)
    with pytest.raises(ClipError, match=r"a\.mp4: the video is damaged"):
        list(VideoReader().frames(path))


def raised(work: Callable[[], Any]) -> Exception:
    with pytest.raises(Exception, match="llocate") as caught:
        work()
    return caught.value


def test_memory_that_no_machine_has_is_not_short() -> None:
    """Of it a damaged file, or a bug, asks for."""
    assert not is_short(raised(lambda: np.zeros(10**15)))
    assert not is_short(raised(lambda: torch.zeros(10**15)))
    assert not is_short(ValueError("memory"))
    assert not is_short(MemoryError()), "a gigabyte can be had"
    assert is_short(RuntimeError("can't allocate memory: you tried to allocate 8000 bytes"))
    assert is_short(cv2.error("(-4:Insufficient memory) Failed to allocate 49766400 bytes"))


def test_memory_that_is_short_is_no_fault_of_the_files(tmp_path: Path) -> None:
    """In a process that may have no more than it has, as by `ulimit -v`."""
    path = tmp_path / "a.png"
    Pillow.new("RGB", (9000, 9000), "grey").save(path)

    def work() -> None:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 100_000_000, resource.RLIM_INFINITY))
        try:
            read_photo(path)
        except Exception as error:
            memory_is_short = is_short(error) and not isinstance(error, ClipError)
            raise SystemExit(10 if memory_is_short else 11) from error

    assert Process(work, tmp_path / "log.txt").wait().code == 10
