"""Times each detector of conf/detector, one picture or person at a time and in batches.

    python -m benchmarks.detectors [--threads 1] [--only rtmpose_halpe26 blazepose]
    python -m benchmarks.detectors --onnx [--only rtmlib_halpe26]

The second compares mmpose with the same weights as ONNX, in turns (needs the extra tools).

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
from detectors.onnx_topdown import OnnxTopDown
from pipeline.config import ROOT, to_config
from tests.detectors.random_weights import built, random_checkpoint
from tests.detectors.tiny_rtmpose import export

BATCH = 16
ROUNDS = 3  # the fastest counts, because other work on the machine only adds time
Row = tuple[str, float, float | None]
"""What was timed, ms at batch 1, ms in batches of BATCH."""


def presets() -> dict[str, Any]:
    """Name -> detector, for those that find people in pictures."""
    found = {}
    for path in sorted((ROOT / "conf/detector").glob("*.yaml")):
        if path.stem in ("keypoint_file", "synthetic", "synthetic_video", "mmpose", "rtmlib"):
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
    """Per picture; networks are loaded before."""
    return in_turns([detector], frames, resources)[0]


def in_turns(detectors: list[Any], frames: list[np.ndarray], resources: Resources) -> list[float]:
    """The least ms per picture of each; in turns, so that other work on the machine slows all."""
    seconds: list[list[float]] = [[] for _ in detectors]
    for detector in detectors:
        detector.detect(iter(frames[:1]), resources, "x")
    for _ in range(ROUNDS):
        for detector, own in zip(detectors, seconds, strict=True):
            start = time.perf_counter()
            detector.detect(iter(frames), resources, "x")
            own.append(time.perf_counter() - start)
    return [1000 * min(own) / len(frames) for own in seconds]


def blazepose(name: str, detector: BlazePose, resources: Resources) -> Iterator[Row]:
    frames = pictures()
    for label, refine in ((name, detector.refine), (f"{name} detector.refine=0", 0)):
        each = replace(detector, refine=refine)
        yield f"{label}, a photo", milliseconds(each, frames, resources), None


def mmpose(name: str, detector: MMPoseTopDown, resources: Resources, folder: Path) -> Iterator[Row]:
    weights = random_checkpoint(detector.config, folder / f"{name}.pth")
    frames = people()
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


def onnx(only: list[str], resources: Resources) -> Iterator[tuple[str, float, float]]:
    """Each model as mmpose runs it and as ONNX: what, ms a person of both."""
    found = presets()
    frames = people()
    for name, detector in found.items():
        if not isinstance(detector, OnnxTopDown) or (only and name not in only):
            continue
        model = name.removeprefix("rtmlib_")
        twin = found.get(f"rtmpose_{model}") or found[f"rtmw_{model}"]
        with tempfile.TemporaryDirectory() as folder:
            weights = random_checkpoint(twin.config, Path(folder) / "pose.pth")
            exported = Path(folder) / "pose.onnx"
            export(built(twin.config).eval(), exported)
            for flip in (True, False):
                whole = {"person_boxes": "whole_image", "flip_test": flip}
                both = [
                    replace(twin, checkpoint=weights, **whole),
                    replace(detector, checkpoint=str(exported), **whole),
                ]
                for size in (1, BATCH):
                    some = frames[: max(size, BATCH // 4)]
                    torch, ours = in_turns(both, some, replace(resources, batch_size=size))
                    label = f"{model} detector.flip_test={str(flip).lower()}, batch {size}"
                    yield label, torch, ours


def people() -> list[np.ndarray]:
    """Pictures that one person fills; of noise, which takes as long as any."""
    return list(np.random.default_rng(0).integers(0, 255, (BATCH, 256, 192, 3), np.uint8))


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
    found = {
        name: one
        for name, one in presets().items()
        if (not only or name in only) and not isinstance(one, OnnxTopDown)
    }
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
    parser.add_argument("--onnx", action="store_true", help="mmpose against ONNX")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as weights:
        resources = Resources(threads=arguments.threads, weights_dir=Path(weights))
        if arguments.onnx:
            print(f"| ms a person, {arguments.threads} thread(s) | mmpose | ONNX | times faster |")
            print("|---|---|---|---|")
            for name, torch, ours in onnx(arguments.only, resources):
                print(f"| {name} | {torch:.0f} | {ours:.0f} | {torch / ours:.1f} |", flush=True)
            return
        print(f"| ms, {arguments.threads} thread(s) | batch 1 | batch {BATCH} |\n|---|---|---|")
        for name, one, many in rows(arguments.only, resources):
            print(f"| {name} | {one:.0f} | {f'{many:.0f}' if many else ''} |", flush=True)


if __name__ == "__main__":
    main()
