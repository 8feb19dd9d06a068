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
sys.argv[0] = "run.py"
try:
    runpy.run_path("run.py", run_name="__main__")
finally:
    print("imported:", *(name for name in {(*HEAVY, *OPEN_GL)!r} if name in sys.modules))
"""


def imported(*words: str) -> list[str]:
    """The modules HEAVY and OPEN_GL that a run with this command line imports."""
    command = [sys.executable, "-c", CODE, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


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
