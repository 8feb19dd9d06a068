"""Digests of files that settings name: read once for all parcels, and again if they change."""

import os
import time
from pathlib import Path

import pytest

from pipeline.storage.cache import Digests, digest


def test_a_file_is_read_again_only_if_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read, digests = tmp_path / "joints.mat", [], Digests()

    def reading(path: Path) -> str:
        read.append(path)
        return digest(path)

    monkeypatch.setattr("pipeline.storage.cache.digest", reading)
    path.write_bytes(b"one")
    assert digests.of(path) == digests.of(path) == digest(path)
    assert len(read) == 1
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    time.sleep(0.02)  # longer than a step of the file system's clock
    path.write_bytes(b"two")
    os.utime(path, ns=times)  # as unpacking an archive does
    assert digests.of(path) == digest(path)
    assert len(read) == 2


def test_a_folder_is_read_again_if_files_come_or_go(tmp_path: Path) -> None:
    digests, files = Digests(), [tmp_path / "a.json", tmp_path / "b.json"]
    seen = []
    for file in files:
        file.write_text("{}")
        seen.append(digests.of(tmp_path))
        time.sleep(0.02)
    files[0].unlink()
    seen.append(digests.of(tmp_path))
    assert len(set(seen)) == 3
    assert Digests().of(tmp_path) == seen[-1]
