"""What a run imports: a re-run from the cache nothing that takes seconds, a first one no OpenGL."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

HEAVY = ("torch", "mediapipe", "cv2", "scipy", "embreex", "trimesh", "matplotlib")
OPEN_GL = ("OpenGL", "pyrender")
CODE = f"""
import runpy, sys
from hydra._internal.config_loader_impl import ConfigLoaderImpl
sys.argv[0] = "run.py"
compose, composed = ConfigLoaderImpl.load_configuration, []
ConfigLoaderImpl.load_configuration = lambda *a, **b: composed.append(1) or compose(*a, **b)
try:
    runpy.run_path("run.py", run_name="__main__")
finally:
    print("composed:", len(composed))
    print("imported:", *(name for name in {(*HEAVY, *OPEN_GL)!r} if name in sys.modules))
"""


def started(*words: str) -> tuple[int, int, list[str]]:
    """Run with this command line.

    Returns:
        The exit code, how often Hydra composed the settings, and the modules of HEAVY and OPEN_GL
        that were imported.
    """
    command = [sys.executable, "-c", CODE, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    composed, imported = done.stdout.splitlines()[-2:]
    return done.returncode, int(composed.split()[1]), imported.split()[1:]


def imported(*words: str) -> list[str]:
    """The modules HEAVY and OPEN_GL that a run with this command line imports; it must succeed."""
    code, _, names = started(*words)
    assert code == 0
    return names


def test_the_start_composes_once_and_imports_no_heavy_library(tmp_path: Path) -> None:
    """Up to the search for inputs, where this run ends: there are none."""
    words = [str(tmp_path / "none.jpg"), f"runtime.output_dir={tmp_path / 'outputs'}"]
    assert started("detector=blazepose", *words) == (1, 1, [])


@pytest.mark.slow
def test_a_photo_from_the_cache_imports_no_heavy_library(tmp_path: Path) -> None:
    words = [
        str(ROOT / "assets/demo/wave.jpg"),
        "detector=blazepose",
        f"runtime.cache_dir={tmp_path / 'cache'}",
        f"runtime.output_dir={tmp_path / 'outputs'}",
    ]
    first = imported(*words)
    assert {"torch", "mediapipe"} <= set(first)
    assert not set(OPEN_GL) & set(first)
    assert imported(*words) == []
