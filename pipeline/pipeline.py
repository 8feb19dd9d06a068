"""detect -> remap -> fit -> render: the whole run."""

import logging
from pathlib import Path
from typing import Any

from pipeline.cache import Cache
from pipeline.config import Config, Picture
from pipeline.detect import detect_stage
from pipeline.export import export
from pipeline.fit import fit_stage
from pipeline.remap import remap_stage
from pipeline.render import render_stage
from pipeline.report import print_summary, progress_bars
from pipeline.stage import Job, Stage, run_stage

_log = logging.getLogger(__name__)


def stages_of(config: Config) -> list[Stage]:
    """The stages in order; what a stage needs is named here and nowhere else."""
    stages = [
        detect_stage(config.detector, config.runtime),
        remap_stage(config.remap, config.data.people),
        fit_stage(config.fit, config.models, config.runtime),
    ]
    if config.render.picture is not Picture.none:
        stages.append(render_stage(config.render, config.fit, config.models))
    return stages


def run(config: Config) -> dict[str, Any]:
    """Bring every input through every stage and write the outputs.

    Returns:
        The summary, as in outputs/summary.json.

    Raises:
        NoClipsError: data names nothing to work on.
    """
    clips, skipped = config.data.clips()
    jobs = [Job(clip) for clip in clips]
    cache = Cache(Path(config.runtime.cache_dir))
    with progress_bars() as track:
        for stage in stages_of(config):
            jobs, dropped = run_stage(stage, jobs, cache, track)
            for skip in dropped:
                _log.warning("%s: skipped: %s", skip.path.name, skip.reason)
            skipped += dropped
    folder = Path(config.runtime.output_dir)
    summary = export(jobs, skipped, folder)
    print_summary(summary, folder)
    return summary
