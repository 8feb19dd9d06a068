"""Stage 1: the frames of a clip -> the detector's own joints."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from detectors.base import Detections, Detector, Resources
from pipeline.cache import plain
from pipeline.clips import Skipped
from pipeline.config import RuntimeConfig
from pipeline.images import ClipError
from pipeline.stage import Done, Job, Stage, Tick, timed


def detect_stage(detector: Detector, runtime: RuntimeConfig) -> Stage:
    """The stage of a detector; its network is loaded by the first clip that is not cached."""
    files = detector.files()
    options = {name: value for name, value in plain(asdict(detector)).items() if name not in files}
    resources = Resources(
        device=runtime.device,
        threads=runtime.threads,
        batch_size=runtime.batch_size,
        weights_dir=Path(runtime.weights_dir),
    )

    def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        return timed(jobs, lambda job: _detect(detector, resources, job, tick))

    return Stage(
        name="detect",
        version=1,
        config={"detector": type(detector).__name__, **options},
        files=files,
        after=(),
        output=Detections,
        compute=compute,
        nothing=lambda found: None if len(found) else "no person found in it",
    )


def _detect(detector: Detector, resources: Resources, job: Job, tick: Tick) -> Detections | Skipped:
    def frames() -> Iterator[Any]:
        for frame in job.clip.frames():
            yield frame
            tick()

    try:
        return detector.detect(frames(), resources, job.clip.path.name)
    except ClipError as error:
        return Skipped(job.clip.path, str(error))
