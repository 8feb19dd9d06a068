"""Stage 1: the frames of a clip -> the detector's own joints."""

import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int32

from detectors.base import (
    Detections,
    Detector,
    DetectorError,
    FindsByName,
    Image,
    Resources,
    SeesPhotosTogether,
    UnknownClipError,
)
from pipeline.checks import existing
from pipeline.config import ConfigError
from pipeline.groups import RuntimeConfig
from pipeline.inputs.images import ClipError
from pipeline.memory import is_short
from pipeline.stages.background import Background
from pipeline.stages.photo_batches import Photos, in_batches
from pipeline.stages.shots import Shots
from pipeline.stages.stage import Done, Job, Stage, Tick, frames_of, timed
from pipeline.storage.cache import plain


@dataclass(frozen=True)
class Detected(Detections):
    """What a detector found, and what its frames say about the camera, row by row.

    Args:
        shot: the camera shot of the video that the row is in.
        moved, together: how the background has moved until then (Background.of). NaN: nothing is
            known; all of it, if they are not given.
    """

    shot: Int32[np.ndarray, " N"] = field(kw_only=True)
    moved: Float32[np.ndarray, "N 4"] = field(kw_only=True, default=None)  # pyright: ignore[reportAssignmentType]
    together: Float32[np.ndarray, " N"] = field(kw_only=True, default=None)  # pyright: ignore[reportAssignmentType]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.moved is None:
            nothing = np.full((len(self), 5), np.nan, np.float32)
            object.__setattr__(self, "moved", nothing[:, :4])
            object.__setattr__(self, "together", nothing[:, 4])


Detect = Callable[[Iterable[Image], str], Detections]
"""Finds the people of a clip's frames; the clip's name."""

Spread = Callable[[Detector, Resources, int], AbstractContextManager[Detect]]
"""How a detector is put to work on about so many frames of videos."""


@contextmanager
def directly(detector: Detector, resources: Resources, frames: int) -> Iterator[Detect]:
    """The detector itself, however many frames there are."""
    yield lambda images, clip_name: detector.detect(images, resources, clip_name)


def detect_stage(detector: Detector, runtime: RuntimeConfig, spread: Spread = directly) -> Stage:
    """The stage of a detector; its network is loaded by the first clip that is not cached.

    A detector that finds clips by their names is told if a clip is the run's only input.

    Raises:
        ConfigError: a file that the detector's options name does not exist.
    """
    stage = _stage_of(detector, runtime, spread)
    other = detector.when_alone() if isinstance(detector, FindsByName) else None
    if other is None:
        return stage
    alone = _stage_of(other, runtime, spread)
    return replace(stage, of=lambda clip: alone if clip.alone else None)


def _stage_of(detector: Detector, runtime: RuntimeConfig, spread: Spread) -> Stage:
    try:
        files = {
            option: path if path.is_dir() else existing(f"detector.{option}", path)
            for option, path in detector.files().items()
        }
    except FileNotFoundError as error:
        raise ConfigError(f"detector: {error}") from error
    settings = asdict(detector)  # pyright: ignore[reportArgumentType]  (dataclasses by contract)
    unread = {*files}  # known by their content
    if not settings.get("alone"):  # so that False is not part of any key
        unread.add("alone")
    options = {name: value for name, value in plain(settings).items() if name not in unread}
    resources = Resources(
        device=runtime.device,
        threads=runtime.threads,
        batch_size=runtime.batch_size,
        weights_dir=Path(runtime.weights_dir),
    )

    together = isinstance(detector, SeesPhotosTogether) and detector.together()

    def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        frames = sum(frames_of(job) or 0 for job in jobs if job.clip.video)
        with spread(detector, resources, frames) as detect:
            for some in in_batches(jobs) if together else [jobs]:
                if together and len(some) > 1:
                    yield from _detect_together(detect, some, tick)
                else:
                    yield from timed(some, lambda job: _detect(detect, job, tick))

    return Stage(
        name="detect",
        version=5,
        config={"detector": type(detector).__name__, **options},
        files=files,
        after=(),
        output=Detected,
        compute=compute,
        nothing=lambda found: None if len(found) else "no person found in it",
    )


def _detect(detect: Detect, job: Job, tick: Tick) -> Detected:
    shots, background, begun = Shots(), Background(), False

    def frames() -> Iterator[Any]:
        nonlocal begun
        begun = True
        for frame in job.clip.frames():
            if job.clip.video:
                shots.see(frame)
                background.see(frame)
            yield frame
            tick()

    with _errors_of_settings(lambda: begun):
        found = detect(frames(), job.clip.path.name)
    moved, together = background.of(found.frame, found.boxes)
    return Detected(**vars(found), shot=shots.of(found.frame), moved=moved, together=together)


def _detect_together(detect: Detect, jobs: list[Job], tick: Tick) -> Iterator[Done]:
    """Photos in one call. If it fails, each is tried alone, so that no other suffers from it."""
    begin = time.perf_counter()
    photos = Photos(jobs)
    try:
        with _errors_of_settings(lambda: photos.begun):
            found = detect(photos.frames(), jobs[0].clip.path.name)
    except ConfigError:
        raise
    except Exception:
        yield from timed(jobs, lambda job: _detect(detect, job, tick))
        return
    seconds = (time.perf_counter() - begin) / len(jobs)
    for job in jobs:
        result = photos.failed.get(job.clip.name) or _photo(found, photos.place[job.clip.name])
        yield Done(job, result, seconds, last=job is jobs[-1])


def _photo(found: Detections, place: int) -> Detected:
    """The people of one photo among several."""
    own = found[found.frame == place]
    own = replace(own, frame=np.zeros(len(own), np.int32))
    return Detected(**vars(own), shot=np.zeros(len(own), np.int32))


@contextmanager
def _errors_of_settings(begun: Callable[[], bool]) -> Iterator[None]:
    """Make errors that are not about a clip into those of a setting.

    Args:
        begun: whether the detector has asked for a frame.
    """
    try:
        yield
    except UnknownClipError as error:
        raise ClipError(f"nobody is known in it: {error}") from error
    # Weights that are absent or damaged, or that would run code.
    except (OSError, ImportError, DetectorError, pickle.UnpicklingError) as error:
        named = str(error).startswith(("detector.", "runtime."))  # the very option
        raise ConfigError(f"{error}" if named else f"detector: {error}") from error
    except Exception as error:
        if begun() or is_short(error):
            raise
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise ConfigError(f"detector: {kind}{error}") from error
