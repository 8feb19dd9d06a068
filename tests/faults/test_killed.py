"""SIGKILL at any moment: the next run finishes, with the same results, and finds no half file."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.storage.whole_files import replacing, scratch, sweep
from tests.faults.forked import Process, parameters, started
from tests.faults.inputs import cheap, write_both
from tests.pipeline.runs import calls


def whole_files(cache: Path) -> dict[Path, tuple[int, int]]:
    """Every result in the cache: it is read in full, and when it was written."""
    found = {}
    for path in cache.rglob("[!.]*.npz"):
        with np.load(path, allow_pickle=False) as archive:
            assert all(archive[name] is not None for name in archive.files)
        found[path] = path.stat().st_ino, path.stat().st_mtime_ns
    return found


def litter(folder: Path) -> list[Path]:
    hidden = [*folder.rglob(".*"), *folder.rglob(".*/*")]
    return [path for path in hidden if path.is_file()]


def test_a_batch_is_in_the_cache_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when the parcel is there, and when half of it is dealt out."""
    write_both(tmp_path / "in", 3)
    calm = started(cheap(tmp_path / "in", tmp_path / "calm"), tmp_path / "log.txt").wait()
    assert calm.code == 0, calm.said
    replace, dealt = os.replace, []
    for nth in (9, 11):  # after four files of each stage before
        place, count = tmp_path / str(nth), [0]

        def killed(source: Path, target: Path, nth: int = nth, count: list[int] = count) -> None:
            replace(source, target)
            count[0] += 1
            if count[0] == nth:
                os.kill(os.getpid(), signal.SIGKILL)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", killed)
            assert started(cheap(tmp_path / "in", place), tmp_path / "log.txt").wait().code == -9
        dealt.append(len(list((place / "cache/fit").glob("[!.]*"))))
        ended = started(cheap(tmp_path / "in", place), tmp_path / "log.txt").wait()
        assert ended.code == 0, ended.said
        assert parameters(place / "output") == parameters(tmp_path / "calm/output")
        assert litter(place) == []
    assert dealt == [0, 2]


class Torture:
    """One undisturbed run, and others of the same inputs that are killed."""

    def __init__(self, folder: Path, pictures: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.inputs = folder, folder / "in"
        (folder / "tmp").mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(folder / "tmp"))
        write_both(self.inputs, pictures)
        ended = started(cheap(self.inputs, folder / "calm"), folder / "calm.txt").wait()
        assert ended.code == 0, ended.said
        self.seconds, self.expected = ended.seconds, parameters(folder / "calm/output")
        assert len({name for name, _ in self.expected}) == pictures + 1

    def kill(self, place: Path, after: float) -> bool:
        """Start a run and kill it after so many seconds. Whether it was still running."""
        before = whole_files(place / "cache")
        process = started(cheap(self.inputs, place), self.folder / "killed.txt")
        time.sleep(after)
        process.kill()
        ended = process.wait()
        after_it = whole_files(place / "cache")
        assert before.items() <= after_it.items(), "what was finished was computed again"
        return ended.code == -9

    def finish(self, place: Path) -> None:
        before, called = whole_files(place / "cache"), calls(place)
        ended = started(cheap(self.inputs, place), self.folder / "finish.txt").wait()
        assert ended.code == 0, ended.said
        assert "damaged" not in ended.said
        assert before.items() <= whole_files(place / "cache").items(), "computed again"
        known = {path.name.rpartition("-")[0] for path in before if path.parent.name == "detect"}
        again = [name for name in calls(place)[len(called) :] if Path(name).stem in known]
        assert again == []
        assert parameters(place / "output") == self.expected
        assert litter(place) == litter(self.folder / "tmp") == []
        self.same_summary(place)

    def same_summary(self, place: Path) -> None:
        def facts(folder: Path) -> list[dict[str, Any]]:
            entries = json.loads((folder / "output/summary.json").read_text())["inputs"]
            return [{k: e[k] for k in ("name", "status", "people", "files")} for e in entries]

        assert facts(place) == facts(self.folder / "calm")


def test_killed_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torture = Torture(tmp_path, 6, monkeypatch)
    rng = np.random.default_rng(0)
    killed = [torture.kill(tmp_path / "run", s) for s in rng.uniform(0.05, 0.6, 6)]
    assert killed.count(True) >= 4
    torture.finish(tmp_path / "run")


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_killed_at_100_moments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tell: Callable[[str], None]
) -> None:
    """Ten runs, each killed ten times on its way and then finished."""
    torture = Torture(tmp_path, 40, monkeypatch)
    rng, killed = np.random.default_rng(1), 0
    for number in range(10):
        place = tmp_path / f"run{number}"
        for after in rng.uniform(0.02, torture.seconds / 4, 10):
            killed += torture.kill(place, after)
        torture.finish(place)
    assert killed >= 60
    tell(f"{killed} of 100 runs were killed; an undisturbed one takes {torture.seconds:.1f} s")


def test_what_a_killed_process_was_writing_is_removed_and_what_a_live_one_writes_is_not(
    tmp_path: Path,
) -> None:
    def write(name: str) -> None:
        with replacing(tmp_path / name) as temporary:
            temporary.write_text("half")
            (tmp_path / f"{name}.begun").touch()
            time.sleep(30)

    writers = [Process(lambda n=n: write(n), tmp_path / "log.txt") for n in ("a.npz", "b.npz")]
    while len(list(tmp_path.glob("*.begun"))) < 2:
        time.sleep(0.01)
    writers[0].kill()
    writers[0].wait()
    with scratch(tmp_path / "c.mp4") as mine:
        assert len(litter(tmp_path)) == 3
        sweep(tmp_path)
        assert mine in litter(tmp_path)
        assert [path.name[:4] for path in sorted(litter(tmp_path))] == [".~b.", ".~c."]
    writers[1].kill()
    writers[1].wait()
    sweep(tmp_path)
    assert litter(tmp_path) == []


@pytest.mark.parametrize("name", [".~notes.txt", ".hidden", "~a.npz", ".a.1234.tmp.npz", ".~a.npz"])
def test_only_our_own_litter_is_removed(name: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / name).touch()
    (tmp_path / "deep/.~a.0123456789abcdef.npz").touch()
    sweep(tmp_path)
    assert (tmp_path / name).exists()
    assert (tmp_path / "deep/.~a.0123456789abcdef.npz").exists()
    sweep(tmp_path, deep=True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted([name, "deep"])


def test_litter_that_is_no_file_of_ours_harms_nobody(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / ".~a.0123456789abcdef.npz").symlink_to("mine.txt")
    os.mkfifo(tmp_path / ".~b.0123456789abcdef.npz")
    sweep(tmp_path)
    sweep(tmp_path / "absent")
    assert (tmp_path / "mine.txt").read_text() == "mine"
