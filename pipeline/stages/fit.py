"""Stage 3: 2-D joints -> bodies. People of many images are solved in one batch."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from fitting.body.body_files import find_body, find_regressors, matching_bodies
from fitting.camera import Camera, parse_focal_length
from fitting.fit_config import FitConfig, Gender
from fitting.joints import Keypoints
from fitting.result import FitResult
from pipeline.checks import existing, project_path
from pipeline.clip_cameras import clip_camera
from pipeline.config import ConfigError
from pipeline.groups import ModelsConfig, RuntimeConfig
from pipeline.inputs.clips import Clip
from pipeline.inputs.images import Facts
from pipeline.inputs.intrinsics import Intrinsics
from pipeline.stages.batch import Batch
from pipeline.stages.stage import Done, Job, Stage, Tick, timed
from pipeline.storage.cache import plain

if TYPE_CHECKING:
    from fitting.assets import Assets
    from fitting.body.body_model import BodyModel

_log = logging.getLogger(__name__)
Model = TypeVar("Model")
Case = tuple[Job, Keypoints, Facts]
Solve = Callable[[Keypoints, Camera], FitResult]


def fit_stage(config: FitConfig, models: ModelsConfig, runtime: RuntimeConfig) -> Stage:
    """The stage of SMPLify with the given settings and models.

    A clip of known gender or camera, or that is fitted enlarged (`Clip`), has the stage with these
    settings.

    Raises:
        ConfigError: a model's file does not exist, or the focal length is not one.
    """

    @cache
    def with_own(gender: Gender, scale: float, known: Intrinsics | None) -> Stage:
        return _fit_stage(replace(config, gender=gender), models, runtime, scale, known)

    usual = (config.gender, 1.0, None)

    def of(clip: Clip) -> Stage | None:
        own = (clip.gender or config.gender, clip.fit_scale, clip.intrinsics)
        return with_own(*own) if own != usual else None

    return replace(with_own(*usual), of=of)


def _fit_stage(
    config: FitConfig,
    models: ModelsConfig,
    runtime: RuntimeConfig,
    scale: float,
    known: Intrinsics | None,
) -> Stage:
    files = {
        **_body_files(config, models),
        "pose_prior": existing("models.pose_prior", project_path(models.pose_prior)),
    }
    if config.starts:
        library = project_path(models.pose_library)
        files["pose_library"] = existing("models.pose_library", library)
    if config.lifts:
        files["lifter"] = existing("models.lifter", project_path(models.lifter))
        if models.fusion:
            files["fusion"] = existing("models.fusion", project_path(models.fusion))
    try:
        parse_focal_length(config.focal_length)
    except ValueError as error:
        raise ConfigError(f"fit.{error}") from error

    @cache  # a worker computes many parcels but loads its models once
    def solver() -> Solve:
        return _solver(config, models, runtime)

    def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        solve, cases = solver(), []
        for done in timed(jobs, _case):
            if isinstance(done.result, Exception):
                yield done
            else:
                cases.append(done.result)
        for group in _groups(cases, runtime.batch_size):
            yield from _fit_or_failed(group, solve, config, runtime, scale)

    own = ({"scale": scale} if scale != 1 else {}) | (known.as_key() if known else {})
    return Stage(
        name="fit",
        version=5,
        config=plain(asdict(config)) | own,
        files=files,
        after=("remap",),
        output=FitResult,
        compute=compute,
        nothing=_nobody,
    )


def body_of(config: FitConfig, models: ModelsConfig) -> "BodyModel":
    """The body model that the fit used.

    Raises:
        ConfigError: the file does not hold a body.
    """
    from fitting import load_body_model

    try:
        return load_body_model(_body_file(config, models))
    except ValueError as error:
        raise ConfigError(f"models.bodies: {error}") from error


def bodies_of(config: FitConfig, models: ModelsConfig) -> "Callable[[Clip], BodyModel]":
    """A function that returns the body model of a clip's fit; each is loaded once."""

    @cache
    def body(gender: Gender) -> "BodyModel":
        return body_of(replace(config, gender=gender), models)

    return lambda clip: body(clip.gender or config.gender)


def _solver(config: FitConfig, models: ModelsConfig, runtime: RuntimeConfig) -> Solve:
    """The fit with its models loaded."""
    import torch

    from fitting import fit

    torch.set_num_threads(runtime.threads)
    assets = assets_of(config, models, runtime)
    return partial(fit, assets=assets, config=config, device=runtime.device)


def assets_of(config: FitConfig, models: ModelsConfig, runtime: RuntimeConfig) -> "Assets":
    """The models that the settings need; loading more would only take time."""
    from fitting import Assets, load_lifter, load_pose_prior
    from fitting.starts.fusion import load_fusion
    from fitting.starts.retrieval import PoseLibrary, load_pose_library
    from pipeline.stages.capsules import capsules_of

    body = body_of(config, models)
    prior = _loaded("models.pose_prior", models.pose_prior, load_pose_prior)
    library = lifter = capsules = fusion = None
    if config.starts:
        poses = _loaded("models.pose_library", models.pose_library, load_pose_library)
        library = PoseLibrary(poses, body, prior, runtime.device)
    if config.lifts:
        lifter = _loaded("models.lifter", models.lifter, load_lifter)
        if models.fusion:
            fusion = _loaded("models.fusion", models.fusion, load_fusion)
    if config.interpenetration:
        load = partial(capsules_of, body, cache_dir=runtime.cache_dir)
        capsules = _loaded("models.bodies", str(_body_file(config, models)), load)
    return Assets(body, prior, library, lifter, capsules, fusion)


def _loaded(option: str, path: str, load: Callable[[Path], Model]) -> Model:
    try:
        return load(project_path(path))
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from error


def _body_file(config: FitConfig, models: ModelsConfig) -> Path:
    try:
        return find_body(project_path(models.bodies), config.gender.value)
    except FileNotFoundError as error:
        raise ConfigError(f"models.bodies: {error}") from error


def _body_files(config: FitConfig, models: ModelsConfig) -> dict[str, Path]:
    """The body, and the capsule regressors next to it if the fit uses them."""
    body = _body_file(config, models)
    others = matching_bodies(project_path(models.bodies), config.gender.value)[1:]
    if others:
        _log.warning("models.bodies: using %s, not %s", body, ", ".join(map(str, others)))
    regressors = find_regressors(body) if config.interpenetration else None
    return {"body": body, **({"capsule_regressors": regressors} if regressors else {})}


def _nobody(result: FitResult) -> str | None:
    return None if result.fitted.any() else "nobody in it shows enough joints to fit a body to"


def _case(job: Job) -> Case:
    return job, job.results["remap"].load(), job.clip.facts()


def _groups(cases: list[Case], rows: int) -> Iterator[list[Case]]:
    """Consecutive clips of one parcel, with about as many rows in all as asked for."""
    group: list[Case] = []
    for case in cases:
        if group and group[-1][0].parcel != case[0].parcel:
            yield group
            group = []
        group.append(case)
        if sum(len(keypoints) for _, keypoints, _ in group) >= rows:
            yield group
            group = []
    if group:
        yield group


def _fit_or_failed(
    group: list[Case],
    solve: Solve,
    config: FitConfig,
    runtime: RuntimeConfig,
    scale: float,
) -> Iterator[Done]:
    """Fit a batch; if it fails, fit each of its clips alone, so that one does not stop the
    others."""
    begin = time.perf_counter()
    try:
        fitted = list(_fit_group(group, solve, config, runtime, scale))
    except Exception as error:
        if len(group) == 1:
            fitted = [Done(group[0][0], error, time.perf_counter() - begin)]
        else:
            _log.warning("fit: a batch failed (%s); fitting its %d inputs alone", error, len(group))
            rest = (_fit_or_failed([case], solve, config, runtime, scale) for case in group)
            fitted = chain.from_iterable(rest)
    yield from fitted


def _fit_group(
    group: list[Case],
    solve: Solve,
    config: FitConfig,
    runtime: RuntimeConfig,
    scale: float,
) -> Iterator[Done]:
    """Solve the rows of several clips together, and give each clip its own."""
    begin = time.perf_counter()
    batch = Batch.of(
        [
            (_enlarged(k, scale), _camera(job, facts, config, len(k), scale))
            for job, k, facts in group
        ]
    )
    pieces = list(batch.pieces(runtime.batch_size))
    parts = [solve(batch.keypoints[rows], batch.camera[rows]) for rows in pieces]
    in_order = np.argsort(np.concatenate(pieces))
    whole = _reduced(FitResult.concatenate(parts)[in_order], scale)
    share = (time.perf_counter() - begin) / max(len(batch), 1)
    for clip, (job, keypoints, _) in enumerate(group):
        last = job is group[-1][0]
        yield Done(job, whole[batch.clip == clip], share * len(keypoints), last)


def _camera(job: Job, facts: Facts, config: FitConfig, rows: int, scale: float) -> Camera:
    """The camera of a clip, for each of its rows."""
    return clip_camera(job.clip.intrinsics, facts, config.focal_length, scale).camera(rows, scale)


def _enlarged(keypoints: Keypoints, scale: float) -> Keypoints:
    """The keypoints in the pixels of an enlarged image."""
    if scale == 1:
        return keypoints
    xy, extra_xy = _scaled(keypoints.xy, scale), _scaled(keypoints.extra_xy, scale)
    return replace(keypoints, xy=xy, extra_xy=extra_xy)


def _reduced(result: FitResult, scale: float) -> FitResult:
    """A fit to an enlarged image, in the pixels of the image itself; the body is the same."""
    if scale == 1:
        return result
    camera = Camera(result.camera.focal_length / scale, _scaled(result.camera.center, 1 / scale))
    error = result.reprojection_error / scale
    return replace(result, camera=camera, reprojection_error=error)


def _scaled(xy: np.ndarray, factor: float) -> np.ndarray:
    """Pixels of a resized image; its corner, half a pixel before (0, 0), stays in place."""
    return ((xy + 0.5) * factor - 0.5).astype(xy.dtype)
