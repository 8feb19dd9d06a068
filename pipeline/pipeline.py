"""detect -> remap -> fit -> render: the whole run."""

import logging
from pathlib import Path
from typing import Any

from pipeline.cache import Cache
from pipeline.clips import Clip, Skipped
from pipeline.config import Config, ConfigError, Picture, RuntimeConfig
from pipeline.detect import detect_stage
from pipeline.evaluate import KnowsTruth, write_evaluation
from pipeline.export import export
from pipeline.fit import fit_stage
from pipeline.remap import remap_stage
from pipeline.render import render_stage
from pipeline.report import print_metrics, print_summary, progress_bars
from pipeline.stage import Job, Stage, run_stage

_log = logging.getLogger(__name__)


def stages_of(config: Config) -> list[Stage]:
    """The stages in order; what a stage needs is named here and nowhere else."""
    stages = [
        detect_stage(config.detector, config.runtime),
        remap_stage(config.remap, config.data.people, config.tracking),
        fit_stage(config.fit, config.models, config.runtime),
    ]
    if config.render.picture is not Picture.none:
        stages.append(render_stage(config.render, config.fit, config.models, config.runtime))
    return stages


def run(config: Config) -> dict[str, Any]:
    """Bring every input through every stage and write the outputs.

    Returns:
        The summary, as in outputs/summary.json; and, where the data knows the truth, `metrics`,
        as in outputs/metrics.json.

    Raises:
        NoClipsError: data names nothing to work on.
        ConfigError: a setting cannot be used.
    """
    stages = stages_of(config)  # before anything is read: they check what their settings name
    folder = Path(config.runtime.output_dir)
    clips, skipped = config.data.clips()
    if any(clip.path.parent.resolve() == folder.resolve() for clip in clips):
        raise ConfigError(
            f"runtime.output_dir: {folder} holds the inputs, and pictures of the same names would "
            "replace them: name another folder"
        )
    _report(skipped)
    jobs, dropped = through(stages, clips, config.runtime)
    summary = export(jobs, skipped + dropped, folder)
    print_summary(summary, folder)
    if isinstance(config.data, KnowsTruth):
        summary["metrics"] = write_evaluation(config.data.evaluate(jobs, config.runtime), folder)
        print_metrics(summary["metrics"])
    return summary


def through(
    stages: list[Stage], clips: list[Clip], runtime: RuntimeConfig
) -> tuple[list[Job], list[Skipped]]:
    """Bring the clips through the stages, from the cache where they have been before.

    Returns:
        The jobs that came through all of them, and the clips that did not.
    """
    jobs, skipped = [Job(clip) for clip in clips], []
    cache = Cache(Path(runtime.cache_dir))
    with progress_bars() as track:
        for stage in stages:
            jobs, dropped = run_stage(stage, jobs, cache, track)
            _report(dropped)
            skipped += dropped
    return jobs, skipped


def _report(skipped: list[Skipped]) -> None:
    for skip in skipped:
        _log.warning("skipped %s", skip.reason)
