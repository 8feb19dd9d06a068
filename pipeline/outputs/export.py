"""What people want, from the cache to the output folder: pictures, parameters, the summary."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from fitting.joints import LSP_14
from fitting.result import FitResult
from fitting.solver.status import Status
from fitting.trail import TERMS, step_names
from pipeline.inputs.clips import Skipped
from pipeline.inputs.images import ClipError
from pipeline.stages.stage import Job
from pipeline.storage.cache import check, npz_bytes, opened, to_arrays
from pipeline.storage.whole_files import replacing

CONVENTION = (
    "camera frame: OpenCV axes (x right, y down, z forward), metres, radians; smplx parameter "
    "names and order, vertices = SMPL(betas, global_orient, body_pose) + transl; pixels of the "
    "upright image, pixel centres at integers; joints in LSP order, person-centric"
)


def export(jobs: list[Job], skipped: list[Skipped], folder: Path) -> dict[str, Any]:
    """Write every job's picture and parameters and the summary of the run.

    Returns:
        The summary as it is in summary.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    inputs, skipped = [], list(skipped)
    for job in jobs:
        try:
            inputs.append(_export_job(job, folder))
        except ClipError as error:  # gone since it was fitted
            skipped.append(Skipped(job.clip.path, str(error)))
    fitted = len(inputs)
    inputs += _skipped_entries(skipped, {entry["name"] for entry in inputs})
    summary = {
        "fitted": fitted,
        "skipped": len(skipped),
        "people": sum(len(entry.get("people", [])) for entry in inputs),
        "seconds_computing": _seconds_computing(jobs),
        "inputs": inputs,
    }
    _write(folder / "summary.json", json.dumps(summary, indent=2).encode())
    return summary


def _skipped_entries(skipped: list[Skipped], taken: set[str]) -> list[dict[str, Any]]:
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


def _export_job(job: Job, folder: Path) -> dict[str, Any]:
    result, steps = job.results["fit"].load(), _steps(job)
    files = {"parameters": f"{job.clip.name}.npz"}
    _write_parameters(folder / files["parameters"], job, result)
    for stage, title, ending in (("render", "picture", ""), ("progress", "progress", "-progress")):
        if stage in job.results:
            picture = job.results[stage].load()
            files[title] = job.clip.name + ending + picture.suffix
            _write(folder / files[title], picture.content.tobytes())
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


def _steps(job: Job) -> tuple[str, ...]:
    """Names of the steps of the fit, as it was set when it was computed."""
    config = job.results["fit"].provenance["config"]
    return step_names(stage["name"] for stage in (*config["stages"], *config["refine"]))


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
            for term, value, on in zip(TERMS, values, acts, strict=True)
        }
        for step, values, acts in zip(
            steps, fitted.stage_terms[0], fitted.stage_on[0], strict=True
        )
    }  # fmt: skip


def _write_parameters(path: Path, job: Job, result: FitResult) -> None:
    """Every field of the result and what is needed to use it without this project."""
    fit = job.results["fit"]
    identity = {"fit_key": fit.key, "source": str(job.clip.path)}
    if _is_from(path, identity):
        return  # also spares opening a video, which imports cv2
    facts = job.clip.facts()
    arrays = to_arrays(result) | {
        "joint_names": np.array(LSP_14),
        "term_names": np.array(TERMS),
        "stage_names": np.array(_steps(job)),
        "status_names": np.array([status.name.lower() for status in Status]),
        "image_size": np.array(facts.image_size),
        "fps": np.array(facts.fps or 0.0),  # 0 for a photo
        "gender": np.array(fit.provenance["config"]["gender"]),
        "body_sha256": np.array(fit.provenance["files"]["body"]),
        "convention": np.array(CONVENTION),
        **{name: np.array(text) for name, text in identity.items()},
    }
    with replacing(path) as temporary:
        temporary.write_bytes(npz_bytes(arrays))


def _is_from(path: Path, identity: dict[str, str]) -> bool:
    """Whether the parameters of this very fit are already there, undamaged."""
    if not path.is_file():
        return False
    try:
        with opened(path) as archive:
            check(archive)
            arrays = {name: archive[name] for name in identity if name in archive}
    except Exception:  # as in Cache.find: damage can raise nearly anything
        return False
    return all(name in arrays and str(arrays[name]) == text for name, text in identity.items())


def _write(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    with replacing(path) as temporary:
        temporary.write_bytes(content)
