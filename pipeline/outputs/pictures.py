"""`export=[picture, progress]`: the pictures that the render and progress stages have drawn."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Config, Picture
from pipeline.outputs.writer import Files, Run, Writer, write_file
from pipeline.stages.progress import progress_stage
from pipeline.stages.render import render_stage
from pipeline.stages.stage import Job, Stage


@dataclass
class Pictures(Writer):
    """<name>.jpg or <name>.mp4: the bodies over the input, as the group `render` says."""

    def stages(self, config: Config) -> list[Stage]:
        """The render stage, unless it is told to draw nothing."""
        if config.render.picture is Picture.none:
            return []
        return [render_stage(config.render, config.fit, config.models, config.runtime)]

    def write(self, job: Job, run: Run) -> Files:
        """Copy the picture out of the cache."""
        if "render" not in job.results:
            return {}
        return {"picture": _copied(job, "render", "", run.folder)}


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
