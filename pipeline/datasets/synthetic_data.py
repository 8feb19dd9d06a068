"""data=synthetic: drawn people as clips, the detector that sees them, and the truth about them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detectors.base import Detections, Image, Resources
from fitting.body.body_files import GENDERS, matching_bodies
from fitting.camera import focal_length_px
from fitting.joints import EXTRA, LSP_14
from fitting.result import FitResult
from pipeline.checks import existing, project_path
from pipeline.config import Config, ConfigError
from pipeline.datasets.synthetic import BLOCK, IMAGE_SIDE, Cases, draw_block, load_errors, torso_px
from pipeline.evaluation.evaluate import Evaluation
from pipeline.evaluation.metrics import area_under_curve, body_errors
from pipeline.inputs.clips import Clip, Found, PeopleChoice
from pipeline.inputs.images import Facts
from pipeline.stages.stage import Job
from pipeline.storage.cache import key_of

if TYPE_CHECKING:
    from fitting.body.body_model import BodyModel

_DRAWING = 2  # part of every key; raise it when a seed gives other people
_FAILED = 150  # mm of PA-MPJPE: nothing of the pose is right
_WORST = 0.9  # quantile of PA-MPJPE above which a fit should be known as unreliable


@dataclass(frozen=True)
class SyntheticClip(Clip):
    """One person alone in a plain grey square. `focal_length` (px), if the camera is known, is
    called only when a stage needs it, because drawing takes torch."""

    focal_length: Callable[[], float] | None = None

    def facts(self) -> Facts:
        """The size, and the focal length in the form that EXIF has."""
        size, exif = (IMAGE_SIDE, IMAGE_SIDE), None
        if self.focal_length:
            exif = self.focal_length() / focal_length_px("auto", size, 1.0)
        return Facts(image_size=size, exif_focal_35mm=exif)

    def frames(self) -> Iterator[Image]:
        """The empty square; its person exists as keypoints only."""
        yield np.full((IMAGE_SIDE, IMAGE_SIDE, 3), 128, np.uint8)


@dataclass
class Drawing:
    """The settings that people are drawn from.

    Args:
        seed: a different one draws different people.
        body: file of the body that all of them have; BODIES/GENDER.npz means the gender's body in
            BODIES, a folder or file like models.bodies, whatever its name.
        poses: npz of poses to draw from, in the form of the pose library; not the one that fits
            start from.
        errors: npz of a detector's errors (tools/collect_detector_errors.py); null: none.
        extras: whether points of face and feet are given too.
        pitch: how far cameras look down at people on average, degrees, -90..90.
    """

    seed: int
    body: str
    poses: str
    errors: str | None
    extras: bool
    pitch: float

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"data.seed: expected 0 or more, got {self.seed}")
        if not abs(self.pitch) <= 90:
            raise ValueError(f"data.pitch: expected -90 to 90 degrees, got {self.pitch}")
        self._draw: Callable[[int], Cases] | None = None
        self._body: BodyModel | None = None
        self._blocks: dict[int, Cases] = {}

    def files(self) -> dict[str, Path]:
        """The files by the option that names them.

        Raises:
            ConfigError: one does not exist.
        """
        return files_of(self.body, {"poses": self.poses, "errors": self.errors})

    def case(self, index: int) -> Cases:
        """One person: Cases of one row."""
        number, row = divmod(index, BLOCK)
        if number not in self._blocks:
            self._draw = self._draw or self._artist()
            self._blocks[number] = self._draw(number)
        return self._blocks[number][row : row + 1]

    def body_model(self) -> "BodyModel":
        """The body that they have."""
        from fitting.body.body_model import load_body_model

        self._body = self._body or load_body_model(self.files()["body"])
        return self._body

    def _artist(self) -> Callable[[int], Cases]:
        """Draws a block of people by its number."""
        from fitting.body.kinematics import Kinematics
        from fitting.starts.retrieval import load_pose_library

        files = self.files()
        try:
            errors = load_errors(files["errors"]) if "errors" in files else None
            poses = load_pose_library(files["poses"])
            kinematics = Kinematics(self.body_model(), extras=True)
        except ValueError as error:
            raise ConfigError(f"data: {error}") from error
        return partial(
            draw_block,
            kinematics=kinematics,
            poses=poses,
            errors=errors,
            seed=self.seed,
            pitch=self.pitch,
        )


@dataclass
class SyntheticDetector(Drawing):
    """Sees in clip `case0007` the person that was drawn for it."""

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        """The drawn keypoints, in LSP's joints and, with `extras`, EXTRA."""
        import torch

        torch.set_num_threads(resources.threads)
        digits = clip_name.removeprefix("case")
        if not digits.isdecimal():
            raise ValueError(f"detector=synthetic works only with data=synthetic, got {clip_name}")
        seen = self.case(int(digits)).keypoints
        xy, scores, names = seen.xy, seen.confidence, LSP_14
        if self.extras:
            xy = np.concatenate([xy, seen.extra_xy], 1)
            scores = np.concatenate([scores, seen.extra_confidence], 1)
            names = LSP_14 + EXTRA
        n = len(list(frames))
        box = np.concatenate([xy.min(1), xy.max(1)], 1)
        return Detections(
            np.arange(n, dtype=np.int32),
            np.zeros(n, np.int32),
            np.repeat(box, n, 0),
            np.repeat(xy, n, 0),
            np.repeat(scores, n, 0),
            names,
        )


@dataclass
class Synthetic(Drawing):
    """`n` drawn people, each in a clip of their own; the truth about all of them is known.

    Args:
        n: people.
        known_focal_length: whether the fit is told the true one, as EXIF would.
    """

    n: int
    known_focal_length: bool
    people: PeopleChoice = PeopleChoice.all

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n < 1:
            raise ValueError(f"data.n: expected 1 or more, got {self.n}")

    def clips(self) -> Found:
        """All of them, not drawn yet; the detect stage's key has the settings they are drawn
        from."""
        return [self._clip(index) for index in range(self.n)], []

    def evaluate(self, jobs: list[Job], config: Config) -> Evaluation:
        """Errors of bodies and pixels of every person, as defined in
        pipeline.evaluation.metrics."""
        import torch

        torch.set_num_threads(config.runtime.threads)
        results = {job.clip.name: job.results["fit"] for job in jobs if "fit" in job.results}
        names = tuple(self._name(index) for index in range(self.n))
        rows = np.array([i for i, name in enumerate(names) if name in results], int)
        columns: dict[str, np.ndarray] = {}
        if len(rows):
            found = FitResult.concatenate([results[names[row]].load() for row in rows])
            columns = self._errors(rows, found)
            columns["seconds"] = np.array([results[names[row]].seconds for row in rows])
        fitted = np.zeros(self.n, bool)
        fitted[rows] = True
        figures = figures_of(columns) if len(rows) else {}
        return Evaluation(
            names, fitted, {k: _placed(fitted, v) for k, v in columns.items()}, figures
        )

    def _errors(self, rows: np.ndarray, found: FitResult) -> dict[str, np.ndarray]:
        truth = Cases.concatenate([self.case(int(row)) for row in rows])
        columns = body_errors(found, truth.params, truth.joints, self.body_model())
        columns["reprojection_error_px"] = found.reprojection_error
        columns["reprojection_error_torso"] = found.reprojection_error / torso_px(truth)
        columns["expected_error_mm"] = 1000 * found.expected_error
        return columns

    def _clip(self, index: int) -> SyntheticClip:
        name = self._name(index)
        focal_length = partial(self._focal_length, index) if self.known_focal_length else None
        key = key_of("synthetic", _DRAWING, self.seed, index, self.known_focal_length)
        return SyntheticClip(name, Path("synthetic") / name, key, focal_length=focal_length)

    def _focal_length(self, index: int) -> float:
        return float(self.case(index).camera.focal_length[0])

    def _name(self, index: int) -> str:
        return f"case{index:04d}"


def files_of(body: str, others: dict[str, str | None]) -> dict[str, Path]:
    """The files that options of `data` name, a body by its gender as `Drawing.body` says.

    Raises:
        ConfigError: one does not exist.
    """
    path = project_path(body)
    named = matching_bodies(path.parent, path.stem) if path.stem in GENDERS else []
    files = {"body": named[0] if named else existing("data.body", path)}
    return files | {n: existing(f"data.{n}", project_path(p)) for n, p in others.items() if p}


def figures_of(columns: dict[str, np.ndarray]) -> dict[str, float]:
    """How many fits failed, and how well their expected error tells the worst tenth from the others
    (ROC's area, 0.5 is chance)."""
    aligned = columns["pa_mpjpe_mm"]
    figures: dict[str, float] = {f"worse_than_{_FAILED}_mm_pa": int((aligned > _FAILED).sum())}
    worst = aligned > np.quantile(aligned, _WORST) if len(aligned) else np.zeros(0, bool)
    figures["auc_of_worst_10_percent"] = area_under_curve(columns["expected_error_mm"], worst)
    return figures


def _placed(fitted: np.ndarray, values: np.ndarray) -> np.ndarray:
    column = np.full(len(fitted), np.nan)
    column[fitted] = values
    return column
