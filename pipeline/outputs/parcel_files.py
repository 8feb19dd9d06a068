"""`export=[parcels]`: what `export=[npz]` holds, in one file per parcel of inputs.

A million photos are 16,000 files then. Parcels follow from the inputs and their order alone
(`pipeline/parcels.py`), so names and bytes of the files do, too.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.outputs.npz import arrays_of, identity_of, is_from, write_npz
from pipeline.outputs.writer import Files, Run, Writer
from pipeline.stages.stage import Job
from pipeline.storage.cache import opened
from pipeline.storage.whole_files import sweep

FOLDER = "parcels"  # in the output folder
_SHARED = (  # the same for all inputs of a parcel, so the file has them once
    "joint_names",
    "stage_names",
    "term_names",
    "status_names",
    "camera_move_names",
    "convention",
)
_OF_INPUT = (  # one for each input; all others are one for each row
    "image_size",
    "fps",
    "gender",
    "body_sha256",
    "world",
    "world_from_camera",
    "world_tilt_degrees",
    "world_floor_m",
    "fit_key",
    "source",
)
_MAY_BE_ABSENT = "person_score"  # of an input whose detector gives none; NaN here

Arrays = dict[str, np.ndarray]


@dataclass
class ParcelFiles(Writer):
    """parcels/000000.npz and so on: the rows of all inputs of a parcel, one after the other."""

    def write_parcel(self, jobs: list[Job], run: Run) -> Files:
        """Write the parcel, unless the file is of these very fits."""
        name = _name(jobs[0].parcel)
        path, identities = run.folder / name, [identity_of(job) for job in jobs]
        names = {"name": np.array([job.clip.name for job in jobs])}
        identity = names | {
            key: np.stack([one[key] for one in identities]) for key in identities[0]
        }
        if not is_from(path, identity):
            path.parent.mkdir(exist_ok=True)
            parts = [arrays_of(job) | own for job, own in zip(jobs, identities, strict=True)]
            write_npz(path, names | joined(parts))
        return {"parcel": name}

    def close(self, run: Run, summary: dict[str, Any]) -> None:
        """Remove the parcels of earlier runs: whoever reads the folder would count inputs twice."""
        folder, entries = run.folder / FOLDER, summary["inputs"]
        own = {entry["files"]["parcel"] for entry in entries if "parcel" in entry.get("files", {})}
        sweep(folder)
        for path in folder.glob("*.npz"):
            if re.fullmatch(r"\d{6,}", path.stem) and f"{FOLDER}/{path.name}" not in own:
                path.unlink()


def _name(parcel: int) -> str:
    return f"{FOLDER}/{parcel:06d}.npz"


def joined(parts: list[Arrays]) -> Arrays:
    """The arrays of several inputs (`arrays_of` and `identity_of`) as those of one file.

    Returns:
        `input` says for each row which input it is of; of what there is one of per row, the rows of
        all inputs; what there is one of per input has a first axis for them; the rest as it is.
    """
    first = parts[0]
    counts = [len(part["frame"]) for part in parts]
    arrays = {"input": np.repeat(np.arange(len(parts), dtype=np.int32), counts)}
    for name in dict.fromkeys(name for part in parts for name in part):
        if name in _SHARED:
            arrays[name] = first[name]
        elif name in _OF_INPUT:
            arrays[name] = np.stack([part[name] for part in parts])
        else:
            rows = [_rows(part, name, count) for part, count in zip(parts, counts, strict=True)]
            arrays[name] = np.concatenate(rows)
    return arrays


def _rows(part: Arrays, name: str, count: int) -> np.ndarray:
    if name == _MAY_BE_ABSENT and name not in part:
        return np.full(count, np.nan, np.float32)
    return part[name]


def read_parcel(path: Path) -> dict[str, Arrays]:
    """A parcel's inputs by name, each with the arrays that its own npz would have."""
    with opened(path) as archive:
        arrays = {name: archive[name] for name in archive}
    names, of_row = arrays.pop("name"), arrays.pop("input")
    return {
        str(name): _input(arrays, number, of_row == number) for number, name in enumerate(names)
    }


def _input(arrays: Arrays, number: int, rows: np.ndarray) -> Arrays:
    own = {
        name: array if name in _SHARED else array[number if name in _OF_INPUT else rows]
        for name, array in arrays.items()
    }
    if _MAY_BE_ABSENT in own and np.isnan(own[_MAY_BE_ABSENT]).all():
        del own[_MAY_BE_ABSENT]
    return own
