"""Stage 2: the detector's joints, by name, -> the 14 joints of LSP, and points of face and feet."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from detectors.base import Detections
from fitting.joints import EXTRA, LSP_14, Keypoints
from pipeline.clips import PeopleChoice
from pipeline.config import RemapConfig, TrackingConfig
from pipeline.stage import Done, Job, Stage, Tick, timed
from pipeline.tracking import identify


@dataclass(frozen=True)
class Approximation:
    """An LSP joint that a detector lacks, from joints it has: start + sum of f (to - origin).

    A name without a side (`shoulder`) is the middle between left and right. `given` names joints
    that tell whose recipe it is, and that have no part in the place or its confidence.
    """

    joint: str
    start: str
    steps: tuple[tuple[float, str, str], ...]
    given: tuple[str, ...] = ()


# Least squares on the 1000 training images of LSP with each detector's own output. LSP's neck is
# half way from the shoulders to the ears, its head top the crown. The first whose joints the
# detector has is used.
APPROXIMATIONS = (
    # BlazePose
    Approximation("neck", "shoulder", ((0.466, "ear", "shoulder"),), given=("mouth",)),
    Approximation("head_top", "shoulder", ((0.882, "ear", "shoulder"), (1.971, "eye", "mouth"))),
    # COCO-17
    Approximation("neck", "shoulder", ((0.500, "ear", "shoulder"), (0.046, "hip", "shoulder"))),
    Approximation(
        "head_top",
        "shoulder",
        ((1.312, "ear", "shoulder"), (0.715, "eye", "nose"), (-0.060, "hip", "shoulder")),
    ),
)


def remap_stage(config: RemapConfig, people: PeopleChoice, tracking: TrackingConfig) -> Stage:
    """The stage that follows and chooses people, names the 14 joints and drops doubtful ones."""

    def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        def one(job: Job) -> Keypoints:
            facts = job.clip.facts()
            found = select(identify(job.results["detect"].load(), facts.fps, tracking), people)
            return to_lsp(found, facts.image_size, config.min_confidence)

        return timed(jobs, one)

    return Stage(
        name="remap",
        version=4,
        config={**asdict(config), "people": people.name, "tracking": asdict(tracking)},
        files={},
        after=("detect",),
        output=Keypoints,
        compute=compute,
    )


def to_lsp(found: Detections, image_size: tuple[int, int], min_confidence: float) -> Keypoints:
    """The 14 LSP joints of every row and the points EXTRA, matched by name.

    An LSP joint that the detector does not have is approximated or missing, one of EXTRA is
    missing; what lies outside the image or scores below min_confidence is missing. An approximated
    joint is as sure as the least sure joint it is made of.

    Args:
        found: in any joint order.
        image_size: width, height, px.
        min_confidence: 0..1.
    """

    def places(names: tuple[str, ...], locate: Callable) -> tuple[np.ndarray, np.ndarray]:
        xy = np.zeros((len(found), len(names), 2), np.float32)
        confidence = np.zeros((len(found), len(names)), np.float32)
        for column, name in enumerate(names):
            place = locate(found, name)
            if place is not None:
                xy[:, column], confidence[:, column] = place
        inside = ((xy > -0.5) & (xy < np.array(image_size) - 0.5)).all(-1)
        confidence[~inside | (confidence < min_confidence)] = 0
        return xy, confidence

    joints, extra = places(LSP_14, _locate), places(EXTRA, _point)
    return Keypoints(found.frame, found.track, *joints, *extra)


def select(found: Detections, people: PeopleChoice) -> Detections:
    """Everybody, or the person whose boxes are largest, summed over the frames of the clip."""
    if people is PeopleChoice.all or not len(found):
        return found
    areas = np.prod(found.boxes[:, 2:] - found.boxes[:, :2], axis=1)
    rows = found.track == np.bincount(found.track, areas).argmax()
    return Detections(
        found.frame[rows], np.zeros(rows.sum(), np.int32), found.boxes[rows],
        found.keypoints[rows], found.scores[rows], found.joint_names,
    )  # fmt: skip


def _locate(found: Detections, joint: str) -> tuple[np.ndarray, np.ndarray] | None:
    """xy (N, 2) and confidence (N,) of an LSP joint, exact or approximated; None = neither."""
    exact = _point(found, joint)
    if exact:
        return exact
    for recipe in APPROXIMATIONS:
        names = {recipe.start, *(name for step in recipe.steps for name in step[1:])}
        points = {name: point for name in names if (point := _point(found, name))}
        has_all = len(points) == len(names) and all(_point(found, n) for n in recipe.given)
        if recipe.joint != joint or not has_all:
            continue
        xy = points[recipe.start][0].copy()
        for factor, to, origin in recipe.steps:
            xy += factor * (points[to][0] - points[origin][0])
        return xy, np.min([confidence for _, confidence in points.values()], axis=0)
    return None


def _point(found: Detections, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """A joint by its name, or the middle of its left and right one."""
    names = found.joint_names
    sides = [name] if name in names else [f"left_{name}", f"right_{name}"]
    if not all(side in names for side in sides):
        return None
    columns = [names.index(side) for side in sides]
    return found.keypoints[:, columns].mean(1), found.scores[:, columns].min(1)
