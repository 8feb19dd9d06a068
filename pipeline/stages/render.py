"""Stage 4: bodies -> pictures: a jpg for a photo, an mp4 for a video."""

import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from fitting.body.body_model import BodyParams
from fitting.fit_config import FitConfig
from fitting.joints import Keypoints
from fitting.result import FitResult
from pipeline.config import (
    ModelsConfig,
    Picture,
    RenderConfig,
    RuntimeConfig,
    check_backend,
)
from pipeline.drawing.rasterizers import backend_for
from pipeline.inputs.images import USUAL_FPS, Image
from pipeline.stages.fit import bodies_of
from pipeline.stages.sequence import NAME as SEQUENCE
from pipeline.stages.sequence import motion_of
from pipeline.stages.stage import Done, Job, Stage, Tick, frames_of, timed
from pipeline.storage.whole_files import scratch

if TYPE_CHECKING:
    from fitting.body.body_model import BodyModel
    from pipeline.drawing.mesh_renderer import Mesh, View
    from pipeline.drawing.overlay import Framing

_JPEG_QUALITY = 92
SCRATCH = "smplify.mp4"  # in the folder for temporary files


@dataclass(frozen=True)
class PictureFile:
    """An encoded picture: the bytes of the file and the suffix that names its format."""

    content: UInt8[np.ndarray, " bytes"]
    suffix: str


def render_stage(
    config: RenderConfig, fit: FitConfig, models: ModelsConfig, runtime: RuntimeConfig
) -> Stage:
    """The stage that draws; the body model and the renderer are loaded on the first miss."""

    def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        import torch

        check_backend(config.backend)
        torch.set_num_threads(runtime.threads)  # smplx makes the meshes with torch
        body_for = bodies_of(fit, models)
        # By parcels, so that a picture does not depend on how many others a process draws.
        for _, parcel in groupby(jobs, key=lambda job: job.parcel):
            own = list(parcel)
            chosen = replace(config, backend=backend_for(config.backend, pictures_of(own)))
            yield from timed(
                own, lambda job, c=chosen: _draw_clip(job, body_for(job.clip), c, tick)
            )

    return Stage(
        name="render",
        version=3,
        config={
            "picture": config.picture.name,
            "backend": config.backend.name,
            "opacity": config.opacity,
        },
        files={},
        after=("remap", "fit", SEQUENCE),
        output=PictureFile,
        compute=compute,
    )


def pictures_of(jobs: list[Job]) -> int:
    """How many pictures the jobs have; a lot if only decoding can tell."""
    return sum(frames_of(job) or 10_000 for job in jobs)


def _draw_clip(job: Job, body: "BodyModel", config: RenderConfig, tick: Tick) -> PictureFile:
    motion = motion_of(job)
    result, keypoints = motion.result, motion.keypoints
    framing = None  # for a photo: around the people in it
    if job.clip.video and config.picture is Picture.side_by_side:
        from pipeline.drawing.overlay import framing_of_clip

        framing = framing_of_clip(result.joints[result.fitted].reshape(-1, 3))

    def pictures() -> Iterator[Image]:
        for index, frame in enumerate(job.clip.frames()):
            rows = np.flatnonzero((result.frame == index) & result.fitted)
            yield draw(frame, result[rows], keypoints[rows], body, config, framing)
            tick()

    if job.clip.video:
        return mp4(pictures(), job.clip.facts().fps or USUAL_FPS)
    (picture,) = pictures()
    return jpg(picture)


def draw(
    photo: Image, result: FitResult, keypoints: Keypoints, body: "BodyModel", config: RenderConfig,
    framing: "Framing | None" = None,
) -> Image:  # fmt: skip
    """One frame with its people.

    Args:
        photo: RGB.
        result, keypoints: the rows of this frame, in the same order.
        framing: of the view from the side; None: around the people of this frame.
    """
    from pipeline.drawing.overlay import overlay, side_by_side

    meshes = meshes_of(body, result.params, result.track)
    view = view_of(result, (photo.shape[1], photo.shape[0]))
    options = {"opacity": config.opacity, "backend": config.backend}
    if config.picture is Picture.side_by_side:
        points = keypoints.xy, keypoints.confidence
        return side_by_side(photo, meshes, view, keypoints=points, framing=framing, **options)
    return overlay(photo, meshes, view, **options)


def meshes_of(body: "BodyModel", params: BodyParams, track: np.ndarray) -> list["Mesh"]:
    """Everybody's surface, each in the person's colour."""
    from pipeline.drawing.mesh_renderer import Mesh, track_color

    return [
        Mesh(vertices, body.faces, track_color(int(person)))
        for vertices, person in zip(body.vertices(params), track, strict=True)
    ]


def view_of(result: FitResult, size: tuple[int, int]) -> "View":
    """The camera that the rows of one image share; any camera if there are no rows."""
    from pipeline.drawing.mesh_renderer import View

    if not len(result):
        width, height = size
        return View(float(max(size)), ((width - 1) / 2, (height - 1) / 2), size)
    cx, cy = result.camera.center[0].tolist()
    return View(float(result.camera.focal_length[0]), (cx, cy), size)


def jpg(picture: Image) -> PictureFile:
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.fromarray(picture).save(buffer, format="JPEG", quality=_JPEG_QUALITY)
    return PictureFile(np.frombuffer(buffer.getvalue(), np.uint8), ".jpg")


def mp4(pictures: Iterator[Image], fps: float) -> PictureFile:
    """Encode frames of one size."""
    from pipeline.inputs.videos import encode

    with scratch(Path(tempfile.gettempdir()) / SCRATCH) as path:
        encode(path, pictures, fps)
        return PictureFile(np.fromfile(path, np.uint8), ".mp4")
