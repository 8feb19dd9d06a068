"""A rendered clip of two people who cross, one behind the other, and who is where in it."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from detectors.base import Detections
from fitting.body.body_model import load_body_model
from pipeline.inputs.videos import write_video
from tests.conftest import ROOT
from tools.demo.people import walk
from tools.demo.scenes import SMALL, Scene, lens, scenes
from tools.demo.studio import Camera
from tools.make_demo import shoot, truth_rows

# SMPL's joints that BlazePose names too.
LIMBS = {
    "left_shoulder": 16,
    "right_shoulder": 17,
    "left_hip": 1,
    "right_hip": 2,
    "left_knee": 4,
    "right_knee": 5,
    "left_ankle": 7,
    "right_ankle": 8,
}
FPS = 12.0


def write_crossing(path: Path) -> None:
    """26 frames: the far one from the right, the near one from the left."""
    models, frames = _filmed()
    write_video(path, (shoot(frame, models, 1, 0.6) for frame in frames), FPS)


def true_people(found: Detections) -> np.ndarray:
    """Who each row is, far 0 or near 1: whose joints are nearest."""
    models, frames = _filmed()
    columns = [found.joint_names.index(name) for name in LIMBS]
    who = []
    for row, frame in enumerate(found.frame):
        truth = truth_rows("", int(frame), frames[frame], models)
        apart = [found.keypoints[row, columns] - _pixels(person) for person in truth]
        who.append(np.argmin([np.linalg.norm(xy, axis=1).mean() for xy in apart]))
    return np.array(who)


def _pixels(truth: dict) -> np.ndarray:
    joints = truth["joints"][list(LIMBS.values())]
    return truth["focal_length"] * joints[:, :2] / joints[:, 2:] + truth["center"]


@cache
def _filmed() -> tuple[dict, list[Scene]]:
    """The bodies, and what is before the camera in each frame."""
    models = {
        name: load_body_model(ROOT / f"assets/bodies/{name}.npz") for name in ("female", "male")
    }
    with np.load(ROOT / "assets/demo/poses.npz", allow_pickle=False) as table:
        poses = table["walk"].astype(float)
    park, near, far = scenes()["runner"], *(scenes()[n].people[0] for n in ("warrior", "runner"))
    near = replace(near, yaw=85.0, place=(-1.5, 3.6), betas=(0.4, -0.3, 0.2, 0.5, 0))
    far = replace(far, yaw=-85.0, place=(1.5, 4.6))
    both = zip(*(walk(models[p.body], p, poses) for p in (far, near)), strict=True)
    camera, room = Camera(lens(None, SMALL), SMALL, 4.0), replace(park.room, floor=1.15)
    return models, [Scene(camera, room, people) for people in both][::2]
