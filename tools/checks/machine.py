"""The machine: what draws, cores, devices, disk."""

import os
import shutil
from pathlib import Path

from tools.checks.finding import MISSING, NOTE, OK, ROOT, Finding, attempt, settings, shown

_DRAW_GL = (
    "from pipeline.drawing.rasterizers import PyrenderRasterizer; PyrenderRasterizer().check()"
)
_DRAW_RAYS = """
import numpy
from pipeline.drawing.rasterizers import Pinhole, RaycastRasterizer, Surface
corners = numpy.array([[-9, -9, 2], [9, -9, 2], [0, 9, 2]], numpy.float32)
face, color = numpy.array([[0, 1, 2]], numpy.int32), numpy.full((3, 3), 200, numpy.uint8)
seen = RaycastRasterizer().sample(Surface(corners, face, color), Pinhole(8, 4, 4, 8, 8))
assert abs(seen.depth[4, 4] - 2) < 1e-3, "a triangle came out wrongly"
"""
_DEVICES = """
import torch
names = ["cpu"] + [
    f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())
]
print(f"torch {torch.__version__}:", ", ".join(names))
"""
_PLENTY, _LEAST = 5e9, 2e8  # bytes: for weights and a cache of some thousand pictures; for the demo
_GL = "Debian: apt-get install libgl1 libegl1 libgl1-mesa-dri"


def renderer() -> list[Finding]:
    """OpenGL by EGL and by OSMesa, and ray casting, each tried in a process that may crash."""
    named = os.environ.get("PYOPENGL_PLATFORM")
    findings, drawn = [], False
    for platform in [named] if named else ["egl", "osmesa"]:
        works, said = attempt(_DRAW_GL, PYOPENGL_PLATFORM=platform)
        drawn = drawn or works
        detail = "draws, and render.backend=auto uses it" if works else said
        advice = "" if drawn else f"{_GL}; until then pictures are drawn by ray casting"
        if not works and "ModuleNotFoundError" in said:
            advice = "make setup"
        findings.append(
            Finding("renderer", f"pyrender on {platform}", OK if works else NOTE, detail, advice)
        )
        if works:
            break
    casts, said = attempt(_DRAW_RAYS)
    findings.append(
        Finding(
            "renderer",
            "raycast",
            OK if casts else MISSING,
            "draws, needs no OpenGL" if casts else said,
            "" if casts else "make setup",
            needed=not drawn,
        )
    )
    return findings


def cores() -> list[Finding]:
    """How many cores there are, and how many threads the fit may use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = settings("config.yaml")["runtime"]["threads"]
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    variable = os.environ.get("OMP_NUM_THREADS")
    said = f", OMP_NUM_THREADS={variable}" if variable else ""
    detail = f"{count} cores{load}, runtime.threads={threads}{said}"
    advice = f"idle machine: runtime.threads={count} may be faster" if (count or 1) > 2 else ""
    return [Finding("machine", "cores", OK, detail, advice)]


def devices() -> list[Finding]:
    """The devices that torch can compute on."""
    works, said = attempt(_DEVICES)
    if not works:
        return [Finding("machine", "devices", MISSING, said, "make setup", needed=True)]
    advice = "use it: runtime.device=cuda" if "cuda:" in said else ""
    return [Finding("machine", "devices", OK, said, advice)]


def disk() -> list[Finding]:
    """Room for cache, outputs and weights, and whether they can be written."""
    runtime = settings("config.yaml")["runtime"]
    return [
        _room(name, ROOT / runtime[name]) for name in ("cache_dir", "output_dir", "weights_dir")
    ]


def _room(name: str, folder: Path) -> Finding:
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{free / 1e9:.1f} GB free for {shown(folder)}"
    move = f"another place: runtime.{name}=FOLDER"
    if not os.access(existing, os.W_OK):
        return Finding("machine", name, MISSING, f"{shown(existing)} cannot be written", move, True)
    if free < _LEAST:
        return Finding("machine", name, MISSING, detail, f"free some (make clean), or {move}", True)
    return Finding(
        "machine", name, OK if free > _PLENTY else NOTE, detail, "" if free > _PLENTY else move
    )
