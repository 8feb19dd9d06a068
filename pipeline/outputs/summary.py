"""summary.json: who was fitted how well, what was written, and what was skipped and why."""

from typing import Any

import numpy as np

from fitting.result import FitResult
from fitting.solver.status import Status
from pipeline.inputs.clips import Skipped
from pipeline.outputs.npz import steps_of
from pipeline.outputs.writer import Files
from pipeline.stages.stage import Job

Entry = dict[str, Any]


def summary_of(jobs: list[Job], entries: list[Entry], skipped: list[Skipped]) -> dict[str, Any]:
    """The summary of a run.

    Args:
        jobs: what came through every stage.
        entries: of the jobs that were written (`fitted_entry`).
        skipped: every other input.
    """
    others = _skipped_entries(skipped, {entry["name"] for entry in entries})
    return {
        "fitted": len(entries),
        "skipped": len(skipped),
        "people": sum(len(entry["people"]) for entry in entries),
        "seconds_computing": _seconds_computing(jobs),
        "inputs": entries + others,
    }


def fitted_entry(job: Job, files: Files) -> Entry:
    """What the summary says about a job that was written."""
    result, steps = job.results["fit"].load(), steps_of(job)
    return {
        "name": job.clip.name,
        "source": str(job.clip.path),
        "status": "fitted",
        "people": [
            _person(result[result.track == track], steps) for track in np.unique(result.track)
        ],
        "seconds": {name: artefact.seconds for name, artefact in job.results.items()},
        "cached": {name: artefact.cached for name, artefact in job.results.items()},
        "files": files,
    }


def _skipped_entries(skipped: list[Skipped], taken: set[str]) -> list[Entry]:
    """Named by file, or by path where another input has that name."""
    entries = []
    for skip in skipped:
        name = skip.path.name if skip.path.name not in taken else str(skip.path)
        taken.add(name)
        entries.append(
            {"name": name, "source": str(skip.path), "status": "skipped", "reason": skip.reason}
        )
    return entries


def _seconds_computing(jobs: list[Job]) -> dict[str, float]:
    """Of each stage in this run, which is 0 for what came from the cache."""
    totals: dict[str, float] = {}
    for job in jobs:
        for name, artefact in job.results.items():
            seconds = 0.0 if artefact.cached else artefact.seconds
            totals[name] = round(totals.get(name, 0.0) + seconds, 4)
    return totals


def _person(rows: FitResult, steps: tuple[str, ...]) -> dict[str, Any]:
    """One person of a clip over all its frames."""
    names, counts = np.unique([Status(s).name.lower() for s in rows.status], return_counts=True)
    fitted = rows[rows.fitted]
    error = float(fitted.reprojection_error.mean()) if len(fitted) else None
    expected = 1000 * float(fitted.expected_error.mean()) if len(fitted) else 0.0  # 0: not told
    return {
        "track": int(rows.track[0]),
        "frames": len(rows),
        "status": dict(zip(names.tolist(), counts.tolist(), strict=True)),
        "reprojection_error_px": None if error is None else round(error, 3),
        "expected_error_mm": round(expected, 1) if expected else None,
        "focal_length_px": round(float(rows.camera.focal_length[0]), 2),
        "terms": _terms(fitted, steps) if len(fitted) else {},
    }


def _terms(fitted: FitResult, steps: tuple[str, ...]) -> dict[str, dict[str, float | str]]:
    """What each term added to the cost after each step, in the first of the frames."""
    return {
        step: {
            term: float(f"{value:.4g}") if on else "off"
            for term, value, on in zip(fitted.term_names, values, acts, strict=True)
        }
        for step, values, acts in zip(
            steps, fitted.stage_terms[0], fitted.stage_on[0], strict=True
        )
    }  # fmt: skip
