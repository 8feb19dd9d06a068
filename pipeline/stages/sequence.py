"""The stage between fit and render: fits the frames of a video together, one person over time."""

import logging
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cache

import numpy as np

from fitting.fit_config import FitConfig, Gender
from fitting.result import FitResult
from fitting.sequence.camera_path import CameraPath, Move
from fitting.sequence.motion import Motion
from fitting.sequence.settings import CameraKind, Method, SequenceConfig
from fitting.sequence.world import World
from pipeline.groups import ModelsConfig, RuntimeConfig
from pipeline.stages.camera_path import Shot, path_of
from pipeline.stages.fit import assets_of
from pipeline.stages.stage import Done, Job, Stage, Tick, timed
from pipeline.storage.cache import Artefact, plain

NAME = "sequence"
_log = logging.getLogger(__name__)


def sequence_stage(
    config: SequenceConfig, fit: FitConfig, models: ModelsConfig, runtime: RuntimeConfig
) -> Stage:
    """The stage that fits people over time; the models of the fit are loaded on the first miss."""

    def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        import torch

        from fitting.sequence.follow import follow

        torch.set_num_threads(runtime.threads)

        @cache
        def loaded(gender: Gender):
            return assets_of(replace(fit, gender=gender), models, runtime)

        def one(job: Job) -> Motion:
            keypoints, result = job.results["remap"].load(), job.results["fit"].load()
            own = replace(fit, gender=job.clip.gender or fit.gender)
            frames = np.arange(int(result.frame.max(initial=0)) + 1)
            times = job.clip.facts().seconds_of(frames)
            assets = loaded(own.gender)
            path = _path(job, result, len(frames), config.camera)
            motion = follow(keypoints, result, times, assets, own, config, runtime.device, path)
            _report(job, motion)
            return motion

        return timed(jobs, one)

    return Stage(
        name=NAME,
        version=5,
        config=plain(asdict(config)),
        files={},
        after=("detect", "remap", "fit"),
        output=Motion,
        compute=compute,
        applies=lambda clip: clip.video is not None and config.method is not Method.none,
    )


def _path(job: Job, result: FitResult, frames: int, kind: CameraKind) -> CameraPath:
    """The camera of a clip; the user is told what it was taken for."""
    if not len(result):
        return CameraPath.standing(frames)
    focal_length = float(result.camera.focal_length[0])
    diagonals = focal_length / float(np.hypot(*job.clip.facts().image_size))
    path, shots = path_of(job.results["detect"].load(), frames, diagonals, kind)
    _tell(job, shots, kind)
    return path


def _tell(job: Job, shots: list[Shot], kind: CameraKind) -> None:
    """Tell the user what the camera was taken for, if it does not simply stand still."""
    unknown = sum(shot.move is Move.unknown for shot in shots)
    moving = [shot for shot in shots if shot.move in (Move.turns, Move.goes)]
    some = "" if len(shots) == 1 else f" in {len(moving)} of {len(shots)} shots"
    if moving:
        goes = any(shot.move is Move.goes for shot in moving)
        _log.warning(
            "%s: the camera moves%s (%.1f degrees at most): no floor is looked for%s",
            job.clip.path,
            some,
            max(shot.degrees for shot in moving),
            ", and feet may slide" if goes else "",
        )
    if unknown and kind is CameraKind.auto:
        _log.warning(
            "%s: too little background is seen to tell whether the camera moves: it is taken to "
            "stand still (sequence.camera=moving says that it does not)",
            job.clip.path,
        )


def _report(job: Job, motion: Motion) -> None:
    """Tell the user which detections were read with exchanged sides, or left out."""
    exchanged, left_out = int((motion.reading > 0).sum()), int((motion.reading < 0).sum())
    if exchanged:
        _log.warning("%s: left and right were exchanged in %d detections", job.clip.path, exchanged)
    if left_out:
        _log.warning(
            "%s: left out %d detections that fit to nothing near them", job.clip.path, left_out
        )


def last_of(job: Job) -> Artefact:
    """The result that holds a clip's bodies: of this stage, or of the fit if it does not apply."""
    return job.results.get(NAME, job.results["fit"])


def result_of(job: Job) -> FitResult:
    """The bodies of a clip as they are drawn, written and measured: over time if the clip went
    through this stage, else the fit of each frame. Their rows may differ from those of the fit."""
    return job.results[NAME].load().result if NAME in job.results else job.results["fit"].load()


def world_of(job: Job) -> World | None:
    """The world (one row) of a clip that has one for all of its people; None: the camera's axes."""
    return common_world(job.results[NAME].load()) if NAME in job.results else None


def common_world(motion: Motion) -> World | None:
    """The same, of a motion."""
    world = motion.world[motion.result.fitted]
    same = len(world) and (world.world_from_camera == world.world_from_camera[:1]).all()
    return world[:1] if same else None


def motion_of(job: Job) -> Motion:
    """The same, with the keypoints that they were fitted to, row by row."""
    if NAME in job.results:
        return job.results[NAME].load()
    return Motion(job.results["remap"].load(), job.results["fit"].load())
