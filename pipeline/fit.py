"""Stage 3: 2-D joints -> bodies. People of many images are solved in one batch."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fitting.camera import Camera, focal_length_px
from fitting.fit_config import FitConfig
from fitting.joints import Keypoints
from fitting.result import FitResult
from pipeline.cache import plain
from pipeline.config import (
    ConfigError,
    ModelsConfig,
    RuntimeConfig,
    check_device,
    existing,
    project_path,
)
from pipeline.stage import Done, Job, Stage, Tick

if TYPE_CHECKING:
    from fitting.body_model import BodyModel
    from fitting.priors import PosePrior


def fit_stage(config: FitConfig, models: ModelsConfig, runtime: RuntimeConfig) -> Stage:
    """The stage of SMPLify with the given settings and models.

    Raises:
        ConfigError: a model's file does not exist, or the focal length is none.
    """
    files = {
        "body": existing("models.bodies", _body_file(config, models)),
        "pose_prior": existing("models.pose_prior", project_path(models.pose_prior)),
    }
    try:
        focal_length_px(config.focal_length, (1, 1), None)
    except ValueError as error:
        raise ConfigError(f"fit.{error}") from error

    def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        body, prior = _load(config, models, runtime)
        for group in _groups(jobs, runtime.batch_size):
            yield from _fit_group(group, body, prior, config, runtime)

    return Stage(
        name="fit",
        version=1,
        config=plain(asdict(config)),
        files=files,
        after=("remap",),
        output=FitResult,
        compute=compute,
        nothing=_nobody,
    )


def body_of(config: FitConfig, models: ModelsConfig) -> "BodyModel":
    """The body model that the fit used.

    Raises:
        ConfigError: the file holds no body.
    """
    from fitting import load_body_model

    try:
        return load_body_model(_body_file(config, models))
    except ValueError as error:
        raise ConfigError(f"models.bodies: {error}") from error


def _load(
    config: FitConfig, models: ModelsConfig, runtime: RuntimeConfig
) -> tuple["BodyModel", "PosePrior"]:
    import torch

    from fitting import load_pose_prior

    check_device(runtime.device)
    torch.set_num_threads(runtime.threads)
    body = body_of(config, models)
    try:
        return body, load_pose_prior(project_path(models.pose_prior))
    except ValueError as error:
        raise ConfigError(f"models.pose_prior: {error}") from error


def _body_file(config: FitConfig, models: ModelsConfig) -> Path:
    return project_path(models.bodies) / f"{config.gender.value}.npz"


def _nobody(result: FitResult) -> str | None:
    return None if result.fitted.any() else "nobody in it shows enough joints to fit a body to"


def _groups(jobs: list[Job], rows: int) -> Iterator[list[tuple[Job, Keypoints]]]:
    """Consecutive jobs with their keypoints, together of about the number of rows asked for."""
    group: list[tuple[Job, Keypoints]] = []
    for job in jobs:
        group.append((job, job.results["remap"].load()))
        if sum(len(keypoints) for _, keypoints in group) >= rows:
            yield group
            group = []
    if group:
        yield group


def _fit_group(
    group: list[tuple[Job, Keypoints]], body: "BodyModel", prior: "PosePrior", config: FitConfig,
    runtime: RuntimeConfig,
) -> Iterator[Done]:  # fmt: skip
    """Solve the rows of several clips together and hand each clip its own."""
    from fitting import fit

    begin = time.perf_counter()
    sizes = [len(keypoints) for _, keypoints in group]
    keypoints = Keypoints.concatenate([keypoints for _, keypoints in group])
    camera = Camera.concatenate([_camera(job, config, len(k)) for job, k in group])
    parts = []
    for first in range(0, len(keypoints), runtime.batch_size):
        rows = slice(first, first + runtime.batch_size)
        parts.append(fit(keypoints[rows], camera[rows], body, prior, config, runtime.device))
    share = (time.perf_counter() - begin) / max(len(keypoints), 1)
    ends = np.cumsum(sizes)
    whole = FitResult.concatenate(parts)
    for (job, _), size, end in zip(group, sizes, ends, strict=True):
        yield Done(job, whole[slice(end - size, end)], share * size)


def _camera(job: Job, config: FitConfig, rows: int) -> Camera:
    """The camera of a clip, for each of its rows: principal point in the middle of the image."""
    facts = job.clip.facts()
    focal_length = focal_length_px(config.focal_length, facts.image_size, facts.exif_focal_35mm)
    middle = (np.array(facts.image_size, float) - 1) / 2  # pixel centres are at integers
    return Camera(np.full(rows, focal_length), np.tile(middle, (rows, 1)))
