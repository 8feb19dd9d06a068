"""What people want, from the cache to the output folder: pictures, parameters, the summary."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from fitting.joints import LSP_14
from fitting.result import FitResult
from fitting.status import Status
from pipeline.cache import replacing, to_arrays
from pipeline.clips import Skipped
from pipeline.stage import Job

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
    inputs = [_export_job(job, folder) for job in jobs]
    inputs += [
        {"name": skip.path.stem, "source": str(skip.path), "status": "skipped",
         "reason": skip.reason}
        for skip in skipped
    ]  # fmt: skip
    summary = {
        "fitted": len(jobs),
        "skipped": len(skipped),
        "people": sum(len(entry.get("people", [])) for entry in inputs),
        "inputs": inputs,
    }
    _write(folder / "summary.json", json.dumps(summary, indent=2).encode())
    return summary


def _export_job(job: Job, folder: Path) -> dict[str, Any]:
    result = job.results["fit"].load()
    files = {"parameters": f"{job.clip.name}.npz"}
    _write_parameters(folder / files["parameters"], job, result)
    if "render" in job.results:
        picture = job.results["render"].load()
        files["picture"] = job.clip.name + picture.suffix
        _write(folder / files["picture"], picture.content.tobytes())
    return {
        "name": job.clip.name,
        "source": str(job.clip.path),
        "status": "fitted",
        "people": [_person(result[result.track == track]) for track in np.unique(result.track)],
        "seconds": {name: artefact.seconds for name, artefact in job.results.items()},
        "cached": {name: artefact.cached for name, artefact in job.results.items()},
        "files": files,
    }


def _person(rows: FitResult) -> dict[str, Any]:
    """One person of a clip over all its frames."""
    names, counts = np.unique([Status(s).name.lower() for s in rows.status], return_counts=True)
    fitted = rows[rows.fitted]
    error = float(fitted.reprojection_error.mean()) if len(fitted) else None
    return {
        "track": int(rows.track[0]),
        "frames": len(rows),
        "status": dict(zip(names.tolist(), counts.tolist(), strict=True)),
        "reprojection_error_px": None if error is None else round(error, 3),
        "focal_length_px": round(float(rows.camera.focal_length[0]), 2),
    }


def _write_parameters(path: Path, job: Job, result: FitResult) -> None:
    """Every field of the result and what is needed to use it without this project."""
    facts = job.clip.facts()
    arrays = to_arrays(result) | {
        "joint_names": np.array(LSP_14),
        "status_names": np.array([status.name.lower() for status in Status]),
        "image_size": np.array(facts.image_size),
        "fps": np.array(np.nan if facts.fps is None else facts.fps),
        "source": np.array(str(job.clip.path)),
        "convention": np.array(CONVENTION),
        "fit_key": np.array(job.results["fit"].key),
    }
    if _is_from(path, job.results["fit"].key):
        return
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def _is_from(path: Path, key: str) -> bool:
    """Whether the parameters of this very fit are already there."""
    if not path.is_file():
        return False
    try:
        with np.load(path, allow_pickle=False) as archive:
            return "fit_key" in archive and str(archive["fit_key"]) == key
    except (OSError, ValueError):
        return False


def _write(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    with replacing(path) as temporary:
        temporary.write_bytes(content)
