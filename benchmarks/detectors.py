"""Times each detector of conf/detector, one picture or person at a time and in batches.

    python -m benchmarks.detectors [--threads 1] [--only rtmpose_halpe26 blazepose]

mmpose's models have random weights, which take as long as any. What their person detector finds
then means nothing, so it is timed alone, per picture, and the pose models per person, each of whom
fills a picture. BlazePose is timed on the project's own pictures; it chooses its number of threads
itself.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir
from PIL import Image

from detectors.base import Resources
from detectors.blazepose import BlazePose
from detectors.mmpose_topdown import MMPoseTopDown
from pipeline.config import ROOT, to_config
from tests.detectors.random_weights import random_checkpoint

BATCH = 16
ROUNDS = 3  # the fastest counts, because other work on the machine only adds time
Row = tuple[str, float, float | None]
"""What was timed, ms at batch 1, ms in batches of BATCH."""


def presets() -> dict[str, Any]:
    """Name -> detector, for those that find people in pictures."""
    found = {}
    for path in sorted((ROOT / "conf/detector").glob("*.yaml")):
        if path.stem in ("keypoint_file", "synthetic", "mmpose"):
            continue
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            cfg = compose("config", ["data.path=x", f"detector={path.stem}"])
        found[path.stem] = to_config(cfg).detector
    return found


def pictures() -> list[np.ndarray]:
    """The photos of the demo, one person or several in each."""
    paths = sorted((ROOT / "assets/demo").glob("*.jpg"))
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


def milliseconds(detector: Any, frames: list[np.ndarray], resources: Resources) -> float:
    """Seconds per picture; networks are loaded before."""
    detector.detect(iter(frames[:1]), resources, "x")
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        detector.detect(iter(frames), resources, "x")
        seconds.append(time.perf_counter() - start)
    return 1000 * min(seconds) / len(frames)


def blazepose(name: str, detector: BlazePose, resources: Resources) -> Iterator[Row]:
    frames = pictures()
    for label, refine in ((name, detector.refine), (f"{name} detector.refine=0", 0)):
        each = replace(detector, refine=refine)
        yield f"{label}, a photo", milliseconds(each, frames, resources), None


def mmpose(name: str, detector: MMPoseTopDown, resources: Resources, folder: Path) -> Iterator[Row]:
    weights = random_checkpoint(detector.config, folder / f"{name}.pth")
    frames = list(np.random.default_rng(0).integers(0, 255, (BATCH, 256, 192, 3), np.uint8))
    for flip in (True, False):
        pose = replace(
            detector,
            checkpoint=weights,
            person_boxes="whole_image",
            flip_test=flip,
        )
        one, many = (
            milliseconds(pose, frames[:count], replace(resources, batch_size=size))
            for count, size in ((BATCH // 4, 1), (BATCH, BATCH))
        )
        yield f"{name} detector.flip_test={str(flip).lower()}, a person", one, many


def person_detector(detector: MMPoseTopDown, resources: Resources, folder: Path) -> Iterator[Row]:
    """RTMDet alone: the time of a picture with it, minus the time without."""
    files = {
        part: random_checkpoint(config, folder / f"{part}.pth")
        for part, config in (
            ("checkpoint", detector.config),
            ("person_checkpoint", detector.person_config),
        )
    }
    # So that nobody is found: no box is that good.
    finder = replace(detector, **files, box_score=1.0)
    frames = pictures()
    alone = statistics.mean(milliseconds(finder, [frame], resources) for frame in frames)
    video = [frames[0]] * BATCH
    name = Path(detector.person_config).stem.split("_8x")[0]
    yield f"{name}, a photo", alone, milliseconds(finder, video, resources)


def rows(only: list[str], resources: Resources) -> Iterator[Row]:
    found = {name: one for name, one in presets().items() if not only or name in only}
    timed_person = False
    with tempfile.TemporaryDirectory() as folder:
        for name, detector in found.items():
            if isinstance(detector, BlazePose):
                yield from blazepose(name, detector, resources)
                continue
            try:
                yield from mmpose(name, detector, resources, Path(folder))
            except ImportError as error:
                print(f"{name}: not timed: {error}")
                continue
            if not timed_person:
                timed_person = True
                yield from person_detector(detector, resources, Path(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="names of conf/detector")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as weights:
        resources = Resources(threads=arguments.threads, weights_dir=Path(weights))
        print(f"| ms, {arguments.threads} thread(s) | batch 1 | batch {BATCH} |\n|---|---|---|")
        for name, one, many in rows(arguments.only, resources):
            print(f"| {name} | {one:.0f} | {f'{many:.0f}' if many else ''} |", flush=True)


if __name__ == "__main__":
    main()
