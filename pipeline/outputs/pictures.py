"""`export=[picture, progress]`: the pictures that the render and progress stages have drawn."""

import logging
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.groups import Picture
from pipeline.inputs.videos import has_sound
from pipeline.outputs.writer import Files, Run, Writer, write_file
from pipeline.stages.progress import progress_stage
from pipeline.stages.render import render_stage
from pipeline.stages.stage import Job, Stage

_LISTENED_TO = 10  # videos; asking takes a tenth of a second each
_log = logging.getLogger(__name__)


@dataclass
class Pictures(Writer):
    """<name>.jpg or <name>.mp4: the bodies over the input, as the group `render` says."""

    def stages(self, config: Config) -> list[Stage]:
        """The render stage, unless the settings say to draw nothing."""
        if config.render.picture is Picture.none:
            return []
        return [render_stage(config.render, config.fit, config.models, config.runtime)]

    def write(self, job: Job, run: Run) -> Files:
        """Copy the picture out of the cache."""
        if "render" not in job.results:
            return {}
        return {"picture": _copied(job, "render", "", run.folder)}

    def close(self, run: Run, summary: dict[str, Any]) -> None:
        """Tell the user once that the pictures of videos are silent."""
        drawn = (job.clip for job in run.jobs if job.clip.video and "render" in job.results)
        for clip in islice(drawn, _LISTENED_TO):
            if has_sound(clip.path):
                _log.warning("%s: its sound is left out, as in every video", clip.path)
                return


@dataclass
class Progress(Writer):
    """<name>-progress.mp4: the bodies after every stage of the fit, and what each term cost."""

    def stages(self, config: Config) -> list[Stage]:
        """The stage that draws the animation."""
        return [progress_stage(config.render, config.fit, config.models, config.runtime)]

    def write(self, job: Job, run: Run) -> Files:
        """Copy the animation out of the cache."""
        return {"progress": _copied(job, "progress", "-progress", run.folder)}


def _copied(job: Job, stage: str, ending: str, folder: Path) -> str:
    picture = job.results[stage].load()
    name = job.clip.name + ending + picture.suffix
    write_file(folder / name, picture.content.tobytes())
    return name
