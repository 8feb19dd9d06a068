"""Collect the errors of a 2-D detector on LSP's training images: assets/detector_errors*.npz.

    python -m tools.collect_detector_errors --output assets/detector_errors.npz \\
        data.root=LSP detector=blazepose
    python -m tools.collect_detector_errors --output assets/detector_errors_movenet.npz \\
        data.root=LSP detector=keypoint_file detector.path=EST_JOINTS.npz

The other arguments are settings of run.py. The tool runs detect and remap. For each image in which
the annotated person was found, it writes the offsets of the 14 joints in units of the annotated
torso (right shoulder to left hip), the confidences (0: the joint was dropped), and the number of
the image.
"""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from scipy.io import loadmat

from fitting.joints import LSP_14, Keypoints
from pipeline.config import ROOT, to_config
from pipeline.parcels import jobs_of
from pipeline.pipeline import stages_of, through

# Doubtful joints stay, with their low confidence; the run that draws from the file drops them.
SETTINGS = ["data=lsp", "data.split=train", "data.people=all", "remap.min_confidence=0"]
MIN_OVERLAP = 0.3  # intersection over union of the joints' boxes; less is another person
MIN_TORSO = 20  # px; shorter ones point at the camera and cannot be a unit
_LEFT_HIP, _RIGHT_SHOULDER = LSP_14.index("left_hip"), LSP_14.index("right_shoulder")
LICENCE = (
    "Differences between a detector's joints and LSP's annotation, in torso lengths; no image, "
    "annotation or detection of LSP can be made from them. See detector_errors.LICENSE.md"
)


@dataclass(frozen=True)
class Pattern:
    """The error in one image: offsets (14, 2) torso lengths, confidence (14), image number."""

    offsets: np.ndarray
    confidence: np.ndarray
    image: int


def annotated_person(truth: np.ndarray, found: Keypoints) -> int | None:
    """Row of the person that overlaps most with the annotated joints (14, 2), if any does."""
    overlaps = [overlap(truth, row.xy[0][row.confidence[0] > 0]) for row in rows_of(found)]
    return int(np.argmax(overlaps)) if max(overlaps, default=0) >= MIN_OVERLAP else None


def pattern_of(truth: np.ndarray, person: Keypoints, image: int) -> Pattern | None:
    """The error of one person; None if the annotated torso is too short to be a unit."""
    torso = np.linalg.norm(truth[_RIGHT_SHOULDER] - truth[_LEFT_HIP])
    if torso < MIN_TORSO:
        return None
    offsets, confidence = (person.xy[0] - truth) / torso, person.confidence[0]
    return Pattern(np.where(confidence[:, None] > 0, offsets, 0), confidence, image)


def rows_of(keypoints: Keypoints) -> list[Keypoints]:
    return [keypoints[row : row + 1] for row in range(len(keypoints))]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of the boxes around two sets of points."""
    if not len(a) or not len(b):
        return 0.0
    low, high = np.maximum(a.min(0), b.min(0)), np.minimum(a.max(0), b.max(0))
    shared = (high - low).clip(0).prod()
    return float(shared / (np.ptp(a, 0).prod() + np.ptp(b, 0).prod() - shared))


def collect(overrides: list[str]) -> tuple[list[Pattern], float]:
    """The patterns, and the share of the images in which the annotated person was found."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = to_config(compose("config", [*SETTINGS, *overrides]))
    clips, _ = config.data.clips()
    jobs, _, _ = through(stages_of(config)[:2], jobs_of(clips), config)
    annotated = loadmat(Path(config.data.root) / "joints.mat")["joints"].transpose(2, 1, 0)
    patterns, detected = [], 0
    for job in jobs:
        image = int(re.findall(r"\d+", job.clip.path.stem)[-1])
        truth, found = annotated[image - 1, :, :2], job.results["remap"].load()
        person = annotated_person(truth, found)
        if person is not None:
            detected += 1
            patterns.append(pattern_of(truth, rows_of(found)[person], image))
    return [pattern for pattern in patterns if pattern], detected / len(clips)


def main() -> None:
    parser = argparse.ArgumentParser(description="Collect a detector's errors on LSP.")
    parser.add_argument("--output", type=Path, required=True)
    arguments, overrides = parser.parse_known_args()
    patterns, detected = collect(overrides)
    np.savez_compressed(
        arguments.output,
        offsets=np.array([p.offsets for p in patterns], np.float16),
        confidence=np.array([p.confidence for p in patterns], np.float16),
        image=np.array([p.image for p in patterns], np.int16),
        detected=np.array(detected),
        licence=np.array(LICENCE),
    )
    far = np.linalg.norm([p.offsets for p in patterns], axis=-1)
    sure = np.array([p.confidence for p in patterns]) > 0
    print(f"{arguments.output}: {len(patterns)} patterns, detected {detected:.3f}")
    print(
        f"joints seen {sure.mean():.3f}, of those within 0.2 torso {(far[sure] <= 0.2).mean():.3f}"
    )


if __name__ == "__main__":
    main()
