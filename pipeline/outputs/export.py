"""What people want, from the cache to the output folder, in the formats that `export` lists."""

import json
from typing import Any

from pipeline.config import Config
from pipeline.inputs.clips import Skipped
from pipeline.inputs.images import ClipError
from pipeline.outputs.summary import fitted_entry, summary_of
from pipeline.outputs.writer import Files, Run, write_file
from pipeline.stages.stage import Job


def export(jobs: list[Job], skipped: list[Skipped], config: Config) -> dict[str, Any]:
    """Write every job in every format, and the summary of the run.

    Returns:
        The summary as it is in summary.json.
    """
    run, writers = Run(config, jobs), list(config.export.values())
    run.folder.mkdir(parents=True, exist_ok=True)
    entries, skipped = [], list(skipped)
    for job in jobs:
        files: Files = {}
        try:
            for writer in writers:
                files |= writer.write(job, run)
        except ClipError as error:  # gone since it was fitted
            skipped.append(Skipped(job.clip.path, str(error)))
        else:
            entries.append(fitted_entry(job, files))
    summary = summary_of(jobs, entries, skipped)
    write_file(run.folder / "summary.json", json.dumps(summary, indent=2).encode())
    for writer in writers:
        writer.close(run, summary)
    return summary
