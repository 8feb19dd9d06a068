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
    Entry,
    add_fault,
    failed_entry,
    fitted_entry,
    summary_of,
    write_summary,
)
from pipeline.outputs.writer import Files, Run
from pipeline.parcels import parcels_of
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
    for parcel in parcels_of(jobs):
        written, gone = _parcel(parcel, run)
        entries += written
        skipped += gone
    summary = summary_of(jobs, entries, skipped)
    write_summary(summary, run.folder)
    _close(run, summary)
    return summary


def _parcel(parcel: list[Job], run: Run) -> tuple[list[Entry], list[Skipped]]:
    """Write the jobs of a parcel, then what holds all of them.

    Returns:
        The entries of the summary, and the inputs that have gone since they were fitted.
    """
    jobs, entries, gone = [], [], []
    for job in parcel:
        interrupts.check()
        try:
            files, faults = _written(job, run)
            entry = fitted_entry(job, files)
        except ClipError as error:
            gone.append(Skipped(job.clip.path, str(error)))
        else:
            jobs.append(job)
            entries.append(failed_entry(entry, faults[0]) if faults else entry)
    return (_with_parcel(jobs, entries, run) if jobs else []), gone


def _with_parcel(jobs: list[Job], entries: list[Entry], run: Run) -> list[Entry]:
    """Write what holds all jobs of a parcel; where a format fails, it fails for each of them."""
    for name, writer in run.config.export.items():
        try:
            files = writer.write_parcel(jobs, run)
        except Exception as error:
            report = f"export-{name}-{jobs[0].parcel}"
            fault = _recorded(error, name, run, run.folder, report)
            entries = [
                entry if "report" in entry else failed_entry(entry, fault) for entry in entries
            ]
        else:
            entries = [entry | {"files": entry["files"] | files} for entry in entries]
    return entries


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
