"""`executor=here`: one process does everything."""

from dataclasses import dataclass

from pipeline.config import Config
from pipeline.stages.stage import Job, Stage, Track


@dataclass
class Here:
    """Computes nothing in advance; the run does it all itself, stage after stage."""

    def fill(self, stages: list[Stage], jobs: list[Job], config: Config, track: Track) -> None:
        """Do nothing."""
