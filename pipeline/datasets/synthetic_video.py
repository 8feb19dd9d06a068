"""data=synthetic_video: drawn clips, the detector that sees them, and the truth about them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detectors.base import Detections, Image, Resources
from fitting.camera import focal_length_px
from fitting.joints import EXTRA, LSP_14
from pipeline.checks import existing
from pipeline.config import Config, ConfigError
from pipeline.datasets.backdrop import backdrop
from pipeline.datasets.simulated_detector import Faults, seen_by
from pipeline.datasets.synthetic import IMAGE_SIDE, load_errors
from pipeline.datasets.synthetic_clips import (
    CameraMotion,
    Motions,
    TrueFrames,
    draw_clip,
    load_motions,
)
from pipeline.datasets.synthetic_data import files_of
from pipeline.datasets.video_evaluation import as_detected, clip_errors, followed
from pipeline.evaluation.evaluate import Evaluation
from pipeline.inputs.clips import Clip, PeopleChoice, at_least_one, choice
from pipeline.inputs.images import Facts
from pipeline.inputs.videos import VideoReader
from pipeline.stages.stage import Job
from pipeline.storage.cache import digest, key_of

if TYPE_CHECKING:
    from fitting.body.body_model import BodyModel
    from fitting.body.kinematics import Kinematics
    from pipeline.inputs.clips import Found

_DRAWING = 3  # part of every key; raise it when a seed gives other clips
_PREFIX = "clip"


@dataclass
class Filming:
    """The settings that clips are drawn from.

    Args:
        seed: a different one draws different bodies, cameras and errors.
        body: file of the body that everybody has, like `Drawing.body` of data=synthetic.
        motions: npz of tools/select_test_clips.py.
        camera: static | panning.
        errors: npz of a detector's errors (tools/collect_detector_errors.py); null: no errors, no
            swaps and no gaps.
        extras: whether points of face and feet are given too.
        hold, jitter, swaps, swap_length, gaps, gap_length: how long errors last (`Faults`).
    """

    seed: int
    body: str
    motions: str
    camera: str
    errors: str | None
    extras: bool
    hold: float
    jitter: float
    swaps: float
    swap_length: float
    gaps: float
    gap_length: float

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"data.seed: expected 0 or more, got {self.seed}")
        choice("data.camera", CameraMotion, self.camera)
        for name in ("swaps", "gaps"):
            if not 0 <= getattr(self, name) <= 0.5:
                raise ValueError(f"data.{name}: expected 0..0.5, got {getattr(self, name)}")
        for name in ("hold", "jitter", "swap_length", "gap_length"):
            if not 0 <= getattr(self, name) <= 60:
                raise ValueError(f"data.{name}: expected 0..60, got {getattr(self, name)}")
        self._kinematics: Kinematics | None = None
        self._body: BodyModel | None = None
        self._motions: Motions | None = None
        self._drawn: dict[int, TrueFrames] = {}

    def files(self) -> dict[str, Path]:
        """The files by the option that names them.

        Raises:
            ConfigError: one does not exist.
        """
        return files_of(self.body, {"motions": self.motions, "errors": self.errors})

    def true(self, index: int) -> TrueFrames:
        """The truth about a clip, and what the detector sees."""
        if index not in self._drawn:
            try:
                faults = self._faults()
                kinematics, motions = self.kinematics(), self.captured()
            except ValueError as error:
                raise ConfigError(f"data: {error}") from error
            clean = draw_clip(index, kinematics, motions, CameraMotion(self.camera), self.seed)
            rng = np.random.default_rng([self.seed, index, 1])
            self._drawn[index] = seen_by(faults, clean, motions.fps, rng)
        return self._drawn[index]

    def captured(self) -> Motions:
        """The motions to draw."""
        self._motions = self._motions or load_motions(self.files()["motions"])
        return self._motions

    def body_model(self) -> "BodyModel":
        """The body that everybody has."""
        from fitting.body.body_model import load_body_model

        self._body = self._body or load_body_model(self.files()["body"])
        return self._body

    def kinematics(self) -> "Kinematics":
        """The kinematics of that body, with the points EXTRA."""
        from fitting.body.kinematics import Kinematics

        self._kinematics = self._kinematics or Kinematics(self.body_model(), extras=True)
        return self._kinematics

    def _faults(self) -> Faults:
        files = self.files()
        errors = load_errors(files["errors"]) if "errors" in files else None
        return Faults(
            errors,
            self.hold,
            self.jitter,
            self.swaps,
            self.swap_length,
            self.gaps,
            self.gap_length,
        )


@dataclass(frozen=True)
class DrawnVideo(Clip):
    """One person who moves; `data` draws them when a stage needs it, or has them on film."""

    data: "SyntheticVideo | None" = None
    index: int = 0

    def facts(self) -> Facts:
        """Size, length, frame rate, and the focal length if the data gives it."""
        assert self.data
        captured, size = self.data.captured(), (IMAGE_SIDE, IMAGE_SIDE)
        frames = len(captured.poses[self.index % len(captured.poses)])
        exif = None
        if self.data.known_focal_length:
            focal_length = float(self.data.true(self.index).camera.focal_length[0])
            exif = focal_length / focal_length_px("auto", size, 1.0)
        return Facts(size, frames, captured.fps, exif)

    def frames(self) -> Iterator[Image]:
        """The film, or what is behind a person who exists as keypoints only."""
        assert self.data
        if self.data.films:
            yield from super().frames()
            return
        true = self.data.true(self.index)
        rotation, focal_length = true.world_from_camera, float(true.camera.focal_length[0])
        frame = backdrop(rotation[0].T, focal_length, self.index)
        for number in range(len(true)):
            if (rotation[number] != rotation[max(number - 1, 0)]).any():
                frame = backdrop(rotation[number].T, focal_length, self.index)
            yield frame


@dataclass
class SyntheticVideoDetector(Filming):
    """Sees in clip `clip007` the person that was drawn for it."""

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        """The drawn keypoints of the frames in which the person was found, in LSP's joints and,
        with `extras`, EXTRA."""
        import torch

        torch.set_num_threads(resources.threads)
        digits = clip_name.removeprefix(_PREFIX)
        if not digits.isdecimal():
            raise ValueError(
                f"detector=synthetic_video works only with data=synthetic_video, got {clip_name}"
            )
        true = self.true(int(digits))
        seen = true.keypoints[true.found & (np.arange(len(true)) < len(list(frames)))]
        xy, scores, names = seen.xy, seen.confidence, LSP_14
        if self.extras:
            xy = np.concatenate([xy, seen.extra_xy], 1)
            scores = np.concatenate([scores, seen.extra_confidence], 1)
            names = LSP_14 + EXTRA
        boxes = np.concatenate([xy.min(1), xy.max(1)], 1)
        return Detections(seen.frame, seen.track, boxes, xy, scores, names)


@dataclass
class SyntheticVideo(Filming):
    """`n` drawn clips; the truth about all of them is known.

    Args:
        n: how many clips, of the motions in turn.
        known_focal_length: whether the fit is told the true one, as EXIF would.
        films: folder of tools/film_test_clips.py, for real detectors; null: pictures are grey.
    """

    n: int
    known_focal_length: bool
    films: str | None
    people: PeopleChoice = PeopleChoice.all

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least_one("data.n", self.n)

    def clips(self) -> "Found":
        """All of them, not drawn yet; the detect stage's key has the settings they are drawn
        from."""
        return [self._clip(index) for index in range(self.n)], []

    def evaluate(self, jobs: list[Job], config: Config) -> Evaluation:
        """Errors of every clip, as defined in pipeline.datasets.video_evaluation."""
        import torch

        torch.set_num_threads(config.runtime.threads)
        by_name = {job.clip.name: job for job in jobs if "fit" in job.results}
        names = tuple(_name(index) for index in range(self.n))
        found: dict[int, dict[str, float]] = {}
        for index, name in enumerate(names):
            if name in by_name:
                found[index] = self._errors(by_name[name], index)
        columns = {
            column: np.array([found[i][column] if i in found else np.nan for i in range(self.n)])
            for column in next(iter(found.values()), {})
        }
        fitted = np.array([index in found for index in range(self.n)])
        return Evaluation(names, fitted, columns)

    def _errors(self, job: Job, index: int) -> dict[str, float]:
        truth = self.true(index)
        person = followed(job, truth, self.kinematics())
        if self.films:
            truth = as_detected(truth, person.keypoints)
        return clip_errors(person, truth, self.captured().fps, self.body_model())

    def _clip(self, index: int) -> DrawnVideo:
        name = _name(index)
        path, seen = Path("synthetic_video") / name, None
        if self.films:
            path = existing("data.films", Path(self.films).expanduser() / f"{name}.mp4")
            seen = digest(path)
        key = key_of("synthetic_video", _DRAWING, self.seed, index, self.known_focal_length, seen)
        return DrawnVideo(name, path, key, VideoReader(), data=self, index=index)


def _name(index: int) -> str:
    return f"{_PREFIX}{index:03d}"
