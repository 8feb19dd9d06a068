"""detect -> remap -> fit -> sequence -> render: the whole run."""

import logging
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.checks import check_device
from pipeline.clip_cameras import possible_cameras
from pipeline.config import Config, ConfigError
from pipeline.evaluation.evaluate import KnowsTruth, write_evaluation
from pipeline.faults import FOLDER, Fault, fault_of, record, remove_reports
from pipeline.groups import Progress, RuntimeConfig
from pipeline.inputs.clips import Clip, Found, Skipped
from pipeline.outputs.export import export
from pipeline.outputs.report import (
    print_metrics,
    print_summary,
    progress_bars,
    progress_lines,
)
from pipeline.outputs.summary import add_fault, write_summary
from pipeline.parcels import in_own_folder, jobs_of, shard_of
from pipeline.stages.detect import detect_stage
from pipeline.stages.fit import fit_stage
from pipeline.stages.remap import remap_stage
from pipeline.stages.run_stage import run_stage
from pipeline.stages.sequence import sequence_stage
from pipeline.stages.stage import Job, Stage, by_settings
from pipeline.storage.cache import Cache
from pipeline.storage.whole_files import sweep

_REPORTS = ("evaluation", "*-stage", "export-*")  # in outputs/errors, next to those of inputs
_log = logging.getLogger(__name__)


def stages_of(config: Config) -> list[Stage]:
    """The stages in order, followed by those that the formats of `export` ask for."""
    stages = [
        detect_stage(config.detector, config.runtime, config.executor.detecting),
        remap_stage(config.remap, config.data.people, config.tracking),
        fit_stage(config.fit, config.models, config.runtime),
        sequence_stage(config.sequence, config.fit, config.models, config.runtime),
    ]
    for writer in config.export.values():
        known = {stage.name for stage in stages}
        stages += [stage for stage in writer.stages(config) if stage.name not in known]
    return stages


def run(config: Config) -> dict[str, Any]:
    """Bring every input through every stage and write the outputs.

    Returns:
        The summary, as in outputs/summary.json; and, if the data knows the truth, `metrics`, as in
        outputs/metrics.json.

    Raises:
        NoClipsError: data names nothing to work on.
        ConfigError: a setting cannot be used.
    """
    begin = time.perf_counter()
    check_device(config.runtime.device)
    stages = stages_of(config)  # first, because they check the files that settings name
    jobs, skipped = _inputs(config)
    shard = config.runtime.shard
    if shard:  # the run that merges all shards tells about inputs that no shard can use
        jobs, skipped, config = shard_of(jobs, shard), [], in_own_folder(config, shard)
    if not jobs and shard:
        _log.warning("runtime.shard: there are fewer parcels of inputs than shards, none for this")
    folder = Path(config.runtime.output_dir)
    _report(skipped)
    _sweep(config.runtime)
    remove_reports(folder, [*(job.clip.name for job in jobs), *_REPORTS])
    jobs, stopped, dropped = through(stages, jobs, config)
    summary = export(jobs, skipped + dropped, config)
    print_summary(summary, folder)
    if shard:
        return summary
    try:
        _measure(jobs, stopped, config, summary, begin)
    except Exception as error:
        fault = record(fault_of(error, "the evaluation", folder, "evaluation"), config)
        _log.error("%s", fault.reason)
        add_fault(summary, fault)
    write_summary(summary, folder)
    return summary


def _inputs(config: Config) -> tuple[list[Job], list[Skipped]]:
    """The inputs that can be worked on, in parcels, and the others."""
    found, left_out = config.data.clips()
    clips, skipped = _apart(found, left_out, Path(config.runtime.output_dir))
    clips, skipped = possible_cameras(clips, skipped, config.fit.focal_length)
    if len(clips) + len(skipped) == 1:
        clips = [replace(clip, alone=True) for clip in clips]
    return jobs_of(clips), skipped


def _measure(
    jobs: list[Job], stopped: list[Job], config: Config, summary: dict[str, Any], begin: float
) -> None:
    """Compare with the truth, if the data knows it, and add `metrics` to the summary."""
    if not isinstance(config.data, KnowsTruth):
        return
    evaluation = config.data.evaluate(jobs + stopped, config)
    summary["metrics"] = write_evaluation(evaluation, Path(config.runtime.output_dir))
    if evaluation.charts:
        from pipeline.evaluation.run_report import write_report  # draws, with what that needs

        write_report(evaluation, jobs, config, summary, time.perf_counter() - begin)
    print_metrics(summary["metrics"])


def through(
    stages: list[Stage], jobs: list[Job], config: Config
) -> tuple[list[Job], list[Job], list[Skipped]]:
    """Bring the jobs through the stages; earlier results come from the cache.

    Returns:
        The jobs that came through all of them; those that did not, with the results that they
        have; and the reasons. Unexpected errors have a report in the output folder.
    """
    stopped, skipped = [], []
    for stage in stages:
        by_settings(stage, jobs)  # also checks the files that single clips' settings name
    cache = Cache(Path(config.runtime.cache_dir))

    def without(jobs: list[Job], going: list[Job], dropped: Sequence[Skipped]) -> list[Job]:
        """Those who go on; what stops the others is recorded."""
        dropped = [record(s, config) if isinstance(s, Fault) else s for s in dropped]
        names = {job.clip.name for job in going}
        stopped.extend(job for job in jobs if job.clip.name not in names)
        _report(dropped)
        skipped.extend(dropped)
        return going

    lines = config.runtime.progress is Progress.lines
    with progress_lines(sys.stdout) if lines else progress_bars() as track:
        deadly = config.executor.fill(stages, jobs, config, track)
        names = {fault.report for fault in deadly}
        jobs = without(jobs, [job for job in jobs if job.clip.name not in names], deadly)
        for stage in stages:
            jobs = without(jobs, *run_stage(stage, jobs, cache, track))
    return jobs, stopped, skipped


def _apart(clips: list[Clip], skipped: list[Skipped], folder: Path) -> Found:
    """The inputs without those in the output folder, which are results themselves.

    Raises:
        ConfigError: all of them are there.
    """
    # Unlike resolve(), realpath() accepts circular links.
    place = os.path.realpath(folder)
    inside = [clip for clip in clips if os.path.realpath(clip.path.parent) == place]
    if inside and len(inside) == len(clips):
        raise ConfigError(
            f"runtime.output_dir: {folder} holds the inputs, and pictures with their names would "
            "replace them: name another folder"
        )
    why = "is in the output folder: to use it, set runtime.output_dir to another folder"
    results = [Skipped(clip.path, f"{clip.path}: {why}") for clip in inside]
    return [clip for clip in clips if clip not in inside], skipped + results


def _sweep(runtime: RuntimeConfig) -> None:
    """Remove the unfinished files of earlier runs that were killed."""
    sweep(Path(runtime.cache_dir), deep=True)
    outputs = Path(runtime.output_dir)
    for place in (outputs, outputs / FOLDER, Path(tempfile.gettempdir())):
        sweep(place)


def _report(skipped: list[Skipped]) -> None:
    for skip in skipped:
        if isinstance(skip, Fault):
            _log.error("failed %s", skip.reason)
        else:
            _log.warning("skipped %s", skip.reason)
