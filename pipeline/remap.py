"""Stage 2: the detector's joints, by name, -> the 14 joints of LSP, and points of face and feet."""

from collections.abc import Iterator
from itertools import chain

import numpy as np

from detectors.base import Detections
from fitting.joints import EXTRA, LSP_14, Keypoints
from pipeline.clips import PeopleChoice
from pipeline.config import RemapConfig
from pipeline.joint_tables import Recipe, columns_of, recipes_of
from pipeline.stage import Done, Job, Stage, Tick, timed


def remap_stage(config: RemapConfig, people: PeopleChoice) -> Stage:
    """The stage that names the 14 joints, drops doubtful ones and chooses the people."""

    def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        def one(job: Job) -> Keypoints:
            found = select(job.results["detect"].load(), people)
            return to_lsp(found, job.clip.facts().image_size, config.min_confidence)

        return timed(jobs, one)

    return Stage(
        name="remap",
        version=4,
        config={"min_confidence": config.min_confidence, "people": people.name},
        files={},
        after=("detect",),
        output=Keypoints,
        compute=compute,
    )


def to_lsp(found: Detections, image_size: tuple[int, int], min_confidence: float) -> Keypoints:
    """The 14 LSP joints of every row and the points EXTRA, matched by name.

    What the detector does not have is made of what it has, as pipeline.joint_tables says, or is
    missing; so is what lies outside the image or scores below min_confidence. A made point is as
    sure as the least sure joint it is made of.

    Args:
        found: in any joint order.
        image_size: width, height, px.
        min_confidence: 0..1.
    """
    recipes = recipes_of(found.joint_names)

    def places(names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        xy = np.zeros((len(found), len(names), 2), np.float32)
        confidence = np.zeros((len(found), len(names)), np.float32)
        for column, name in enumerate(names):
            if name in recipes:
                xy[:, column], confidence[:, column] = _made(found, recipes[name])
        inside = ((xy > -0.5) & (xy < np.array(image_size) - 0.5)).all(-1)
        confidence[~inside | (confidence < min_confidence)] = 0
        return xy, confidence

    return Keypoints(found.frame, found.track, *places(LSP_14), *places(EXTRA))


def select(found: Detections, people: PeopleChoice) -> Detections:
    """Everybody, or in each frame the person with the largest box."""
    if people is PeopleChoice.all or not len(found):
        return found
    width, height = (found.boxes[:, 2:] - found.boxes[:, :2]).T
    order = np.lexsort((-width * height, found.frame))  # by frame, then the largest first
    _, first = np.unique(found.frame[order], return_index=True)
    rows = order[first]
    return Detections(
        found.frame[rows], np.zeros(len(rows), np.int32), found.boxes[rows],
        found.keypoints[rows], found.scores[rows], found.joint_names,
    )  # fmt: skip


def _made(found: Detections, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """xy (N, 2) and confidence (N,) of a point."""
    columns = {part: columns_of(part, found.joint_names) for part in recipe.parts()}
    points = {part: found.keypoints[:, sides].mean(1) for part, sides in columns.items()}
    xy = points[recipe.start].copy()
    for factor, to, origin in recipe.steps:
        xy += factor * (points[to] - points[origin])
    return xy, found.scores[:, list(chain(*columns.values()))].min(1)
