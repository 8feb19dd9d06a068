"""Fit how likely BlazePose's finds are people: `person_signs` of conf/detector/blazepose.yaml.

    python -m tools.calibrate_person_score FOLDER

FOLDER has the pictures that tests/detectors/people.csv labels (as for benchmarks.people); its
rows `choose`, `report` and `group` are learnt from. The detector invents hardly anybody in them,
so there both finders also propose what they are less sure of. Pictures without people are added:
parts of the labelled ones that touch nobody, turned by 0, 90, 180 and 270 degrees, and rendered
rooms.

A row is a person if the labels say so, and nobody otherwise; it is left out if the labels ignore
it. Prints the weights of a logistic model of the row's signs, none of them below 0, and how well
they tell people from others: cross-validated, so that no picture, and no clip, is in both parts.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize

from benchmarks.people import Counts, Labels, counted, picture, read_labels
from detectors.base import Image
from detectors.blazepose import BlazePose, as_detections
from detectors.blazepose_people import SIGNS, signs_of
from pipeline.evaluation.metrics import area_under_curve
from tools.demo.studio import Camera, photograph
from tools.render_people import SIZE, draw_room

HALVES = ("choose", "report", "group")
PARTS, MORE_PARTS = 3, 30  # of a labelled picture, and of one that shows nobody
ROOMS = 20
FOLDS = 10
BINS = (0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 1)
LIMITS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_TRIES, _LEAST_SIDE = 400, 48  # px
_RIDGE = 0.01  # on the weights; keeps them finite where signs tell all apart
_NOBODY = Labels(np.zeros((0, 4)), np.zeros((0, 3)), np.zeros(0, bool))


@dataclass(frozen=True)
class Rows:
    """What the detector reports.

    Args:
        signs: SIGNS of each.
        person: whether it is one.
        source: the picture or clip it is from; those of one source are learnt from together.
    """

    signs: Float[np.ndarray, "N 2"]
    person: Bool[np.ndarray, " N"]
    source: np.ndarray


def empty_parts(image: Image, labels: Labels, rng: np.random.Generator) -> Iterator[Image]:
    """Random parts of a picture that touch nobody, each turned by 90 degrees more than the last."""
    height, width = image.shape[:2]
    low, high = labels.boxes[:, :2], labels.boxes[:, 2:]
    margin = 0.06 * (high - low)[:, 1:]
    count = 0
    for _ in range(_TRIES):
        size = (rng.uniform(0.25, 1) * min(height, width) * rng.uniform(0.7, 1, 2)).astype(int)
        if size.min() < _LEAST_SIDE or count == (PARTS if len(labels.boxes) else MORE_PARTS):
            continue
        corner = rng.integers((width, height) - size + 1)
        if ((low - margin < corner + size) & (high + margin > corner)).all(1).any():
            continue
        (x, y), (right, bottom) = corner, corner + size
        yield np.ascontiguousarray(np.rot90(image[y:bottom, x:right], count))
        count += 1


def rooms() -> Iterator[Image]:
    """Rendered rooms in which nobody is."""
    for seed in range(ROOMS):
        rng = np.random.default_rng([99, seed])
        away, floor = rng.uniform(1.5, 5), rng.uniform(1.0, 1.7)
        focal = rng.uniform(0.75, 1.6) * np.hypot(*SIZE)
        camera = Camera(float(focal), SIZE, float(rng.normal(3, 3)))
        yield photograph(camera, draw_room(rng, floor, away), [], 1, rng.uniform(0.5, 4))


def pictures(folder: Path, nobody: bool) -> Iterator[tuple[str, Image, Labels]]:
    """Source, picture and labels: of labelled pictures, or of pictures that show nobody."""
    rng = np.random.default_rng(5)
    for half in HALVES:
        for (name, frame), labels in read_labels()[half].items():
            image = picture(folder, name, frame)
            if not nobody:
                yield name, image, labels
            elif half != "group":
                yield from ((name, part, _NOBODY) for part in empty_parts(image, labels, rng))
    if nobody:
        yield from ((f"room {number}", image, _NOBODY) for number, image in enumerate(rooms()))


def rows_in(detector: BlazePose, folder: Path, nobody: bool) -> Rows:
    """The finds in `pictures`, without those that the labels ignore."""
    signs, person, source = [], [], []
    for name, image, labels in pictures(folder, nobody):
        found = detector.rows_of(image)
        if not found:
            continue
        detections, size = as_detections([found], detector.person_signs), image.shape[1::-1]
        verdicts = counted(detections, labels, (size[0], size[1]))[1]
        for find, verdict in zip(found, verdicts, strict=True):
            if verdict:
                signs.append([signs_of(find)[sign] for sign in SIGNS])
                person.append(verdict > 0)
                source.append(name)
    return Rows(np.array(signs), np.array(person), np.array(source))


def joined(a: Rows, b: Rows) -> Rows:
    """The rows of both."""
    return Rows(*(np.concatenate([getattr(part, f.name) for part in (a, b)]) for f in fields(Rows)))


def learnt(rows: Rows, mask: np.ndarray) -> Float[np.ndarray, " 3"]:
    """Constant and weights that make some rows most likely."""
    signs = np.column_stack([np.ones(mask.sum()), rows.signs[mask]])
    person = rows.person[mask]

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value = signs @ weights
        pull = _RIDGE * np.r_[0, weights[1:]]
        gradient = signs.T @ (_logistic(value) - person) + pull
        return float(
            np.logaddexp(0, np.where(person, -value, value)).sum() + weights @ pull / 2
        ), gradient

    limits = [(None, None), *[(0, None)] * len(SIGNS)]
    return minimize(loss, np.zeros(1 + len(SIGNS)), jac=True, method="L-BFGS-B", bounds=limits).x


def told(weights: np.ndarray, signs: np.ndarray) -> Float[np.ndarray, " N"]:
    """How likely each row is a person."""
    return _logistic(weights[0] + signs @ weights[1:])


def cross_validated(learn: Rows, test: Rows) -> Float[np.ndarray, " N"]:
    """The same for test rows, each by weights learnt from other sources."""
    sources = np.unique([*learn.source, *test.source])
    folds = np.random.default_rng(0).permutation(len(sources)) % FOLDS
    own, fold = (folds[np.searchsorted(sources, rows.source)] for rows in (learn, test))
    scores = np.zeros(len(fold))
    for k in range(FOLDS):
        scores[fold == k] = told(learnt(learn, own != k), test.signs[fold == k])
    return scores


def report(name: str, scores: np.ndarray, person: np.ndarray) -> None:
    """Print how far to trust some scores: overall, and in bins."""
    brier = np.mean((scores - person) ** 2)
    print(
        f"{name}: {person.sum()} people, {(~person).sum()} others, Brier {brier:.4f}, "
        f"area under ROC {area_under_curve(scores, person):.3f}"
    )
    print("| score | rows | mean score | people |\n|---|---|---|---|")
    for low, high in pairwise(BINS):
        rows = (scores >= low) & ((scores < high) | (high == 1))
        if rows.any():
            share = person[rows].mean()
            print(f"| {low}-{high} | {rows.sum()} | {scores[rows].mean():.2f} | {share:.2f} |")


def report_limits(scores: np.ndarray, person: np.ndarray, people: int) -> None:
    """Print who is found and invented if rows below some score are left out."""
    print("| least score | found | invented | precision, recall, F1 |\n|---|---|---|---|")
    for least in LIMITS:
        kept = scores >= least
        c = Counts(found := int((kept & person).sum()), people - found, int((kept & ~person).sum()))
        rates = f"{c.precision:.3f}, {c.recall:.3f}, {c.f1:.3f}"
        print(f"| {least} | {c.found} | {c.invented} | {rates} |")


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit how likely finds are people.")
    parser.add_argument("folder", type=Path, help="pictures of tests/detectors/people.csv")
    folder = parser.parse_args().folder
    loose = BlazePose(person_score=0, finder_score=0.2, face_score=0.3)
    usual = BlazePose(person_score=0)
    empty = rows_in(usual, folder, nobody=True)
    learn = joined(rows_in(loose, folder, nobody=False), empty)
    weights = learnt(learn, np.ones(len(learn.person), bool))
    named = zip(("constant", *SIGNS), weights, strict=True)
    print("person_signs: {" + ", ".join(f"{name}: {value:.2f}" for name, value in named) + "}")
    report("rows learnt from", cross_validated(learn, learn), learn.person)
    known = rows_in(usual, folder, nobody=False)
    both = joined(known, empty)
    report("rows of the usual finders", cross_validated(learn, both), both.person)
    scores = cross_validated(learn, known)
    people = sum((~one.ignore).sum() for half in HALVES for one in read_labels()[half].values())
    report_limits(scores, known.person, int(people))


def _logistic(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-value))


if __name__ == "__main__":
    main()
