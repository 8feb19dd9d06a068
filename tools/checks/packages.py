"""Python and the packages of pyproject.toml against the versions that constraints.txt pins."""

import re
import sys
from collections.abc import Iterable
from importlib import metadata

from tools.checks.finding import MISSING, NOTE, OK, ROOT, Finding

# The demo detects with BlazePose and can draw without OpenGL.
_NOT_FOR_THE_DEMO = {
    "mmpose",
    "mmdet",
    "mmcv-lite",
    "mmengine",
    "setuptools",
    "torchvision",
    "pyrender",
    "pyopengl",
}
_INSTALLED_BY = {"test": "make setup", "tools": "make slow", "dev": "make lint", "app": "make app"}
_USED_BY = {"app": ", only for the page of run.py app", "rtmlib": ", only for detector=rtmlib"}


def python() -> list[Finding]:
    """The interpreter, which must be 3.11."""
    version = ".".join(map(str, sys.version_info[:3]))
    fits = sys.version_info[:2] == (3, 11)
    advice = "" if fits else "install Python 3.11, then: rm -rf .venv && make setup"
    detail = f"{version} at {sys.executable}"
    return [Finding("python", "version", OK if fits else MISSING, detail, advice, needed=True)]


def packages() -> list[Finding]:
    """One line for all packages that are as pinned, and one for each other."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = _pins((ROOT / "constraints.txt").read_text())
    findings, good = _compared(project["dependencies"], pins, "make setup", use="")
    for extra, names in project["optional-dependencies"].items():
        use = _USED_BY.get(extra, ", only for developing")
        more, also = _compared(names, pins, _INSTALLED_BY.get(extra, "make setup"), use)
        findings, good = findings + more, good + also
    first = Finding("packages", f"{len(good)} as pinned", OK, ", ".join(good))
    return [first, *findings] if good else findings


def _compared(
    requirements: Iterable[str], pins: dict[str, str], command: str, use: str
) -> tuple[list[Finding], list[str]]:
    """Packages that are missing or have another version; and the others as `name version`.

    Args:
        use: what they are for, where a run can do without them.
    """
    findings, good = [], []
    for requirement in requirements:
        name = _plain(re.split(r"[<>=!~\[; ]", requirement)[0])
        needed = not use and name not in _NOT_FOR_THE_DEMO
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            state = NOTE if use else MISSING
            findings.append(
                Finding("packages", name, state, f"not installed{use}", command, needed)
            )
            continue
        pin = pins.get(name)
        if pin and version.split("+")[0] != pin:
            detail = f"{version}, tested with {pin}"
            findings.append(
                Finding("packages", name, NOTE, detail, "touch pyproject.toml && make setup")
            )
        else:
            good.append(f"{name} {version}")
    return findings, good


def _pins(text: str) -> dict[str, str]:
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return {_plain(name): pin for name, _, pin in (line.partition("==") for line in lines) if pin}


def _plain(name: str) -> str:
    """The form in which PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
