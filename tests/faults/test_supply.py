"""What the project is made of: every package pinned, and no network at run time."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

# Torch's own, which it pins itself and which a CPU-only torch has not (constraints.txt).
UNPINNED = re.compile(r"pip|nvidia-.*|cuda-.*|triton")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), "everything is pinned with =="
    return {normal(name): version for name, version in pairs}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_that_the_project_names_is_pinned() -> None:
    groups = project()["project"]
    named = [*groups["dependencies"], *chain(*groups["optional-dependencies"].values())]
    names = {normal(re.split(r"[<>=!~ \[]", name)[0]) for name in named}
    assert names - pins().keys() == set()


def test_what_is_installed_is_what_is_pinned() -> None:
    pinned = pins()
    installed = {normal(d.metadata["Name"]): d.version.split("+")[0] for d in distributions()}
    other = {
        name: version
        for name, version in installed.items()
        if pinned.get(name) != version and not UNPINNED.fullmatch(name)
    }
    assert other == {}


def test_overrides_and_excludes_have_their_reasons() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    for start in ("override-dependencies", "exclude-dependencies"):
        (at,) = [i for i, line in enumerate(lines) if line.startswith(start)]
        assert lines[at - 1].startswith("# ")
    excluded = {normal(name) for name in project()["tool"]["uv"]["exclude-dependencies"]}
    assert excluded & pins().keys() == set()
    for override in project()["tool"]["uv"]["override-dependencies"]:
        name, version = override.split("==")
        assert pins()[normal(name)] == version


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_a_fresh_install_gives_exactly_the_pinned_versions(tmp_path: Path) -> None:
    """As `make setup` does it, with everything optional."""
    python = tmp_path / "venv/bin/python"
    make = ["make", "-s", "-f", str(ROOT / "Makefile"), f"BIN={tmp_path}/venv/bin"]
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    make += [f"READY={tmp_path}/venv/.ready", "constraints"]
    done = subprocess.run(make, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert python.exists()
    frozen = dict(line.split("==") for line in done.stdout.split() if "==" in line)
    installed = {(normal(name), version) for name, version in frozen.items()}
    assert installed ^ set(pins().items()) == set()


OFFLINE = """
import runpy, sys
def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        sys.stderr.write(f"asked for the network: {event} {arguments}\\n")
        raise OSError("no network in this test")
sys.addaudithook(hook)
sys.argv = ["run.py", *sys.argv[1:]]
runpy.run_path("run.py", run_name="__main__")
"""


@pytest.mark.torture
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("experiment", ["demo", "demo_video"])
def test_the_demo_needs_no_network(experiment: str, tmp_path: Path) -> None:
    """Python's sockets are blocked; where one may, the process has no network at all."""
    alone = ["unshare", "--net"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        alone = []
    places = [f"runtime.{name}_dir={tmp_path / name}" for name in ("cache", "output", "weights")]
    command = [*alone, sys.executable, "-c", OFFLINE, f"experiment={experiment}", *places]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "asked for the network" not in done.stderr
    assert list((tmp_path / "output").glob("*.npz"))
