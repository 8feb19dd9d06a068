"""Which inputs are computed together, and which of them a part of a run works on."""

import math
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from pipeline.config import Config
from pipeline.inputs.clips import Clip
from pipeline.stages.stage import Job

PARCEL = 64
"""Most photos that one process computes together; more gain no speed of the fit."""
_LEAST = 8  # smaller batches of the fit cost more than they gain by being shared
_PARCELS = 16  # few photos are made into so many, so that all cores have work to the end


def jobs_of(clips: list[Clip]) -> list[Job]:
    """A job for each clip, in parcels of 8 to 64 photos, in their order, or of one video.

    Parcels follow from the inputs alone, so results are the same whoever computes them.
    """
    size = _size(sum(not clip.video for clip in clips))
    jobs, parcel, photos = [], -1, size
    for clip in clips:
        if clip.video or photos == size:
            parcel, photos = parcel + 1, 0
        photos = size if clip.video else photos + 1
        jobs.append(Job(clip, parcel=parcel))
    return jobs


def parcels_of(jobs: list[Job]) -> list[list[Job]]:
    """The jobs of each parcel, in order."""
    return [list(own) for _, own in groupby(jobs, key=lambda job: job.parcel)]


def _size(photos: int) -> int:
    return min(PARCEL, max(_LEAST, math.ceil(photos / _PARCELS)))


def shard_of(jobs: list[Job], shard: str) -> list[Job]:
    """The jobs of one shard: whole parcels, dealt out in turn.

    Args:
        shard: which of how many, e.g. 3/16; 1/16 is the first.
    """
    number, count = map(int, shard.split("/"))
    return [job for job in jobs if job.parcel % count == number - 1]


def in_own_folder(config: Config, shard: str) -> Config:
    """The settings with an output folder of the shard's own, in that of the run."""
    number, _, count = shard.partition("/")
    folder = Path(config.runtime.output_dir, f"shard-{number.zfill(len(count))}-of-{count}")
    return replace(config, runtime=replace(config.runtime, output_dir=str(folder)))
