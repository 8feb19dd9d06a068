"""The backdrop of the bodies on the page: the photo or the clip, small enough to send."""

from collections.abc import Iterator

import numpy as np

from pipeline.inputs.images import USUAL_FPS, Image
from pipeline.stages.render import PictureFile, jpg, mp4
from pipeline.stages.stage import Done, Job, Stage, Tick, timed


def backdrop_stage(max_side: int) -> Stage:
    """The stage that shrinks the frames of each clip; no model is loaded.

    Args:
        max_side: px of the longer side; smaller pictures stay as they are.
    """

    def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        def one(job: Job) -> PictureFile:
            frames = (_shrunk(frame, max_side, tick) for frame in job.clip.frames())
            if job.clip.video:
                return mp4(frames, job.clip.facts().fps or USUAL_FPS)
            return jpg(next(frames))

        return timed(jobs, one)

    return Stage(
        name="backdrop",
        version=1,
        config={"max_side": max_side},
        files={},
        after=(),
        output=PictureFile,
        compute=compute,
    )


def _shrunk(frame: Image, max_side: int, tick: Tick) -> Image:
    import cv2

    tick()
    height, width = frame.shape[:2]
    factor = max_side / max(height, width)
    if factor >= 1:
        return frame
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.ascontiguousarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
