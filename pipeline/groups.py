"""The groups of settings that belong to the pipeline itself; their values are in conf/ only."""

import re
from dataclasses import dataclass
from enum import Enum

from omegaconf import MISSING

from pipeline.drawing.rasterizers import Backend


class Picture(Enum):
    """What is drawn: the bodies over the photo, also a view from 90 degrees, the fitted joints over
    the photo, the bodies on white, the bodies turning round, or nothing."""

    overlay = "overlay"
    side_by_side = "side_by_side"
    skeleton = "skeleton"
    white = "white"
    turntable = "turntable"
    none = "none"


class Progress(Enum):
    """How a run tells how far it is: bars for people, or lines of JSON for other programs."""

    bars = "bars"
    lines = "lines"


@dataclass
class CalibrationConfig:
    """What a detector's keypoints mean; it changes no detection.

    Args:
        confidence_sigma: pairs of a score and the error to expect with it, in torso lengths
            (tools/calibrate_confidence.py).
        landmark_offsets: how far its landmarks lie from the body's points, m
            (tools/fit_landmark_offsets.py); {}: nobody has measured it.
        beyond_edge: how far outside the picture its guesses are worth something, as a share of the
            picture's side (benchmarks.cut_off); 0: nowhere. The remap stage reads it as
            remap.beyond_edge.
        doubtful: the confidence that a knee or ankle which the detector invents does not reach;
            0: not known. Fits read it as fit.doubtful.
    """

    confidence_sigma: list[list[float]] = MISSING
    landmark_offsets: dict[str, list[float]] = MISSING
    beyond_edge: float = MISSING
    doubtful: float = MISSING


@dataclass
class RemapConfig:
    """min_confidence: joints that the detector scores lower are dropped, 0..1. beyond_edge: so are
    joints farther outside the picture than this share of its side; nearer ones count as guesses."""

    min_confidence: float = MISSING
    beyond_edge: float = MISSING

    def __post_init__(self) -> None:
        _within("remap.beyond_edge", self.beyond_edge, 0, 10)
        _within("remap.min_confidence", self.min_confidence, 0, 1)


@dataclass
class TrackingConfig:
    """How the people of a video are followed.

    Args:
        max_gap: a person who is not seen for longer than this gets a new number, s.
        min_similarity: somebody less alike than this to what was expected is another person, 0..1.
        min_frames: people who are seen in fewer frames are left out.
    """

    max_gap: float = MISSING
    min_similarity: float = MISSING
    min_frames: int = MISSING

    def __post_init__(self) -> None:
        _within("tracking.max_gap", self.max_gap, 0, 60)
        _within("tracking.min_similarity", self.min_similarity, 0, 1)
        _within("tracking.min_frames", self.min_frames, 1, 1000)


@dataclass
class RenderConfig:
    """What pictures show.

    Args:
        picture: what is drawn.
        backend: what draws it.
        opacity: of bodies over the photo, 0..1.
        crop: only the part of the input that people are in.
        max_side: a longer side (of each panel) is made this long, px; None: it stays as it is.
        max_expected_error: views from elsewhere and crops are framed without people whose expected
            error is above this, mm; None: with everybody.
    """

    picture: Picture = MISSING
    backend: Backend = MISSING
    opacity: float = MISSING
    crop: bool = MISSING
    max_side: int | None = MISSING
    max_expected_error: float | None = MISSING

    def __post_init__(self) -> None:
        _within("render.opacity", self.opacity, 0, 1)
        if self.max_side is not None and self.max_side < 16:
            raise ValueError(f"render.max_side: expected 16 px or more, got {self.max_side}")
        if self.max_expected_error is not None and not self.max_expected_error > 0:
            got = self.max_expected_error
            raise ValueError(f"render.max_expected_error: expected mm above 0, or null, got {got}")


@dataclass
class ModelsConfig:
    """bodies: folder with {neutral,female,male}.npz or official SMPL files, or one file.
    pose_prior: npz or gmm_08.pkl. pose_library: npz of poses to start from (fit.starts). lifter:
    npz of the network (fit.lookup). fusion: npz that tells what a detector's 3-D joints are worth
    beside the lifter's; null: they are not used. Relative paths start at the project's folder."""

    bodies: str = MISSING
    pose_prior: str = MISSING
    pose_library: str = MISSING
    lifter: str = MISSING
    fusion: str | None = MISSING


@dataclass
class RuntimeConfig:
    """Where and how fast; nothing here changes a result.

    Args:
        device: torch device of the fit and of mmpose.
        threads: CPU threads of torch.
        batch_size: people per solve, and crops per forward pass of mmpose.
        cache_dir, output_dir, weights_dir: folders, relative to the working directory.
        progress: bars on a terminal, or a line of JSON on stdout for each step (docs/app.md).
        shard: the part of the inputs that this run works on, e.g. 3/16; None: all of them.
        show, release_layout: old names of the formats `progress` and `release` of `export`.
    """

    device: str = MISSING
    threads: int = MISSING
    batch_size: int = MISSING
    cache_dir: str = MISSING
    output_dir: str = MISSING
    weights_dir: str = MISSING
    show: bool = MISSING
    release_layout: bool = MISSING
    progress: Progress = MISSING
    shard: str | None = MISSING

    def __post_init__(self) -> None:
        for name in ("threads", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"runtime.{name}: expected 1 or more, got {getattr(self, name)}")
        if not re.fullmatch(r"[a-z]+(:\d+)?", self.device):
            raise ValueError(f"runtime.device: expected e.g. cpu or cuda:0, got {self.device!r}")
        own = "1/1" if self.shard in (None, MISSING) else self.shard
        shard = re.fullmatch(r"(\d{1,6})/(\d{1,6})", own)
        if not shard or not 1 <= int(shard[1]) <= int(shard[2]):
            raise ValueError(
                f"runtime.shard: expected which of how many, e.g. 3/16, got {self.shard!r}"
            )


def _within(key: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{key}: expected {low}..{high}, got {value}")
