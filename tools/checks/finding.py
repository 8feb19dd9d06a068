"""What a check finds, and how checks try things out that may crash."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OK, NOTE, MISSING = "ok", "note", "missing"
_TIMEOUT = 120.0  # s; a first import of torch from a slow disk takes long


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    Args:
        topic: what it belongs to, e.g. `detectors`.
        name: what was looked at.
        state: `ok`, `note` (it works, but you should know this) or `missing` (absent or broken).
        detail: what was found.
        advice: what to do about it; empty if nothing needs doing.
        needed: whether the demo needs it.
        sha256: of the file, if it is one.
        command: to run on another machine, printed on a line of its own so that it can be copied.
    """

    topic: str
    name: str
    state: str
    detail: str
    advice: str = ""
    needed: bool = False
    sha256: str = ""
    command: str = ""


Check = Callable[[], list[Finding]]


def isolated(check: Check) -> list[Finding]:
    """The findings of a check. If it fails, that is a finding too, and the other checks go on."""
    try:
        return check()
    except Exception as error:  # whatever is broken, the rest of the report is needed
        advice = "make setup"
        if not isinstance(error, ModuleNotFoundError):
            advice += "; if that does not help, the doctor has a bug: please report it"
        detail = f"failed with {type(error).__name__}: {error}"
        return [Finding(check.__name__, "check", MISSING, detail, advice)]


def attempt(code: str, **environment: str) -> tuple[bool, str]:
    """Run Python code in a process of its own, from the project's folder.

    Returns:
        Whether it succeeded; its last line of output, or of its error.
    """
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-W", "ignore", "-c", code]
    try:
        done = subprocess.run(
            command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return False, f"no answer in {_TIMEOUT:.0f} s"
    said = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    if done.returncode < 0:
        return False, f"crashed by signal {-done.returncode}"
    return done.returncode == 0, said[-1] if said else ""


def settings(path: str) -> dict[str, Any]:
    """A file of conf/, with the files that its defaults list names merged in."""
    import yaml

    file = ROOT / "conf" / path
    own = yaml.safe_load(file.read_text())
    bases = [name for name in own.pop("defaults", ()) if isinstance(name, str) and name != "_self_"]
    values: dict[str, Any] = {}
    for name in bases:
        values |= settings(f"{file.parent.name}/{name}.yaml")
    return values | own


def chosen(group: str) -> str:
    """The file of a group that conf/config.yaml uses by default."""
    import yaml

    entries = yaml.safe_load((ROOT / "conf/config.yaml").read_text())["defaults"]
    return next(entry[group] for entry in entries if isinstance(entry, dict) and group in entry)


def shown(path: Path) -> str:
    """A short path: relative to the project's folder if it lies there."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def sha256(path: Path) -> str:
    """Digest of a file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
