"""Writes results from the cache to the output folder, in the formats that `export` lists."""

import logging
from pathlib import Path
from typing import Any

from pipeline import interrupts
from pipeline.config import Config
from pipeline.faults import Fault, fault_of, record
from pipeline.inputs.clips import Skipped
from pipeline.inputs.images import ClipError
from pipeline.outputs.summary import (
    add_fault,
    failed_entry,
    fitted_entry,
    summary_of,
    write_summary,
)
from pipeline.outputs.writer import Files, Run
from pipeline.stages.stage import Job

_log = logging.getLogger(__name__)


def export(jobs: list[Job], skipped: list[Skipped], config: Config) -> dict[str, Any]:
    """Write every job in every format, and the summary of the run.

    Returns:
        The summary as it is in summary.json.
    """
    run = Run(config, jobs)
    run.folder.mkdir(parents=True, exist_ok=True)
    entries, skipped = [], list(skipped)
    for job in jobs:
        interrupts.check()
        try:
            files, faults = _written(job, run)
            entry = fitted_entry(job, files)
        except ClipError as error:  # the input has gone since it was fitted
            skipped.append(Skipped(job.clip.path, str(error)))
        else:
            entries.append(failed_entry(entry, faults[0]) if faults else entry)
    summary = summary_of(jobs, entries, skipped)
    write_summary(summary, run.folder)
    _close(run, summary)
    return summary


def _written(job: Job, run: Run) -> tuple[Files, list[Fault]]:
    """Write the job in every format; if one fails, the others are still written."""
    files: Files = {}
    faults = []
    for name, writer in run.config.export.items():
        try:
            files |= writer.write(job, run)
        except ClipError:
            raise
        except Exception as error:
            faults.append(_recorded(error, name, run, job.clip.path, job.clip.name))
    return files, faults


def _close(run: Run, summary: dict[str, Any]) -> None:
    """Write what is about the run as a whole; if one format fails, the others are still written."""
    for name, writer in run.config.export.items():
        try:
            writer.close(run, summary)
        except Exception as error:
            fault = _recorded(error, name, run, run.folder, f"export-{name}")
            add_fault(summary, fault)
            write_summary(summary, run.folder)


def _recorded(error: Exception, name: str, run: Run, path: Path, report: str) -> Fault:
    fault = record(fault_of(error, f"export {name}", path, report), run.config)
    _log.error("%s", fault.reason)
    return fault
