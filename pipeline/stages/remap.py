"""Stage 2: the detector's joints, by name, -> the 14 joints of LSP, and points of face and feet."""

import logging
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import chain

import numpy as np

from detectors.base import Detections
from fitting.joints import EXTRA, LSP_14, POINTS, Keypoints
from pipeline.groups import RemapConfig, TrackingConfig
from pipeline.inputs.clips import PeopleChoice
from pipeline.stages.joint_tables import Recipe, columns_of, recipes_of
from pipeline.stages.stage import Done, Job, Stage, Tick, timed
from pipeline.stages.tracking import identify, lasting

GUESS = 0.3
"""The most confidence of a point outside the picture."""

SEEN = 0.5
"""The least confidence of a joint that counts as seen."""

_log = logging.getLogger(__name__)


def remap_stage(config: RemapConfig, people: PeopleChoice, tracking: TrackingConfig) -> Stage:
    """The stage that follows and chooses people, names the 14 joints and drops doubtful ones."""

    def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        def one(job: Job) -> Keypoints:
            facts = job.clip.facts()
            seen = job.results["detect"].load()
            seconds = facts.seconds_of(seen.frame)
            found = identify(seen, facts.fps, tracking, seconds)
            if job.clip.video:
                found = _lasting(found, tracking.min_frames, job)
            found = select(found, people)
            size = facts.image_size
            return to_lsp(found, size, config.min_confidence, config.beyond_edge)

        return timed(jobs, one)

    return Stage(
        name="remap",
        version=9,
        config={**asdict(config), "people": people.name, "tracking": asdict(tracking)},
        files={},
        after=("detect",),
        output=Keypoints,
        compute=compute,
    )


def _lasting(found: Detections, min_frames: int, job: Job) -> Detections:
    """Leave out people who flash up: most are nobody, or parts of two people."""
    stays = lasting(found, min_frames)
    if not stays.all():
        gone = len(np.unique(found.track[~stays]))
        _log.warning(
            "%s: %d short tracks left out, of people seen in fewer than %d frames "
            "(tracking.min_frames=1 keeps them)",
            job.clip.path,
            gone,
            min_frames,
        )
    found = found[stays]
    return replace(found, track=np.unique(found.track, return_inverse=True)[1].astype(np.int32))


def to_lsp(
    found: Detections,
    image_size: tuple[int, int],
    min_confidence: float,
    beyond_edge: float = 0.0,
) -> Keypoints:
    """The 14 LSP joints of every row and the points EXTRA, matched by name.

    Points that the detector lacks are made of its joints, as pipeline.stages.joint_tables says, or
    are missing. So are points with a score below min_confidence, and points outside the image;
    those within `beyond_edge` stay as guesses, with a confidence of GUESS at most. A point that is
    made of joints is as sure as the least sure of them.

    Args:
        found: detections in any joint order.
        image_size: width, height, px.
        min_confidence: 0..1.
        beyond_edge: share of the image's width and height.
    """
    recipes = recipes_of(found.joint_names)

    def places(names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        xy = np.zeros((len(found), len(names), 2), np.float32)
        confidence = np.zeros((len(found), len(names)), np.float32)
        for column, name in enumerate(names):
            if name in recipes:
                xy[:, column], confidence[:, column] = _made(found, recipes[name])
        confidence[confidence < min_confidence] = 0
        out = ~inside(xy, image_size)
        near = inside(xy, image_size, beyond_edge) if beyond_edge else ~out
        confidence[out] = np.minimum(confidence, GUESS)[out]
        confidence[~near] = 0
        return xy, confidence

    seen = (*places(LSP_14), *places(EXTRA))
    lifted = _lifted(found, recipes)
    return Keypoints(found.frame, found.track, *seen, lifted, found.person_score)


def inside(xy: np.ndarray, image_size: tuple[int, int], margin: float = 0.0) -> np.ndarray:
    """Which points (..., 2) lie in the image, or within a margin around it, a share of its
    sides."""
    size = np.array(image_size)
    low, high = -0.5 - margin * size, (1 + margin) * size - 0.5
    return ((xy > low) & (xy < high)).all(-1)


def seen_joints(keypoints: Keypoints, image_size: tuple[int, int]) -> np.ndarray:
    """Which LSP joints (N, 14) of each row the detector saw: in the image, and more than
    guessed."""
    return (keypoints.confidence >= SEEN) & inside(keypoints.xy, image_size)


def select(found: Detections, people: PeopleChoice) -> Detections:
    """Everybody, or the person with the largest boxes, summed over the frames of the clip."""
    if people is PeopleChoice.all or not len(found):
        return found
    areas = np.prod(found.boxes[:, 2:] - found.boxes[:, :2], axis=1)
    rows = found.track == np.bincount(found.track, areas).argmax()
    return replace(found[rows], track=np.zeros(rows.sum(), np.int32))


def _made(found: Detections, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """xy (N, 2) and confidence (N,) of a point."""
    columns = [columns_of(part, found.joint_names) for part in recipe.parts()]
    confidence = found.scores[:, list(chain(*columns))].min(1)
    return _placed(found.keypoints, found.joint_names, recipe), confidence


def _lifted(found: Detections, recipes: dict[str, Recipe]) -> np.ndarray:
    """3-D positions (N, 25, 3) of POINTS; conversions are sums of differences, so they hold in
    3-D."""
    points = np.full((len(found), len(POINTS), 3), np.nan, np.float32)
    for column, name in enumerate(POINTS):
        if found.lifted and name in recipes:
            points[:, column] = _placed(found.keypoints_3d, found.joint_names, recipes[name])
    return points


def _placed(joints: np.ndarray, names: tuple[str, ...], recipe: Recipe) -> np.ndarray:
    """A point (N, D) made of joints (N, K, D)."""
    points = {part: joints[:, columns_of(part, names)].mean(1) for part in recipe.parts()}
    place = points[recipe.start].copy()
    for factor, to, origin in recipe.steps:
        place += factor * (points[to] - points[origin])
    return place
