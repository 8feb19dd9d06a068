"""`executor=here`: one process does everything."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from detectors.base import Detector, Resources
from pipeline.config import Config
from pipeline.faults import Fault
from pipeline.stages.detect import Detect, directly
from pipeline.stages.stage import Job, Stage, Track


@dataclass
class Here:
    """Computes nothing in advance; the run does it all itself, stage after stage."""

    def fill(
        self, stages: list[Stage], jobs: list[Job], config: Config, track: Track
    ) -> list[Fault]:
        """Do nothing; nothing fails."""
        return []

    def detecting(
        self, detector: Detector, resources: Resources, frames: int
    ) -> AbstractContextManager[Detect]:
        """The detector itself."""
        return directly(detector, resources, frames)
