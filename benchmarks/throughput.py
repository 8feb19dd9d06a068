"""Times whole runs: one process, then several, each with an empty cache, then one from the cache.

    python -m benchmarks.throughput INPUT [--workers 2] [key=value ...]

INPUT is what `data.path` takes. The programs run one after the other, as a user would start them,
with the start of Python in it. Prints a line of JSON per run, and a table: wall and CPU seconds
(children included), seconds of each stage, and bytes written to cache and outputs.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Cost:
    """What a run took: s of wall clock, of CPU, by stage; MB written; inputs fitted."""

    run: str
    fitted: int
    wall: float
    cpu: float
    stages: dict[str, float]
    cache_mb: float
    output_mb: float


def measure(name: str, words: list[str], folder: Path) -> Cost:
    """Run the program once.

    Args:
        name: of the run.
        words: its command line.
        folder: where it puts cache and outputs.

    Raises:
        CalledProcessError: it failed.
    """
    places = [f"runtime.{place}_dir={folder / place}" for place in ("cache", "output")]
    before, begin = cpu_seconds(), time.perf_counter()
    subprocess.run(
        [sys.executable, "run.py", *words, *places], cwd=ROOT, check=True, capture_output=True
    )
    wall, cpu = time.perf_counter() - begin, cpu_seconds() - before
    summary = json.loads((folder / "output/summary.json").read_text())
    sizes = [megabytes(folder / place) for place in ("cache", "output")]
    return Cost(name, summary["fitted"], wall, cpu, summary["seconds_computing"], *sizes)


def cpu_seconds() -> float:
    """CPU seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def table_of(costs: list[Cost]) -> Table:
    """A row per run; the speed-up is against the first one."""
    table = Table(box=None)
    for title in ("run", "fitted", "wall s", "speed-up", "CPU s", "cache MB", "outputs MB"):
        table.add_column(title, justify="left" if title == "run" else "right")
    for cost in costs:
        figures = (cost.wall, costs[0].wall / cost.wall, cost.cpu, cost.cache_mb, cost.output_mb)
        table.add_row(cost.run, str(cost.fitted), *(f"{figure:.2f}" for figure in figures))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input", help="what data.path takes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("settings", nargs="*", help="key=value, as for run.py")
    arguments = parser.parse_args()
    words = [f"data.path={arguments.input}", *arguments.settings]
    several = ["executor=processes", f"executor.workers={arguments.workers}"]
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder, "one"), Path(folder, "several")
        plan = [
            ("one process", ["executor=here"], one),
            (f"{arguments.workers} workers", several, other),
            ("from the cache", several, other),
        ]
        costs = []
        for name, how, place in plan:
            costs.append(measure(name, [*words, *how], place))
            print(json.dumps(asdict(costs[-1])), flush=True)
    Console().print(table_of(costs))


if __name__ == "__main__":
    main()
