"""Turns fits of single frames into people over time."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int32
from torch import Tensor

from fitting.assets import Assets
from fitting.fit_config import FitConfig, Precision
from fitting.joints import Keypoints
from fitting.objective.model import Model
from fitting.objective.residuals import Observations
from fitting.result import FitResult
from fitting.sequence.camera_path import CameraPath
from fitting.sequence.frames import keypoints_of, observed, states_of
from fitting.sequence.motion import Motion
from fitting.sequence.settings import SequenceConfig
from fitting.sequence.sides import exchanged, readings
from fitting.sequence.standing import upwards
from fitting.sequence.timeline import Timeline, timelines
from fitting.sequence.track_fit import Fit, TrackFit
from fitting.sequence.track_problem import Frames, FrameTerms
from fitting.sequence.track_rows import Outcome, outcome_of, replaced, with_outcomes
from fitting.sequence.world import World, world_of
from fitting.smplify import fit, loss_of

SHORTEST = 3  # frames; fewer have no acceleration


def follow(
    keypoints: Keypoints,
    result: FitResult,
    times: Float[np.ndarray, " F"],
    assets: Assets,
    config: FitConfig,
    settings: SequenceConfig,
    device: str = "cpu",
    path: CameraPath | None = None,
) -> Motion:
    """Fit everybody's frames together.

    Args:
        keypoints: of a clip, with ascending frames; `track` says who is who.
        result: the fit of each frame by itself, from which the track starts. A person with fewer
            than three frames to fit together keeps it.
        times: of every frame of the clip, ascending, s.
        assets, config: those that the frames were fitted with.
        settings: of the sequence.
        device: torch device.
        path: of the camera, in every frame of the clip. None: it stands still.

    Returns:
        The rows of the keypoints and of filled gaps, with ascending frames.
    """
    labels = np.zeros(len(keypoints), np.int32)
    if settings.sides:
        labels = _readings(keypoints, times)
    keypoints, result = _as_read(keypoints, result, labels, assets, config, device)
    found = timelines(result.frame, result.track, result.fitted, times, settings.max_fill)
    path = path or CameraPath.standing(len(times))
    solve = _Solve(keypoints, result, assets, config, settings, path, device)
    with torch.no_grad():
        outcomes = [solve(timeline) for timeline in found if len(timeline) >= SHORTEST]
    solved = [one for one in outcomes if one is not None]
    motion = with_outcomes(keypoints, result, labels, solved)
    frame = motion.result.frame
    world = _world(frame, path, solved, settings)
    return replace(motion, world=world, camera_move=path.move[frame])


def _world(
    frame: np.ndarray, path: CameraPath, solved: list[Outcome], settings: SequenceConfig
) -> World:
    """Of each of these frames: everybody in a shot stands on the same floor."""
    world, shots = World.unknown(len(frame)), path.shot
    for shot in np.unique(shots[path.still]):
        there = [shots[one.timeline.frame] == shot for one in solved]
        soles = [one.soles[rows] for one, rows in zip(solved, there, strict=True)]
        seconds = [one.standing[rows].ravel() for one, rows in zip(solved, there, strict=True)]
        joints = [one.joints[rows] for one, rows in zip(solved, there, strict=True)]
        if not sum(map(len, joints)):
            continue
        found = world_of(
            np.concatenate(soles).reshape(-1, 3),
            np.concatenate(seconds),
            upwards(np.concatenate(joints)),
            settings.errors_last,
        )
        if found is not None:
            rows = np.flatnonzero(shots[frame] == shot)
            order = np.arange(len(frame))
            order[rows] = len(frame)
            world = World.concatenate([world, found])[order]
    return world


def _readings(keypoints: Keypoints, times: np.ndarray) -> Int32[np.ndarray, " N"]:
    """The reading of every row (fitting.sequence.sides.readings)."""
    labels = np.zeros(len(keypoints), np.int32)
    for person in np.unique(keypoints.track):
        rows = np.flatnonzero(keypoints.track == person)
        labels[rows] = readings(keypoints[rows], times[keypoints.frame[rows]])
    return labels


def _as_read(
    keypoints: Keypoints,
    result: FitResult,
    labels: np.ndarray,
    assets: Assets,
    config: FitConfig,
    device: str,
) -> tuple[Keypoints, FitResult]:
    """The keypoints with left and right on their own sides, and new fits of those frames. Rows that
    fit to nothing become skipped ones, so that they are filled like a gap."""
    rows = np.flatnonzero(labels)
    if not len(rows):
        return keypoints, result
    keypoints = exchanged(keypoints, labels)
    again = fit(keypoints[rows], result.camera[rows], assets, config, device)
    return keypoints, replaced(result, rows, again)


@dataclass(frozen=True)
class _Solve:
    """One person's track, from the inputs of `follow`."""

    keypoints: Keypoints
    result: FitResult
    assets: Assets
    config: FitConfig
    settings: SequenceConfig
    path: CameraPath
    device: str

    def __call__(self, timeline: Timeline) -> Outcome | None:
        """The solved track; None if its numbers are too large to compute with."""
        seen = keypoints_of(timeline, self.keypoints)
        camera = self.result.camera[timeline.nearest]
        exact, search = self._model(torch.float64), None
        if self.config.precision is Precision.single:
            search = self._model(torch.float32)
        x = states_of(timeline, self.result.params, self.device)
        looks = observed(exact, timeline, (seen, camera), x, self.assets, self.config)
        found = self._solved(search or exact, timeline, looks, x)
        return outcome_of(exact, timeline, seen, looks, found, self._terms())

    def _solved(self, model: Model, timeline: Timeline, looks: Observations, x: Tensor) -> Fit:
        def tensor(array: np.ndarray) -> Tensor:
            return torch.as_tensor(array, device=self.device)

        path = self.path[timeline.frame]
        frames = Frames(
            seen=looks.to(model.dtype),
            times=tensor(timeline.times),
            linked=tensor(timeline.linked),
            joined=tensor(timeline.joined),
            held=torch.zeros(len(x), dtype=torch.bool, device=self.device),
            in_place=tensor(path.in_place),
            turned=tensor(path.turned).to(model.dtype) if path.turns else None,
        )
        found = TrackFit(model, self._terms(), self.settings)(x.to(model.dtype), frames)
        return replace(found, x=found.x.double())

    def _model(self, dtype: torch.dtype) -> Model:
        """The model with the points of face and feet, seen or not, because feet stand."""
        assets, config, extras = self.assets, self.config, True
        capsules = assets.capsules if config.interpenetration else None
        return Model(
            assets.body, assets.prior, capsules, config.n_betas, self.device, dtype, extras
        )

    def _terms(self) -> FrameTerms:
        """The weights of the fit's last stage.

        The pull to a consensus of several starts has no meaning here. If the last stage left the
        depth as the camera stage had found it, the camera stage's weight keeps it near.
        """
        stage = (*self.config.stages, *self.config.refine)[-1]
        weights = {"depth": self.config.camera.weights.get("depth", 0.0), **stage.weights}
        if not self.config.lifts:
            weights["joints_3d"] = 0.0
        if not self.config.interpenetration:
            weights["interpenetration"] = 0.0
        return FrameTerms(weights, loss_of(self.config))
