"""Stage 4: bodies -> pictures: a jpg for a photo, an mp4 for a video."""

import io
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from fitting.fit_config import FitConfig
from pipeline.checks import check_backend
from pipeline.drawing.floor import Floor
from pipeline.drawing.rasterizers import backend_for
from pipeline.groups import ModelsConfig, Picture, RenderConfig, RuntimeConfig
from pipeline.inputs.images import USUAL_FPS, Image
from pipeline.stages.draw import TURN_FPS, TURN_SECONDS, draw, framing_of, turn_at
from pipeline.stages.fit import bodies_of
from pipeline.stages.sequence import NAME as SEQUENCE
from pipeline.stages.sequence import common_world, motion_of
from pipeline.stages.stage import Done, Job, Stage, Tick, frames_of, timed
from pipeline.storage.cache import plain
from pipeline.storage.whole_files import scratch

if TYPE_CHECKING:
    from fitting.body.body_model import BodyModel

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
            chosen = replace(config, backend=backend_for(config.backend, pictures_of(own, config)))
            yield from timed(
                own, lambda job, c=chosen: _draw_clip(job, body_for(job.clip), c, tick)
            )

    return Stage(
        name="render",
        version=4,
        config=_in_key(config),
        files={},
        after=("remap", "fit", SEQUENCE),
        output=PictureFile,
        compute=compute,
    )


def pictures_of(jobs: list[Job], config: RenderConfig) -> int:
    """How many pictures the jobs make; a lot if only decoding can tell."""
    turns = config.picture is Picture.turntable
    photo = round(TURN_SECONDS * TURN_FPS) if turns else 1
    return sum((frames_of(job) or 10_000) if job.clip.video else photo for job in jobs)


def _in_key(config: RenderConfig) -> dict[str, Any]:
    """The settings that can change this picture: others would have it drawn again for nothing."""
    settings = plain(asdict(config))
    framed = config.crop or config.picture in (Picture.side_by_side, Picture.turntable)
    unused = {
        "opacity": config.picture not in (Picture.overlay, Picture.side_by_side),
        "crop": not config.crop,
        "max_side": config.max_side is None,
        "max_expected_error": not framed,
    }
    return {name: value for name, value in settings.items() if not unused.get(name)}


def _draw_clip(job: Job, body: "BodyModel", config: RenderConfig, tick: Tick) -> PictureFile:
    motion = motion_of(job)
    result, keypoints = motion.result, motion.keypoints
    facts = job.clip.facts()
    world = common_world(motion)
    floor = Floor.of(world) if world else None
    video, fitted = job.clip.video is not None, result[result.fitted]
    framing = framing_of(fitted, facts.image_size, config, video, floor)
    fps = facts.fps or USUAL_FPS

    def picture(index: int, frame: Image, turn: float) -> Image:
        rows = np.flatnonzero((result.frame == index) & result.fitted)
        return draw(frame, result[rows], keypoints[rows], body, config, framing, turn)

    def pictures() -> Iterator[Image]:
        for index, frame in enumerate(job.clip.frames()):
            yield picture(index, frame, turn_at(index, fps))
            tick()

    if job.clip.video:
        return mp4(pictures(), fps)
    if config.picture is not Picture.turntable:
        (whole,) = pictures()
        return jpg(whole)
    (photo,) = job.clip.frames()
    turns = (turn_at(k, TURN_FPS) for k in range(round(TURN_SECONDS * TURN_FPS)))
    file = mp4((picture(0, photo, turn) for turn in turns), TURN_FPS)
    tick()
    return file


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
