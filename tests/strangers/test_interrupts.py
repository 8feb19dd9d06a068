"""Ctrl-C and SIGTERM at any moment: one line, 128 + the signal, nothing left behind, resumable."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import run
from detectors.base import Detections, Image, Resources
from pipeline import interrupts, pipeline
from pipeline.config import Config
from pipeline.stages import render
from tests.conftest import ROOT
from tests.faults.forked import Process, parameters
from tests.faults.inputs import cheap, write_both
from tests.faults.test_killed import litter, whole_files
from tests.pipeline.fake_detector import FakeDetector

SAID = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
STANDS = "sequence.camera=static"  # of the drawn clip, which has no background to tell it by
_BAR = re.compile(r"\s*(detect|remap|fit|sequence|render|glb|backdrop) .*")


def assert_one_line(code: int, said: str, number: signal.Signals) -> None:
    assert code == 128 + number, said
    lines = [line for line in said.splitlines() if line.strip() and not _BAR.fullmatch(line)]
    assert lines == [f"{SAID[number]}: {interrupts.KEPT}"]


def listens(pid: int) -> bool:
    """Whether a process has a handler for SIGTERM: Python alone has none."""
    status = Path(f"/proc/{pid}/status").read_text()
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) >> (signal.SIGTERM - 1) & 1)


def imports_numpy(pid: int) -> bool:
    return "multiarray_umath" in Path(f"/proc/{pid}/maps").read_text()


@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, listens), (signal.SIGTERM, listens), (signal.SIGINT, imports_numpy)],
)
def test_the_command_from_its_first_moment_on(
    number: signal.Signals, moment: Callable[[int], bool], tmp_path: Path
) -> None:
    places = [f"runtime.{n}_dir={tmp_path / n}" for n in ("cache", "output", "weights")]
    command = [sys.executable, "run.py", "data=synthetic", "data.n=1", *places]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not moment(process.pid):
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert_one_line(process.returncode, said, number)


def children(pid: int) -> list[int]:
    """Processes that a process has started and that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
    return found


def runs(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("wait", [0.0, pytest.param(1.0, marks=pytest.mark.slow)])
def test_ctrl_c_that_workers_get_too(wait: float, tmp_path: Path) -> None:
    """A terminal sends it to every process of the command, whatever they are doing."""
    places = [f"runtime.{n}_dir={tmp_path / n}" for n in ("cache", "output", "weights")]
    workers = ["executor=processes", "executor.workers=2", "executor.least=2"]
    command = [sys.executable, "run.py", "data=synthetic", "data.n=130", *workers, *places]
    process = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while len(started := children(process.pid)) < 3:  # and multiprocessing's resource tracker
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert_one_line(process.returncode, said, signal.SIGINT)
    end = time.monotonic() + 5
    while any(map(runs, started)):  # the tracker notices that the others are gone
        assert time.monotonic() < end
        time.sleep(0.01)


@dataclass
class Calm:
    """Inputs, and an undisturbed run of them in this process, which imports everything."""

    folder: Path
    expected: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    folder = tmp_path_factory.mktemp("calm")
    write_both(folder / "in", 2)
    assert pipeline.run(cheap(folder / "in", folder, STANDS))["fitted"] == 3
    return Calm(folder, parameters(folder / "output"))


def started(config: Config, log: Path) -> Process:
    """A run that listens to signals, in a process of its own."""

    def work() -> None:
        interrupts.catch()
        run.finish(lambda: pipeline.run(config))

    return Process(work, log)


def at_call(owner: Any, name: str, nth: int, number: int, patch: pytest.MonkeyPatch) -> None:
    """The n-th call of a function gets a signal on its way."""
    function, count = getattr(owner, name), [0]

    def other(*arguments: Any, **options: Any) -> Any:
        count[0] += 1
        if count[0] == nth:
            os.kill(os.getpid(), number)
        return function(*arguments, **options)

    patch.setattr(owner, name, other)


def ffmpegs(folder: Path) -> list[str]:
    """Command lines of programs that still write into a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = path.read_bytes().decode(errors="replace")
            found += [line] if "ffmpeg" in line and str(folder) in line else []
    return found


POINTS = {
    "the first file is moved to its place": (os, "replace", 1, signal.SIGINT),
    "a batch of fits is dealt out": (os, "replace", 9, signal.SIGTERM),
    "ffmpeg is started": (subprocess, "Popen", 1, signal.SIGINT),
    "ffmpeg gets its third frame": (render, "draw", 5, signal.SIGTERM),
    "a file is written to outputs": (Path, "write_bytes", 14, signal.SIGINT),
}
QUICK = {"the first file is moved to its place", "ffmpeg gets its third frame"}


@pytest.mark.parametrize(
    "point", [p if p in QUICK else pytest.param(p, marks=pytest.mark.slow) for p in POINTS]
)
def test_nothing_is_left_behind_and_the_run_goes_on(
    point: str, calm: Calm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    config = cheap(calm.folder / "in", tmp_path, STANDS)
    with monkeypatch.context() as patch:
        at_call(*POINTS[point], patch)
        ended = started(config, tmp_path / "log.txt").wait()
    assert_one_line(ended.code, ended.said, POINTS[point][-1])
    assert litter(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []
    assert ffmpegs(tmp_path) == []
    kept = whole_files(tmp_path / "cache")
    ended = started(config, tmp_path / "log.txt").wait()
    assert ended.code == 0, ended.said
    assert kept.items() <= whole_files(tmp_path / "cache").items()
    assert parameters(tmp_path / "output") == calm.expected


@dataclass
class Swallower(FakeDetector):
    """An interrupt comes while it sees its second picture; a library swallows that, and goes on, or
    fails with another error, or refuses the file."""

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        found = super().detect(frames, resources, clip_name)
        if clip_name != "p01.png" or not _AFTERWARDS:
            return found
        with suppress(BaseException):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        if isinstance(_AFTERWARDS[0], Exception):
            raise _AFTERWARDS[0]
        return found


_AFTERWARDS: list[Any] = []


@pytest.mark.parametrize(
    "afterwards", ["goes on", AttributeError("half imported"), OSError("it is damaged")], ids=repr
)
def test_an_interrupt_that_a_library_swallows(
    afterwards: Any, calm: Calm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = cheap(
        calm.folder / "in", tmp_path, STANDS, detector=Swallower(**asdict(FakeDetector()))
    )
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[__name__], "_AFTERWARDS", [afterwards])
        ended = started(config, tmp_path / "log.txt").wait()
    assert_one_line(ended.code, ended.said, signal.SIGINT)
    assert [path.name[:3] for path in (tmp_path / "cache").rglob("*.npz")] == ["p00"]
    assert not (tmp_path / "output/errors").exists()
    assert started(config, tmp_path / "log.txt").wait().code == 0
    found = parameters(tmp_path / "output")
    assert found.keys() == calm.expected.keys()
    assert all(found[k] == v for k, v in calm.expected.items() if k[1] != "fit_key")


def test_a_second_signal_does_not_disturb_the_cleaning_up(tmp_path: Path) -> None:
    def work() -> None:
        interrupts.catch()
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            (tmp_path / "cleaned").touch()
            run.finish(dict)

    ended = Process(work, tmp_path / "log.txt").wait()
    assert_one_line(ended.code, ended.said, signal.SIGTERM)
    assert (tmp_path / "cleaned").exists()


def test_what_the_process_was_told_to_ignore_stays_ignored(tmp_path: Path) -> None:
    """As `nohup` and shells do for what they run in the background."""

    def work() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        interrupts.catch()
        os.kill(os.getpid(), signal.SIGHUP)
        interrupts.check()

    assert Process(work, tmp_path / "log.txt").wait().code == 0


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_interrupted_at_100_moments(
    calm: Calm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tell: Callable[[str], None]
) -> None:
    """Ten runs, each stopped ten times on its way and then finished."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    write_both(tmp_path / "in", 20)
    usual = started(cheap(tmp_path / "in", tmp_path / "calm", STANDS), tmp_path / "log.txt").wait()
    rng, stopped = np.random.default_rng(2), 0
    for number in range(10):
        place = tmp_path / f"run{number}"
        config = cheap(tmp_path / "in", place, STANDS)
        for after in rng.uniform(0.02, usual.seconds / 3, 10):
            process = started(config, tmp_path / "log.txt")
            time.sleep(after)
            which = (signal.SIGINT, signal.SIGTERM)[int(rng.integers(2))]
            with suppress(ProcessLookupError):
                os.kill(process.pid, which)
            ended = process.wait()
            if ended.code:
                assert_one_line(ended.code, ended.said, which)
                stopped += 1
            assert litter(place) == litter(tmp_path / "tmp") == []
            assert ffmpegs(tmp_path) == []
        assert started(config, tmp_path / "log.txt").wait().code == 0
        assert parameters(place / "output") == parameters(tmp_path / "calm/output")
    assert stopped >= 50
    tell(f"{stopped} of 100 runs were stopped; an undisturbed one takes {usual.seconds:.1f} s")
