"""How many of the people in labelled pictures a detector finds, and how many it invents.

    python -m benchmarks.people [--only choose] [--set finder_score=0.4] --pictures FOLDER

tests/detectors/people.csv has a box around what can be seen of each person, and a circle around the
head, in 18 photos, 160 of LSP's training images and 90 frames of eight videos. They are not ours to
give; FOLDER has them as photos/, lsp/images/, videos/ and multiview/. People who are tiny, or
mostly cut off or hidden, are marked `ignore`: it is no mistake to miss them, nor to find them.
Settings are chosen on the rows `choose` and `report`; the rows `blind` (--only blind) were labelled
before the detector had seen them, and nothing was chosen on them. The photo of 29 people, `group`,
is counted by itself.

A find is a person if their boxes overlap by half (intersection over union), or by a fifth with the
find's face inside the person's head. Each find is one person at most, and each person one find; of
all ways to pair them, the one with the most pairs counts.

Seconds are CPU time of all threads, the mean of a picture.
"""

import argparse
import csv
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64
from PIL import Image, ImageOps
from scipy.optimize import linear_sum_assignment

from detectors.base import Detections, Resources
from detectors.blazepose import BlazePose

ROOT = Path(__file__).resolve().parents[1]
LABELS = ROOT / "tests/detectors/people.csv"
SEEN = 0.5  # score of the joints that count as the find's
SAME, SAME_HEAD = 0.5, 0.2  # intersection over union
WITHIN = 1.5  # head radii
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


@dataclass(frozen=True)
class Labels:
    """The labelled people of one picture: boxes (P, 4), heads (P, 3: x, y, radius), px, and
    whether to ignore them (P)."""

    boxes: Float[np.ndarray, "P 4"]
    heads: Float[np.ndarray, "P 3"]
    ignore: Bool[np.ndarray, " P"]


@dataclass(frozen=True)
class Counts:
    """People found, missed and invented; finds of people to be ignored are none of these."""

    found: int = 0
    missed: int = 0
    invented: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def precision(self) -> float:
        return self.found / max(self.found + self.invented, 1)

    @property
    def recall(self) -> float:
        return self.found / max(self.found + self.missed, 1)

    @property
    def f1(self) -> float:
        return 2 * self.found / max(2 * self.found + self.missed + self.invented, 1)


def read_labels(path: Path = LABELS) -> dict[str, dict[tuple[str, int], Labels]]:
    """Which rows (choose, report, group) -> (file, frame) -> its people."""
    rows: dict[tuple[str, str, int], list[dict[str, str]]] = defaultdict(list)
    with path.open() as file:
        for row in csv.DictReader(file):
            rows[row["half"], row["file"], int(row["frame"])].append(row)
    halves: dict[str, dict[tuple[str, int], Labels]] = defaultdict(dict)
    for (half, name, frame), people in rows.items():
        people = [row for row in people if row["kind"] != "nobody"]
        boxes = [[float(row[c]) for c in ("x0", "y0", "x1", "y1")] for row in people]
        heads = [[float(row[c]) for c in ("head_x", "head_y", "head_radius")] for row in people]
        ignore = [row["kind"] == "ignore" for row in people]
        halves[half][name, frame] = Labels(
            np.reshape(boxes, (-1, 4)), np.reshape(heads, (-1, 3)), np.array(ignore, bool)
        )
    return halves


def picture(folder: Path, name: str, frame: int) -> np.ndarray:
    """RGB, upright."""
    if name.endswith(".mp4"):
        import cv2

        video = cv2.VideoCapture(str(folder / name))
        for _ in range(frame):
            video.grab()
        image = video.read()[1]
        video.release()
        return np.ascontiguousarray(image[..., ::-1])
    return np.asarray(ImageOps.exif_transpose(Image.open(folder / name)).convert("RGB"))


def boxes_of(found: Detections, size: tuple[int, int]) -> Float[np.ndarray, "N 4"]:
    """Boxes around the joints that are seen and the crown of the head, inside a picture (w, h)."""
    faces = found.keypoints[:, [found.joint_names.index(name) for name in FACE]]
    shoulders = [found.joint_names.index(f"{side}_shoulder") for side in ("left", "right")]
    face = faces.mean(1)
    crown = face + 0.7 * (face - found.keypoints[:, shoulders].mean(1))
    boxes = np.zeros((len(found), 4))
    for row, (points, scores) in enumerate(zip(found.keypoints, found.scores, strict=True)):
        seen = points[scores >= SEEN] if (scores >= SEEN).sum() >= 3 else points
        seen = np.concatenate([seen, crown[row : row + 1]])
        last = np.array(size) - 1
        boxes[row] = *seen.min(0).clip(0, last), *seen.max(0).clip(0, last)
    return boxes


def overlap(a: Float[np.ndarray, "N 4"], b: Float[np.ndarray, "P 4"]) -> tuple[Any, Any]:
    """Intersections (N, P) of boxes, px^2, and intersections over unions (N, P)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod((high - low).clip(0), axis=2)
    areas = [np.prod(box[:, 2:] - box[:, :2], axis=1) for box in (a, b)]
    return both, both / np.maximum(areas[0][:, None] + areas[1] - both, 1e-6)


def counted(
    found: Detections, labels: Labels, size: tuple[int, int]
) -> tuple[Counts, Int64[np.ndarray, " N"]]:
    """Counts of one picture (w, h), and what each find is: 1 a person, 0 ignored, -1 nobody."""
    boxes = boxes_of(found, size)
    both, iou = overlap(boxes, labels.boxes)
    same = _same(found, labels, iou)
    verdict = np.full(len(found), -1)
    for i, j in zip(*linear_sum_assignment(same * (1 + iou), maximize=True), strict=True):
        verdict[i] = 1 if same[i, j] else -1
    area = np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), 1e-6)
    ignored = (both * labels.ignore).sum(1) / area >= 0.5
    verdict[(verdict < 0) & ignored] = 0
    hits, people = int((verdict > 0).sum()), int((~labels.ignore).sum())
    return Counts(hits, people - hits, int((verdict < 0).sum())), verdict


def _same(
    found: Detections, labels: Labels, iou: Float[np.ndarray, "N P"]
) -> Bool[np.ndarray, "N P"]:
    """Which finds can be which of the people that count."""
    faces = found.keypoints[:, [found.joint_names.index(name) for name in FACE]].mean(1)
    away = np.linalg.norm(faces[:, None] - labels.heads[None, :, :2], axis=2)
    head = away < WITHIN * labels.heads[:, 2]
    return ((iou >= SAME) | ((iou >= SAME_HEAD) & head)) & ~labels.ignore


def results(
    detector: Any, pictures: dict[tuple[str, int], Labels], folder: Path, resources: Resources
) -> Iterator[tuple[str, int, Counts, float]]:
    """File, frame, counts and CPU seconds of each picture."""
    for (name, frame), labels in pictures.items():
        image = picture(folder, name, frame)
        begin = time.process_time()
        found = detector.detect([image], resources, name)
        seconds = time.process_time() - begin
        yield name, frame, counted(found, labels, image.shape[1::-1])[0], seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=["choose", "report", "group"])
    parser.add_argument("--set", nargs="*", default=[], help="options of BlazePose, name=value")
    parser.add_argument("--verbose", action="store_true", help="print each picture with a mistake")
    arguments = parser.parse_args()
    options = {name: float(value) for name, value in (each.split("=") for each in arguments.set)}
    detector = replace(BlazePose(), **options)
    print("| pictures | people | found | missed | invented | precision | recall | F1 | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as weights:
        resources = Resources(weights_dir=Path(weights))
        detector.detect([np.zeros((64, 64, 3), np.uint8)], resources, "x")  # loads the networks
        for half in arguments.only:
            report(half, detector, read_labels()[half], arguments, resources)


def report(
    half: str, detector: Any, pictures: dict[Any, Labels], arguments: Any, resources: Resources
) -> None:
    """Print the rows of some pictures: by source, and all together."""
    totals: dict[str, Counts] = defaultdict(Counts)
    seconds: dict[str, list[float]] = defaultdict(list)
    for name, frame, counts, passed in results(detector, pictures, arguments.pictures, resources):
        for key in (name.split("/")[0], "all"):
            totals[key] += counts
            seconds[key].append(passed)
        if arguments.verbose and (counts.missed or counts.invented):
            print(f"{name} {frame}: {counts}")
    for key, c in totals.items():
        print(
            f"| {half}: {len(seconds[key])} {key} | {c.found + c.missed} | {c.found} | "
            f"{c.missed} | {c.invented} | {c.precision:.3f} | {c.recall:.3f} | {c.f1:.3f} | "
            f"{np.mean(seconds[key]):.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
