"""`export=[release]`: results in the files of SMPLify's public release, for programs that read
them."""

import io
import logging
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from fitting.result import FitResult
from pipeline.outputs.writer import Run, Writer, write_file
from pipeline.stages.stage import Job
from pipeline.storage.whole_files import sweep

_log = logging.getLogger(__name__)
_PROTOCOL = 2  # the highest that Python 2 reads
FOLDER = "release"  # in the output folder


@dataclass
class ReleaseLayout(Writer):
    """release/NNNN.pkl and NNNN.png for every photo of one person."""

    def close(self, run: Run, summary: dict[str, Any]) -> None:
        """Write them at the end: a number is a photo's place among all inputs."""
        write_release_layout(run.jobs, run.folder / FOLDER)


def write_release_layout(jobs: list[Job], folder: Path) -> None:
    """NNNN.pkl for every fitted photo of one person, and NNNN.png with its picture if one was
    rendered. NNNN is LSP's number minus 1 (im0001: 0000), else the place among the inputs.

    The pickle only holds numpy arrays, by names that old versions of numpy know: `release_values`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    for place, job in enumerate(jobs):
        result = job.results["fit"].load()
        if len(result) != 1 or job.clip.video:
            _log.warning(
                "%s: not in the release's layout: expected one person per picture, got %d rows",
                job.clip.path,
                len(result),
            )
            continue
        lsp = re.fullmatch(r"im(\d{4})", job.clip.name)
        stem = f"{int(lsp[1]) - 1 if lsp else place:04d}"
        values = release_values(result, job.clip.fit_scale)
        write_file(folder / f"{stem}.pkl", pickle.dumps(values, protocol=_PROTOCOL))
        if "render" in job.results:
            content = job.results["render"].load().content.tobytes()
            write_file(folder / f"{stem}.png", _png(content))


def release_values(result: FitResult, fit_scale: float) -> dict[str, np.ndarray]:
    """One person in the release's terms.

    Args:
        result: one row.
        fit_scale: how much larger the fitted image was than the picture.

    Returns:
        cam_t (3), m: the release leaves the body at the origin and moves the camera, and we do it
        the other way round, so it is transl; f (2), px of the image as fitted, whose middle is the
        principal point; pose (72), rad, global_orient first; betas (10).
    """
    params = result.params
    return {
        "cam_t": params.transl[0].astype(np.float64),
        "f": np.full(2, result.camera.focal_length[0] * fit_scale),
        "pose": np.concatenate([params.global_orient[0], params.body_pose[0]]).astype(np.float64),
        "betas": params.betas[0].astype(np.float64),
    }


def _png(picture: bytes) -> bytes:
    buffer = io.BytesIO()
    with Pillow.open(io.BytesIO(picture)) as image:
        image.save(buffer, format="PNG")
    return buffer.getvalue()
