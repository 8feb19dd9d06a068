"""Drawn clips, and jobs of them as the stages leave them."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from fitting import FitResult
from fitting.joints import Keypoints
from fitting.sequence.motion import Motion
from pipeline.config import Config
from pipeline.datasets.synthetic_clips import TrueFrames
from pipeline.datasets.synthetic_video import SyntheticVideo
from pipeline.groups import RuntimeConfig
from pipeline.stages.stage import Job
from tests.pipeline.fake_detector import fit_result

SHORT = 6  # the number of the motion with the fewest frames
SOURCES: dict[str, Any] = {
    "seed": 0,
    "body": "assets/bodies/neutral.npz",
    "motions": "assets/test_clips.npz",
    "camera": "static",
    "errors": "assets/detector_errors_movenet.npz",
    "extras": False,
    "hold": 0.33,
    "jitter": 0.012,
    "swaps": 0.2,
    "swap_length": 0.3,
    "gaps": 0.1,
    "gap_length": 0.2,
}
CLEAN: dict[str, Any] = {"errors": None}
CONFIG = Config(runtime=RuntimeConfig("cpu", 1, 256, "c", "o", "w", False, False))


def source(**changes: Any) -> SyntheticVideo:
    return SyntheticVideo(
        **{**SOURCES, "n": 7, "known_focal_length": False, "films": None, **changes}
    )


def perfect(true: TrueFrames) -> FitResult:
    n = len(true)
    frame = np.arange(n, dtype=np.int32)
    return replace(
        fit_result(n),
        frame=frame,
        track=np.zeros(n, np.int32),
        params=true.params,
        camera=true.camera,
        joints=true.joints,
    )


def job(data: SyntheticVideo, seen: Keypoints | None = None, **results: FitResult | Motion) -> Job:
    """Of the clip SHORT, with these stages' results after what was `seen`, or was drawn."""
    true = data.true(SHORT)
    seen = true.keypoints[true.found] if seen is None else seen
    artefacts: Any = {
        name: SimpleNamespace(load=lambda result=result: result, seconds=0.96)
        for name, result in {"remap": seen, **results}.items()
    }
    return Job(data.clips()[0][SHORT], artefacts)
