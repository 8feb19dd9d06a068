"""How long the fit over time takes and how much memory it needs, by the length of the track.

    python -m benchmarks.track_speed [--frames 1000 10000] [--repeats 3] [--parts] [key=value ...]

The track is one person: the clips of `python run.py data=synthetic_video` end to end, again and
again until there are enough frames. Every length is a fresh process with torch on one thread. What
is timed is `fitting.sequence.follow.follow` alone, the fits of single frames come before. Prints
CPU ms a frame (median of the repeats) and the most memory, a JSON line per length and a table.
--parts times the parts of the solve, too; indented ones are inside others.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.fit_speed import in_fresh_process, peak_mb

FRAMES = (1000, 10000)
_BATCH = 256  # single frames fitted at once; all at once would take more memory than the track


@dataclass(frozen=True)
class Row:
    """What one process measures."""

    frames: int
    repeats: int
    parts: bool
    settings: tuple[str, ...]


def long_track(frames: int, settings: tuple[str, ...]) -> Callable[[], object]:
    """A person's fits of single frames, and a function that fits them together."""
    import numpy as np
    from hydra import compose, initialize_config_dir

    from fitting import Keypoints, fit, load_assets
    from fitting.camera import Camera
    from fitting.result import FitResult
    from fitting.sequence.follow import follow
    from pipeline.config import ROOT, to_config
    from pipeline.datasets.synthetic_video import SyntheticVideo

    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = to_config(compose("config", ["data=synthetic_video", *settings]))
    data, assets = config.data, load_assets(ROOT / "assets")
    assert isinstance(data, SyntheticVideo)
    truths = [data.true(index) for index in range(data.n)]
    keypoints = Keypoints.concatenate([true.keypoints[true.found] for true in truths])
    camera = Camera.concatenate([true.camera[true.found] for true in truths])
    rows = np.resize(np.arange(len(keypoints)), frames)
    track = np.zeros(frames, np.int32)
    keypoints = replace(keypoints[rows], frame=np.arange(frames, dtype=np.int32), track=track)
    parts = [slice(first, first + _BATCH) for first in range(0, frames, _BATCH)]
    camera = camera[rows]
    result = FitResult.concatenate(
        [fit(keypoints[part], camera[part], assets, config.fit) for part in parts]
    )
    times = np.arange(frames) / data.captured().fps
    return lambda: follow(keypoints, result, times, assets, config.fit, config.sequence)


def measure(row: Row) -> dict:
    """Time and memory of one length, in this process."""
    import torch

    torch.set_num_threads(1)
    run = long_track(row.frames, row.settings)
    before, seconds = peak_mb(), []
    for _ in range(row.repeats):
        begin = time.process_time()
        run()
        seconds.append(time.process_time() - begin)
    found = {
        "frames": row.frames,
        "cpu_ms_per_frame": round(1000 * statistics.median(seconds) / row.frames, 2),
        "mb_before": before,
        "peak_mb": peak_mb(),
    }
    return found | ({"parts": parts_of(run, row.frames)} if row.parts else {})


def parts_of(run: Callable[[], object], frames: int) -> dict[str, float]:
    """CPU ms a frame by part."""
    from benchmarks.fit_profile import Clock
    from fitting.body.kinematics import Kinematics
    from fitting.objective.objective import Objective
    from fitting.objective.point_jacobian import PointJacobian
    from fitting.sequence import follow, track_fit
    from fitting.sequence.smoothness import Smoothness
    from fitting.sequence.standing import Standing
    from fitting.sequence.track_problem import TrackProblem
    from fitting.solver import chain

    clock = Clock()
    for owner, name, part in (
        (follow, "readings", "sides"),
        (follow, "fit", "new fits"),
        (follow, "observed", "lifter"),
        (follow, "outcome_of", "rows of the result"),
        (track_fit, "minimize_chain", "solve"),
        (TrackProblem, "linearize", "  linearize"),
        (Objective, "linearize_bodies", "    terms of frames"),
        (Kinematics, "points", "      pose the points"),
        (PointJacobian, "__call__", "      their derivative"),
        (Smoothness, "add_to", "    accelerations"),
        (Standing, "add_to", "    standing feet"),
        (chain._System, "__init__", "  normal equations"),
        (chain._System, "step", "  step"),
        (chain, "BandFactor", "    band's Cholesky factor"),
    ):
        clock.watch(owner, name, part)
    run()
    return {part: round(1000 * spent / frames, 2) for part, spent in clock.seconds.items()}


def show(found: list[dict]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=100)
    table = Table("frames", "CPU ms a frame", "MB before", "peak MB", box=None)
    for row in found:
        table.add_row(
            *(str(row[k]) for k in ("frames", "cpu_ms_per_frame", "mb_before", "peak_mb"))
        )
    console.print(table)
    for row in found:
        for part, spent in row.get("parts", {}).items():
            console.print(f"{part:32}{spent:8.2f}")


def main() -> None:
    if sys.argv[1:] and sys.argv[1].startswith("{"):
        given = json.loads(sys.argv[1])
        print(json.dumps(measure(Row(**{**given, "settings": tuple(given["settings"])}))))
        return
    parser = argparse.ArgumentParser(description="Time and memory of the fit over time.")
    parser.add_argument("settings", nargs="*", help="of the run, e.g. sequence.window=120")
    parser.add_argument("--frames", nargs="*", type=int, default=FRAMES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--parts", action="store_true")
    arguments = parser.parse_intermixed_args()
    found = []
    for frames in arguments.frames:
        row = Row(frames, arguments.repeats, arguments.parts, tuple(arguments.settings))
        found.append(in_fresh_process("benchmarks.track_speed", json.dumps(vars(row))))
        print(json.dumps(found[-1]), flush=True)
    show(found)


if __name__ == "__main__":
    main()
