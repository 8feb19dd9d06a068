"""Fit the factors that make LSP's neck and head top of a detector's joints, and test them.

    python -m tools.fit_joint_conversions data.root=LSP detector=blazepose

The arguments are settings of run.py. Runs detect and remap on the 2000 images, refits each recipe
of COMPARED that the detector has the joints for on images 1..1000, and prints its errors on images
1001..2000, before and after. Factors go into pipeline/stages/joint_tables.py by hand, with their
source.
"""

import argparse
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from scipy.io import loadmat

from detectors.base import Detections
from fitting.joints import LSP_14
from pipeline.config import ROOT, to_config
from pipeline.parcels import jobs_of
from pipeline.pipeline import stages_of, through
from pipeline.stages.joint_tables import (
    BLAZE_HEAD,
    BLAZE_NECK,
    COCO_HEAD,
    COCO_NECK,
    Recipe,
    columns_of,
)
from tools.collect_detector_errors import MIN_TORSO, annotated_person

SETTINGS = ["data=lsp", "data.split=all", "data.people=all", "remap.min_confidence=0"]
TRAIN = 1000  # images 1..1000 train, the others test
MAX_LIMBS = 0.3  # torso lengths; a median error of the limbs above it is another person or a swap
_NEAR = 0.05  # torso lengths; below it, errors are the annotators' and count squared

# Factors of before, and points that people take for LSP's.
COMPARED: dict[str, dict[str, Recipe]] = {
    "neck": {
        "mid-shoulder": Recipe("shoulder"),
        "earlier BlazePose": Recipe("shoulder", ((0.466, "ear", "shoulder"),)),
        "COCO": COCO_NECK,
        "BlazePose": BLAZE_NECK,
    },
    "head_top": {
        "mid-ear": Recipe("ear"),
        "earlier BlazePose": Recipe(
            "shoulder", ((0.882, "ear", "shoulder"), (1.971, "eye", "mouth"))
        ),
        "COCO": COCO_HEAD,
        "BlazePose": BLAZE_HEAD,
    },
}


@dataclass(frozen=True)
class People:
    """Persons that were found: image (N), annotated xy (N, 14, 2) px, torso (N) px, and what the
    detector gave, one row per person."""

    image: np.ndarray
    truth: np.ndarray
    torso: np.ndarray
    found: Detections

    def __getitem__(self, rows: np.ndarray) -> "People":
        return People(
            self.image[rows], self.truth[rows], self.torso[rows], chosen(self.found, rows)
        )


def chosen(found: Detections, rows: np.ndarray) -> Detections:
    """Some rows, counted as frames of their own."""
    n = len(found.frame[rows])
    counted = replace(found, frame=np.zeros_like(found.frame))  # rows may come in any order
    zero = np.zeros(n, np.int32)
    return replace(counted[rows], frame=np.arange(n, dtype=np.int32), track=zero)


def middle(found: Detections, name: str) -> np.ndarray:
    """xy (N, 2) of a joint, or of the middle between left and right."""
    return found.keypoints[:, columns_of(name, found.joint_names)].mean(1).astype(np.float64)


def place(people: People, recipe: Recipe) -> np.ndarray:
    """xy (N, 2) px where the recipe puts its point."""
    start, steps = _terms(people, recipe)
    return start + steps @ np.array([factor for factor, _, _ in recipe.steps])


def errors(people: People, joint: str, recipe: Recipe) -> np.ndarray:
    """Distance (N) to the annotated joint, torso lengths."""
    truth = people.truth[:, LSP_14.index(joint)]
    return np.linalg.norm(place(people, recipe) - truth, axis=1) / people.torso


def refit(people: People, joint: str, recipe: Recipe) -> Recipe:
    """The recipe with factors of least distance (not squared, but for errors below _NEAR).

    Iteratively reweighted least squares in torso lengths, so that small people count as much as
    large ones and the wrongly found hardly at all.
    """
    start, steps = _terms(people, recipe)
    scale = people.torso[:, None]
    wanted = (people.truth[:, LSP_14.index(joint)] - start) / scale
    steps = steps / scale[..., None]
    weight = np.ones(len(wanted))
    factors = np.zeros(len(recipe.steps))
    for _ in range(50):
        root = np.repeat(np.sqrt(weight), 2)
        factors = np.linalg.lstsq(
            steps.reshape(len(root), -1) * root[:, None], wanted.ravel() * root, rcond=None
        )[0]
        weight = 1 / np.maximum(np.linalg.norm(steps @ factors - wanted, axis=1), _NEAR)
    fitted = [(float(f), to, o) for f, (_, to, o) in zip(factors, recipe.steps, strict=True)]
    return replace(recipe, steps=tuple(fitted))


def _terms(people: People, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Start (N, 2) and differences (N, 2, steps) of a recipe, px."""
    found = people.found
    steps = [middle(found, to) - middle(found, origin) for _, to, origin in recipe.steps]
    empty = np.zeros((len(people.image), 2, 0))
    return middle(found, recipe.start), np.stack(steps, -1) if steps else empty


def collect(overrides: list[str]) -> People:
    """The annotated person of each image where it was found, with its limbs in their places."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = to_config(compose("config", [*SETTINGS, *overrides]))
    clips, _ = config.data.clips()
    jobs, _, _ = through(stages_of(config)[:2], jobs_of(clips), config)
    annotated = loadmat(Path(config.data.root) / "joints.mat")["joints"].transpose(2, 1, 0)
    images, rows = [], []
    for job in jobs:
        image = int(re.findall(r"\d+", job.clip.path.stem)[-1])
        row = annotated_person(annotated[image - 1, :, :2], job.results["remap"].load())
        if row is not None:
            images.append(image)
            rows.append(chosen(job.results["detect"].load(), np.array([row])))
    truth = annotated[np.array(images) - 1, :, :2]
    people = People(np.array(images), truth, _torso(truth), stacked(rows))
    good = (people.torso >= MIN_TORSO) & (limbs_error(people) < MAX_LIMBS)
    return people[np.flatnonzero(good)]


def stacked(rows: list[Detections]) -> Detections:
    """One row of each, counted as frames."""
    n = len(rows)
    joined = {
        name: np.concatenate([getattr(row, name) for row in rows])
        for name in ("boxes", "keypoints", "scores", "keypoints_3d")
    }
    frame, track = np.arange(n, dtype=np.int32), np.zeros(n, np.int32)
    return Detections(frame=frame, track=track, joint_names=rows[0].joint_names, **joined)


def limbs_error(people: People) -> np.ndarray:
    """Median error (N) of the 12 joints of the limbs, torso lengths."""
    columns = [people.found.joint_names.index(joint) for joint in LSP_14[:12]]
    apart = np.linalg.norm(people.found.keypoints[:, columns] - people.truth[:, :12], axis=2)
    return np.median(apart / people.torso[:, None], axis=1)


def _torso(truth: np.ndarray) -> np.ndarray:
    apart = truth[:, LSP_14.index("right_shoulder")] - truth[:, LSP_14.index("left_hip")]
    return np.linalg.norm(apart, axis=1)


def _line(joint: str, name: str, recipe: Recipe, error: np.ndarray) -> str:
    factors = ", ".join(f"{factor:.3f}" for factor, _, _ in recipe.steps)
    near = " ".join(f"{(error <= limit).mean():.3f}" for limit in (0.1, 0.2))
    return (
        f"{joint:9} {name:24} mean {error.mean():.4f} median {np.median(error):.4f} "
        f"within .1 .2: {near}  [{factors}]"
    )


def main() -> None:
    _, overrides = argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_known_args()
    people = collect(overrides)
    train = people[np.flatnonzero(people.image <= TRAIN)]
    test = people[np.flatnonzero(people.image > TRAIN)]
    print(f"{len(train.image)} persons of train, {len(test.image)} of test; torso lengths, on test")
    names = people.found.joint_names
    for joint, compared in COMPARED.items():
        for name, recipe in compared.items():
            if not all(columns_of(part, names) for part in recipe.parts()):
                continue
            print(_line(joint, name, recipe, errors(test, joint, recipe)))
            if recipe.steps:
                again = refit(train, joint, recipe)
                print(_line(joint, f"{name}, refitted", again, errors(test, joint, again)))


if __name__ == "__main__":
    main()
