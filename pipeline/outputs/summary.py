"""summary.json: who was fitted, how well, what was written, and what was skipped and why."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from fitting.joints import LSP_14
from fitting.result import FitResult
from fitting.sequence.camera_path import Move
from fitting.sequence.motion import Motion
from fitting.solver.status import Status
from pipeline.faults import FOLDER, Fault
from pipeline.inputs.clips import Skipped
from pipeline.outputs.npz import seen_in, steps_of
from pipeline.outputs.writer import Files, write_file
from pipeline.stages.sequence import NAME as SEQUENCE
from pipeline.stages.sequence import motion_of
from pipeline.stages.stage import Job
from pipeline.storage.whole_files import replacing

MOST = 10_000  # inputs that summary.json lists, 2 kB each
Entry = dict[str, Any]


def summary_of(jobs: list[Job], entries: list[Entry], skipped: list[Skipped]) -> dict[str, Any]:
    """The summary of a run.

    Args:
        jobs: those that came through every stage.
        entries: of the jobs that were written (`fitted_entry`).
        skipped: every other input.
    """
    inputs = entries + _other_entries(skipped, {entry["name"] for entry in entries})
    status = Counter(entry["status"] for entry in inputs)
    return {
        "fitted": status["fitted"],
        "skipped": status["skipped"],
        "failed": status["failed"],
        "people": sum(len(entry["people"]) for entry in entries),
        "errors": list(dict.fromkeys(entry["report"] for entry in inputs if "report" in entry)),
        "seconds_computing": _seconds_computing(jobs),
        "inputs": inputs,
    }


def add_fault(summary: Entry, fault: Fault) -> None:
    """Add failures after the inputs were done; `errors` lists the reports of all failures."""
    if (report := _report(fault)) not in summary["errors"]:
        summary["errors"].append(report)


def write_summary(summary: Entry, folder: Path) -> None:
    """Write summary.json; metrics have their own file.

    So have inputs that are very many: summary.jsonl has one line for each, and `inputs` its name.
    """
    content = {name: value for name, value in summary.items() if name != "metrics"}
    if len(summary["inputs"]) > MOST:
        content["inputs"] = "summary.jsonl"
        with replacing(folder / "summary.jsonl") as temporary, temporary.open("w") as file:
            file.writelines(json.dumps(entry) + "\n" for entry in summary["inputs"])
    else:
        (folder / "summary.jsonl").unlink(missing_ok=True)
    write_file(folder / "summary.json", json.dumps(content, indent=2).encode())


def fitted_entry(job: Job, files: Files) -> Entry:
    """What the summary says about a job that was written."""
    motion, steps = motion_of(job), steps_of(job)
    result, scores = motion.result, motion.keypoints.person_score
    joints = seen_in(motion, job)
    tracks = [result.track == track for track in np.unique(result.track)]
    return {
        "name": job.clip.name,
        "source": str(job.clip.path),
        "status": "fitted",
        **({"camera": _camera(motion)} if SEQUENCE in job.results else {}),
        "people": [_person(result[rows], steps, scores[rows], joints[rows]) for rows in tracks],
        "seconds": {name: artefact.seconds for name, artefact in job.results.items()},
        "cached": {name: artefact.cached for name, artefact in job.results.items()},
        "files": files,
    }


def _camera(motion: Motion) -> dict[str, int]:
    """In how many frames with people the camera does what."""
    of_frames = motion.camera_move[np.unique(motion.result.frame, return_index=True)[1]]
    return {Move(move).name: count for move, count in Counter(of_frames).items()}


def failed_entry(entry: Entry, fault: Fault) -> Entry:
    """The same for an unexpected failure; `report` is a path below the output folder."""
    return entry | {"status": "failed", "reason": fault.reason, "report": _report(fault)}


def _other_entries(skipped: list[Skipped], taken: set[str]) -> list[Entry]:
    """The input's file name, or its path if another input has that name."""
    entries = []
    for skip in skipped:
        name = skip.path.name if skip.path.name not in taken else str(skip.path)
        taken.add(name)
        entry = {"name": name, "source": str(skip.path), "status": "skipped", "reason": skip.reason}
        entries.append(failed_entry(entry, skip) if isinstance(skip, Fault) else entry)
    return entries


def _report(fault: Fault) -> str:
    return f"{FOLDER}/{fault.report}.txt"


def _seconds_computing(jobs: list[Job]) -> dict[str, float]:
    """Seconds of each stage in this run; 0 for results from the cache."""
    totals: dict[str, float] = {}
    for job in jobs:
        for name, artefact in job.results.items():
            seconds = 0.0 if artefact.cached else artefact.seconds
            totals[name] = round(totals.get(name, 0.0) + seconds, 4)
    return totals


def _person(
    rows: FitResult, steps: tuple[str, ...], scores: np.ndarray, joints: np.ndarray
) -> dict[str, Any]:
    """One person over all frames of a clip; `scores` say how likely it is one, `joints`
    which were seen."""
    names, counts = np.unique([Status(s).name.lower() for s in rows.status], return_counts=True)
    fitted = rows[rows.fitted]
    error = float(fitted.reprojection_error.mean()) if len(fitted) else None
    expected = 1000 * float(fitted.expected_error.mean()) if len(fitted) else 0.0  # 0: unknown
    return {
        "track": int(rows.track[0]),
        "frames": len(rows),
        "person_score": None if np.isnan(scores).all() else round(float(np.nanmean(scores)), 3),
        "status": dict(zip(names.tolist(), counts.tolist(), strict=True)),
        "reprojection_error_px": None if error is None else round(error, 3),
        "expected_error_mm": round(expected, 1) if expected else None,
        "seen": [n for n, share in zip(LSP_14, joints.mean(0), strict=True) if share >= 0.5],
        "focal_length_px": round(float(rows.camera.focal_length[0]), 2),
        "center_px": np.round(rows.camera.center[0], 2).tolist(),
        "terms": _terms(fitted, steps) if len(fitted) else {},
    }


def _terms(fitted: FitResult, steps: tuple[str, ...]) -> dict[str, dict[str, float | str]]:
    """What each term added to the cost after each step, in the person's first frame."""
    return {
        step: {
            term: float(f"{value:.4g}") if on else "off"
            for term, value, on in zip(fitted.term_names, values, acts, strict=True)
        }
        for step, values, acts in zip(steps, fitted.stage_terms[0], fitted.stage_on[0], strict=True)
    }
