"""`run.py app`: what it takes, what it refuses in one line, and how it ends."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest

from pipeline.app import folders, start
from pipeline.app.settings import check_runs, settings_of
from pipeline.config import ConfigError
from tests.conftest import ROOT


def test_words_are_the_pages_settings_or_those_of_its_runs() -> None:
    settings, rest = settings_of(["app.port=9000", "detector=blazepose", "runtime.cache_dir=x"])
    assert (settings.port, settings.max_files) == (9000, 20)
    assert rest == ["detector=blazepose", "runtime.cache_dir=x"]
    check_runs(rest)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("app.prot=1", r"app\.prot: .*the page has port, max_files"),
        ("app.port=x", r"app\.port: .*'x'"),
        ("app.port=99999", r"app\.port: expected 0\.\.65535"),
        ("app.max_files=0", r"app\.max_files: expected 1 or more"),
        ("photo.jpg", "expected settings only"),
        ("data.path=x", "sets this itself"),
        ("export=[glb]", "sets this itself"),
        ("runtime.output_dir=x", "sets this itself"),
    ],
)
def test_a_wrong_word_is_refused_by_name(word: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings_of([word])


@pytest.mark.parametrize(
    ("word", "message"),
    [("fit=liftd", "did you mean lifted"), ("render.opacity=3", "expected 0..1")],
)
def test_a_wrong_setting_of_the_runs_stops_the_page(word: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        check_runs([word])


def test_a_file_called_app_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    with pytest.raises(SystemExit, match=r"write \./app to fit what is in it, or --app to start"):
        start.start(["app"])


def test_without_the_packages_one_line_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setattr(start.interrupts, "catch", lambda quietly: None)
    with pytest.raises(SystemExit, match=r"pip install -c constraints\.txt starlette uvicorn"):
        start.start(["app"])


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"app\.port: {port} cannot be used"):
            start._listen(port)


def test_an_ordinary_run_loads_nothing_of_it() -> None:
    code = "import sys, run, pipeline.pipeline; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "pipeline.pipeline" in loaded
    assert not {"starlette", "uvicorn", "pipeline.app"} & loaded


def test_folders_of_servers_that_are_gone_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead, alive, other = (tmp_path / f"{name}" for name in ("smplify-app-1", "smplify-app-2", "x"))
    for folder in (dead, alive, other):
        (folder / "in").mkdir(parents=True)
    handle = os.open(alive, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    (tmp_path / "smplify-app-link").symlink_to(other)
    with folders.own_folder() as own:
        assert own.stat().st_mode & 0o777 == 0o700
        assert (dead.exists(), alive.exists(), (other / "in").exists()) == (False, True, True)
        folders.sweep()
        assert own.exists()
    assert not own.exists()
    os.close(handle)


def test_the_command_serves_the_page_until_ctrl_c(tmp_path: Path) -> None:
    words = [sys.executable, "run.py", "app", "app.port=0"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        words, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr
        try:
            address = re.findall(r"http://127\.0\.0\.1:\d+", server.stderr.readline())[0]
            with urllib.request.urlopen(address, timeout=20) as answer:
                assert b"<h1>Bodies from photos</h1>" in answer.read()
            assert len(list(tmp_path.glob("smplify-app-*"))) == 1
        finally:
            server.send_signal(signal.SIGINT)
        assert server.stderr.read() == ""
        assert server.wait(20) == 130
    assert list(tmp_path.glob("smplify-app-*")) == []
