"""Disk full, over quota, read-only: a clear error, a cache that is still valid, and going on."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.inputs.sources import Video
from pipeline.inputs.videos import encode, write_video
from run import NOTHING_FITTED
from tests.faults.forked import parameters, started
from tests.faults.inputs import cheap, write_both
from tests.faults.test_killed import litter, whole_files

SAID = {
    errno.ENOSPC: "No space left on device",
    errno.EDQUOT: "Disk quota exceeded",
    errno.EROFS: "Read-only file system",
}


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with inputs and an undisturbed run of them."""
    folder = tmp_path_factory.mktemp("calm")
    write_both(folder / "in", 3)
    ended = started(cheap(folder / "in", folder), folder / "log.txt").wait()
    assert ended.code == 0, ended.said
    return folder


@pytest.mark.parametrize(
    ("code", "nth"), [(errno.EDQUOT, 8), (errno.EROFS, 12), (errno.ENOSPC, 20)]
)
def test_a_write_that_fails(
    code: int, nth: int, calm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The n-th file of the run is half written when there is no more room."""
    count, write = [0], Path.write_bytes

    def failing(path: Path, content: Any) -> int:
        count[0] += 1
        if count[0] < nth:
            return write(path, content)
        write(path, bytes(content)[: len(content) // 2])
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", failing)
        ended = started(cheap(calm / "in", tmp_path), tmp_path / "log.txt").wait()
    assert ended.code == 1, ended.said
    (error,) = [line for line in ended.said.splitlines() if line.startswith("error: ")]
    assert SAID[code] in error
    assert str(tmp_path) in error, "it names the file"
    assert "name a" in error, "it says what to do"
    resumes(calm, tmp_path, whole_files(tmp_path / "cache"))


def resumes(calm: Path, folder: Path, kept: dict[Path, Any]) -> None:
    """The same run again, with room: it goes on from what was kept."""
    assert [path for path in litter(folder) if ".parcels" not in path.parts] == []
    ended = started(cheap(calm / "in", folder), folder / "log.txt").wait()
    assert ended.code == 0, ended.said
    assert "damaged" not in ended.said
    assert litter(folder) == []
    assert kept.items() <= whole_files(folder / "cache").items()
    assert parameters(folder / "output") == parameters(calm / "output")


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small file system of its own; skips where only an administrator may mount."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no program `mount` here")
    if done.returncode:
        pytest.skip(f"needs root and the right to mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("kilobytes", [24, 90])
def test_a_disk_that_is_really_full(kilobytes: int, calm: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", f"size={kilobytes}k") as disk:
        ended = started(cheap(calm / "in", disk), tmp_path / "log.txt").wait()
        assert ended.code == 1, ended.said
        lines = ended.said.splitlines()
        assert sum(line.startswith("error: ") for line in lines) == 1, ended.said
        assert "No space left on device" in lines[-1]
        assert "Traceback" not in ended.said
        assert "Exception ignored" not in ended.said
        kept = whole_files(disk / "cache")
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        resumes(calm, disk, kept)


def test_a_read_only_disk(calm: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro") as disk:
        config = cheap(calm / "in", disk)
        config.runtime.weights_dir = str(tmp_path / "weights")
        ended = started(config, tmp_path / "log.txt").wait()
        assert ended.code == 1
        assert "Read-only file system" in ended.said
        assert "name a folder that can be written to" in ended.said
        assert "Traceback" not in ended.said


def noise(frames: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    return (rng.integers(0, 255, (240, 320, 3), np.uint8) for _ in range(frames))


@pytest.mark.parametrize("frames", [1, 30])
def test_a_video_that_does_not_fit_is_an_error_not_a_short_video(
    frames: int, tmp_path: Path
) -> None:
    message = r"a video cannot be written: .*No space left"
    with mounted(tmp_path / "disk", "size=16k") as disk, pytest.raises(OSError, match=message):
        encode(disk / "a.mp4", noise(frames), 5)


def test_room_for_temporary_files_is_needed_too(
    calm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path / "disk", "size=4k") as disk, monkeypatch.context() as patch:
        (disk / "filling").write_bytes(bytes(4096))
        patch.setattr("tempfile.tempdir", str(disk))
        ended = started(cheap(calm / "in", tmp_path), tmp_path / "log.txt").wait()
    assert ended.code == 1, ended.said
    assert ended.said.splitlines()[-1].startswith("error: a video cannot be written: ")
    resumes(calm, tmp_path, whole_files(tmp_path / "cache"))


def memory_of(frames: int, folder: Path, code: int, *overrides: str) -> float:
    """What a run over a clip of so many frames of 0.9 MB takes, MB."""
    path = folder / f"{frames}.mp4"
    write_video(path, (np.full((480, 640, 3), 40 + i % 150, np.uint8) for i in range(frames)), 25)
    config = cheap(folder, folder / str(frames), *overrides, data=Video(str(path)))
    ended = started(config, folder / "log.txt").wait(limit=1800)
    assert ended.code == code, ended.said
    return ended.memory


def test_memory_does_not_grow_with_the_length_of_a_video(tmp_path: Path) -> None:
    """Of decoding, cutting into shots and detecting; nobody is sure enough to be fitted."""
    quick = ("render=none", "remap.min_confidence=1")
    short, long = (memory_of(n, tmp_path, NOTHING_FITTED, *quick) for n in (20, 200))
    assert long - short < 40


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_memory_of_a_long_video(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """Of a whole run; a fitted row takes 10 kB."""
    short, long = (memory_of(n, tmp_path, 0) for n in (200, 2000))
    tell(f"{short:.0f} MB for 200 frames, {long:.0f} MB for 2000")
    assert long - short < 150
