"""How long fits take and how much memory they need, at several batch sizes.

    python -m benchmarks.fit_speed [PRESET ...] [--batches 1 8 64 256 1024] [--threads 1]
        [--interpenetration both] [--repeats 3] [--no-yardsticks] [key=value ...]

Presets are names in conf/fit (smplify smplify_release multistart if none is named); key=value
changes settings of all of them. Every row is a fresh process, so that no row sees another's peak of
memory. It loads assets, warms up with one small fit, and then times `fit` alone. People are those
of `python run.py data=synthetic`, with a detector's errors. Wall time is how long a user waits; CPU
time (of all threads) is the fairer figure on a machine that does other things too. Both are medians
of the repeats. It prints one JSON line per row, then a table. Yardsticks: benchmarks/yardsticks.py.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fitting import Assets, FitConfig
    from pipeline.datasets.synthetic import Cases

PRESETS = ("smplify", "smplify_release", "multistart")
BATCHES = (1, 8, 64, 256, 1024)
WARM_UP = 4  # people
SEED = 0
# weight of E_sp if it is asked for but not in the preset: the paper's for pixels, ours for sigmas
E_SP = {"geman_mcclure": 1000.0, "student": 30.0}


@dataclass(frozen=True)
class Row:
    """What one process measures."""

    preset: str
    batch: int
    interpenetration: bool
    threads: int
    repeats: int
    settings: tuple[str, ...] = ()


def config_of(preset: str, settings: tuple[str, ...] = ()) -> "FitConfig":
    """A preset of conf/fit with settings changed."""
    from hydra import compose, initialize_config_dir

    from pipeline.config import ROOT, to_config

    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        overrides = ["data=synthetic", f"fit={preset}", *settings]
        return to_config(compose("config", overrides)).fit


def with_contacts(config: "FitConfig", on: bool) -> "FitConfig":
    """The same preset with E_sp on or off; with a weight if it has none."""
    stages = config.stages
    if on and not any(stage.weights.get("interpenetration") for stage in stages):
        own = {"interpenetration": E_SP[config.kernel.value]}
        stages = [replace(stage, weights=stage.weights | own) for stage in stages]
    return replace(config, interpenetration=on, stages=stages)


def people(count: int) -> "tuple[Assets, Cases]":
    """The project's models, and drawn people as a detector saw them."""
    from fitting import load_assets
    from fitting.starts.retrieval import load_pose_library
    from pipeline.config import ROOT
    from pipeline.datasets.synthetic import draw_cases, load_errors

    assets = load_assets(ROOT / "assets")
    errors = load_errors(ROOT / "assets/detector_errors_movenet.npz")
    poses = load_pose_library(ROOT / "assets/test_poses.npz")
    return assets, draw_cases(count, assets.body, poses, errors, SEED)


def measure(row: Row) -> dict:
    """Time and memory of one row, in this process."""
    import torch

    from fitting import fit

    torch.set_num_threads(row.threads)
    config = with_contacts(config_of(row.preset, row.settings), row.interpenetration)
    assets, cases = people(max(row.batch, WARM_UP))
    fit(cases.keypoints[:WARM_UP], cases.camera[:WARM_UP], assets, config)
    keypoints, camera = cases.keypoints[: row.batch], cases.camera[: row.batch]
    loaded, wall, cpu = peak_mb(), [], []
    for _ in range(row.repeats):
        begin = time.perf_counter(), time.process_time()
        result = fit(keypoints, camera, assets, config)
        wall.append(time.perf_counter() - begin[0])
        cpu.append(time.process_time() - begin[1])
    per_person = 1000 / row.batch
    return {
        **asdict(row),
        "ms_per_person": round(per_person * statistics.median(wall), 2),
        "cpu_ms_per_person": round(per_person * statistics.median(cpu), 2),
        "least_ms_per_person": round(per_person * min(wall), 2),
        "iterations": round(float(result.iterations.mean()), 1),
        "fitted": int(result.fitted.sum()),
        "loaded_mb": loaded,
        "peak_mb": peak_mb(),
    }


def peak_mb() -> int:
    """The most memory that this process ever held; Linux counts it in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def in_fresh_process(module: str, argument: str) -> dict:
    """The JSON that a module prints last when it is run with one argument."""
    command = [sys.executable, "-m", module, argument]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def rows_of(arguments: argparse.Namespace, settings: tuple[str, ...]) -> Iterator[Row]:
    """Every combination that was asked for."""
    contacts = {"off": [False], "on": [True], "both": [False, True]}[arguments.interpenetration]
    for preset in arguments.presets or PRESETS:
        for threads in arguments.threads:
            for on in contacts:
                for batch in arguments.batches:
                    yield Row(preset, batch, on, threads, arguments.repeats, settings)


def show(found: list[dict]) -> None:
    from rich.console import Console
    from rich.table import Table

    titles = (
        "preset",
        "E_sp",
        "threads",
        "batch",
        "ms",
        "CPU ms",
        "iterations",
        "loaded",
        "peak MB",
    )
    table = Table(*titles, box=None)
    for row in found:
        table.add_row(
            row["preset"],
            "on" if row["interpenetration"] else "",
            str(row["threads"]),
            str(row["batch"]),
            f"{row['ms_per_person']:.1f}",
            f"{row['cpu_ms_per_person']:.1f}",
            f"{row['iterations']:.1f}",
            str(row["loaded_mb"]),
            str(row["peak_mb"]),
        )
    Console(width=100).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory of fits.")
    parser.add_argument("presets", nargs="*", help=f"of conf/fit; {' '.join(PRESETS)} when none")
    parser.add_argument("--batches", nargs="*", type=int, default=BATCHES)
    parser.add_argument("--threads", nargs="*", type=int, default=[1])
    parser.add_argument("--interpenetration", choices=("off", "on", "both"), default="both")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-yardsticks", action="store_true")
    arguments = parser.parse_intermixed_args()
    settings = tuple(word for word in arguments.presets if "=" in word)
    arguments.presets = [word for word in arguments.presets if "=" not in word]
    found = []
    for row in rows_of(arguments, settings):
        found.append(in_fresh_process("benchmarks.fit_speed", json.dumps(asdict(row))))
        print(json.dumps(found[-1]), flush=True)
    show(found)
    if not arguments.no_yardsticks:
        for preset in arguments.presets or PRESETS:
            print(json.dumps(in_fresh_process("benchmarks.yardsticks", preset)), flush=True)
        print(json.dumps(in_fresh_process("benchmarks.yardsticks", "smplfitter")), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1].startswith("{"):
        given = json.loads(sys.argv[1])
        print(json.dumps(measure(Row(**{**given, "settings": tuple(given["settings"])}))))
    else:
        main()
