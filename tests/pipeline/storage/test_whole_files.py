"""Folders: results are stored without listing them, and what dead processes left is removed."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.storage.whole_files import lock, scratch_folder, settle, sweep, write_all
from tests.conftest import ROOT

KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.storage.whole_files import scratch_folder
with scratch_folder(Path(sys.argv[1]), "trials") as folder:
    (folder / "fit").mkdir()
    (folder / "fit/a.npz").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_parcels_are_written_and_found_without_listing_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every parcel of a run does both: with a list each, a million inputs would take hours."""
    listed: list[str] = []

    def listing(real: Callable[..., Any]) -> Callable[..., Any]:
        def watched(path: Any = ".") -> Any:
            listed.append(os.fspath(path))
            return real(path)

        return watched

    results = tmp_path / "fit"
    results.mkdir()
    with monkeypatch.context() as patch:
        for name in ("scandir", "listdir"):
            patch.setattr(os, name, listing(getattr(os, name)))
        for number in range(3):
            write_all(results, {f"{number}{letter}.npz": b"x" for letter in "abc"})
            with lock(results):
                settle(results)
    assert len(list(results.glob("*.npz"))) == 9
    assert listed
    assert str(results) not in listed


def test_the_folder_of_a_killed_process_is_removed_and_that_of_a_live_one_stays(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT).returncode == -signal.SIGKILL
    (dead,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    with scratch_folder(tmp_path, "trials") as live:
        (live / "fit").mkdir()
        sweep(tmp_path, deep=True)
        assert not dead.exists()
        assert [path for path in tmp_path.iterdir() if path.is_dir()] == [live]
        assert (live / "fit").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_where_locks_do_not_work_no_folder_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On such a file system nobody can tell whether another machine still works in it."""

    def refused(*_: object) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    with scratch_folder(tmp_path, "trials") as folder:
        sweep(tmp_path, deep=True)
        assert folder.is_dir()
