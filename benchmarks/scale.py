"""Costs of runs over 100, 1000, ... photos: do they grow in proportion, and do workers stay small?

    python -m benchmarks.scale [--counts 100,1000,10000] [--formats npz,parcels] LSP [key=value ...]

Makes folders of copies of LSP's images, with its annotated joints as the detector
(`detector=keypoint_file`), and starts the program for each. Prints a line of JSON per run: wall and
CPU seconds, seconds of each stage, bytes read and written by all processes, bytes of cache, outputs
and summary, and the memory and open files of the run and its workers, in the second and the last
quarter of the time that each was there. Then, for each of `--formats`, the same for a run from the
cache with `export=[FORMAT]` into an empty folder.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scipy.io import loadmat, savemat

from benchmarks.throughput import ROOT, cpu_seconds, megabytes

_EVERY = 0.5  # s between looks at the processes


@dataclass
class Watched:
    """What a process took over time: MB of memory and open files, one number per look."""

    memory: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def quarters(self) -> dict[str, float]:
        """The most memory, and the fewest open files, in the second and in the last quarter."""
        part = max(len(self.files) // 4, 1)
        early, late = slice(part, 2 * part), slice(-part, None)
        return {
            "mb_first": round(max(self.memory[early] or self.memory), 1),
            "mb_last": round(max(self.memory[late]), 1),
            "files_first": min(self.files[early] or self.files),  # some are open for a moment only
            "files_last": min(self.files[late]),
        }


def prepare(root: Path, count: int, folder: Path) -> list[str]:
    """So many copies of LSP's images and a table of their joints; the words that name them."""
    images, joints = (
        sorted((root / "images").glob("im*.jpg")),
        loadmat(root / "joints.mat")["joints"],
    )
    (folder / "in").mkdir()
    for number in range(count):
        source = images[number % len(images)]
        (folder / f"in/im{number + 1:07d}.jpg").write_bytes(source.read_bytes())
    at = [int(images[n % len(images)].stem[2:]) - 1 for n in range(count)]
    savemat(folder / "joints.mat", {"joints": joints[:, :, at]})
    return [
        f"data.path={folder / 'in'}",
        "detector=keypoint_file",
        f"detector.path={folder / 'joints.mat'}",
    ]


def measure(words: list[str], folder: Path) -> dict[str, Any]:
    """Run the program once."""
    places = [f"runtime.{place}_dir={folder / place}" for place in ("cache", "output")]
    used, moved, begin = cpu_seconds(), _bytes(), time.perf_counter()
    run = subprocess.Popen(
        [sys.executable, "run.py", *words, *places],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with watching(run.pid) as (main, workers):
        _, said = run.communicate()
    if run.returncode:
        raise RuntimeError(said.decode()[-2000:])
    wall, read = time.perf_counter() - begin, _bytes()
    summary = json.loads((folder / "output/summary.json").read_text())
    fitted = [entry for entry in summary["inputs"] if entry["status"] == "fitted"]
    stages = {name: sum(e["seconds"][name] for e in fitted) for name in fitted[0]["seconds"]}
    return {
        "fitted": summary["fitted"],
        "wall": round(wall, 1),
        "cpu": round(cpu_seconds() - used, 1),
        "stages": {name: round(seconds, 2) for name, seconds in stages.items()},
        "read_mb": round((read[0] - moved[0]) / 1e6, 1),
        "written_mb": round((read[1] - moved[1]) / 1e6, 1),
        "cache_mb": round(megabytes(folder / "cache"), 1),
        "outputs_mb": round(megabytes(folder / "output"), 1),
        "outputs_files": sum(path.is_file() for path in (folder / "output").rglob("*")),
        "summary_mb": round((folder / "output/summary.json").stat().st_size / 1e6, 2),
        "run": main.quarters(),
        "workers": [watched.quarters() for watched in workers.values() if len(watched.files) > 8],
    }


def _bytes() -> tuple[int, int]:
    """Bytes that this process and its ended children have read and written, as programs count."""
    lines = Path("/proc/self/io").read_text().splitlines()
    counts = dict(line.split(": ") for line in lines)
    return int(counts["rchar"]), int(counts["wchar"])


@contextmanager
def watching(pid: int) -> Iterator[tuple[Watched, dict[int, Watched]]]:
    """Looks at a process and its workers until the context ends."""
    main, workers, ended = Watched(), dict[int, Watched](), threading.Event()

    def watch() -> None:
        while not ended.wait(_EVERY):
            with suppress(OSError, ValueError):
                _look(pid, main)
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                for child in map(int, children):
                    if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text():
                        _look(child, workers.setdefault(child, Watched()))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield main, workers
    finally:
        ended.set()
        thread.join()


def _look(pid: int, watched: Watched) -> None:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    watched.memory.append(pages * 4096 / 1e6)
    watched.files.append(files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="LSP's folder: images and joints.mat")
    parser.add_argument("--counts", default="100,1000,10000", help="of photos")
    parser.add_argument(
        "--formats", default="", help="to write from the cache after each run, e.g. npz,parcels"
    )
    parser.add_argument("settings", nargs="*", help="key=value, as for run.py")
    arguments = parser.parse_args()
    for count in map(int, arguments.counts.split(",")):
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            words = [*prepare(arguments.root, count, place), *arguments.settings]
            print(json.dumps({"photos": count, **measure(words, place)}), flush=True)
            words = [word for word in words if not word.startswith("export=")]
            for form in filter(None, arguments.formats.split(",")):
                shutil.rmtree(place / "output")
                cost = measure([*words, f"export=[{form}]"], place)
                print(json.dumps({"photos": count, "format": form, **cost}), flush=True)


if __name__ == "__main__":
    main()
