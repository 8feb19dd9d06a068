"""The command: exit codes, and what the user reads when something is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

import run
from pipeline import pipeline
from pipeline.config import Config, ConfigError
from pipeline.inputs.clips import NoClipsError
from pipeline.inputs.images import ClipError
from tests.conftest import ROOT


def start(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    """`python run.py` on the pictures of folder/in."""
    places = [f"runtime.{n}_dir={folder / n}" for n in ("cache", "output", "weights")]
    choices = ["detector=blazepose", f"data.path={folder / 'in'}", *places, *overrides]
    return subprocess.run(
        [sys.executable, "run.py", *choices], cwd=ROOT, capture_output=True, text=True, timeout=300
    )


def test_a_run_that_fits_nothing_exits_with_2_and_a_wrong_setting_with_1(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/empty.jpg").touch()
    done = start(tmp_path)
    assert done.returncode == 2
    assert "empty.jpg: the file is empty" in done.stderr
    assert "nothing was fitted" in done.stderr
    done = start(tmp_path, "render.opacity=3")
    assert done.returncode == 1
    assert done.stderr == "error: render.opacity: expected 0..1, got 3.0\n"


FULL = (
    "error: [Errno 28] No space left: 'cache': make room or name another folder; finished results "
    "are kept, and the same command goes on from there"
)


def exit_of_main(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> object:
    def fails(_: Config) -> None:
        raise error

    monkeypatch.setattr(pipeline, "run", fails)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("config", ["data.path=x"])
    with pytest.raises(SystemExit) as caught:
        run.main.__wrapped__(cfg)
    return caught.value.code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("detector: no weights"), "error: detector: no weights"),
        (NoClipsError("data.path: nothing"), "error: data.path: nothing"),
        (ClipError("a.jpg: no such file"), "error: a.jpg: no such file"),
        (OSError(28, "No space left", "cache"), FULL),
        (KeyboardInterrupt(), 130),
    ],
    ids=repr,
)
def test_what_the_user_can_mend_ends_without_a_traceback(
    error: BaseException, code: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exit_of_main(error, monkeypatch) == code


def test_hydras_switch_shows_the_whole_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ConfigError, match="no weights"):
        exit_of_main(ConfigError("no weights"), monkeypatch)


def test_a_bug_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_of_main(ZeroDivisionError(), monkeypatch) == run.FAILED
    assert "Traceback" in capsys.readouterr().err
