"""Renders photo-like pictures of people whose truth is known, for detectors to look at: one dressed
body a picture, any pose, any side, in a room or outside, by a camera as people hold it.

    python -m tools.render_people FOLDER [--n 200] [--poses assets/pose_library.npz] [--seed 0] \\
        [--height 1.0 1.7]

FOLDER gets 0000.jpg, ... and truth.npz, in which row i is about picture i: `points` (14 LSP joints
and 11 extra points, m, in the camera's axes), `focal_length` px, `center` px, `gender`, and the
body's `betas`, `global_orient`, `body_pose` and `transl` (smplx's). A picture takes about 3 s.
Pictures that exist already stay, so that a run that was stopped goes on.
"""

import argparse
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from scipy.spatial.transform import Rotation

from fitting.body.body_model import BodyModel, load_body_model
from fitting.starts.retrieval import load_pose_library
from pipeline.config import ROOT
from tools.demo import textures
from tools.demo.people import Figure, Person, in_camera, stand
from tools.demo.scenes import gym_floor, path, room_wall
from tools.demo.studio import Actor, Camera, Room, photograph
from tools.demo.wardrobe import Outfit
from tools.film_test_clips import draw_outfit

SIZE = (480, 640)  # width, height, px
HEIGHT = (1.0, 1.7)  # of the camera above the floor, m, as people hold it
_GENDERS = ("female", "male")
_GRAIN = (0.5, 4.0)  # standard deviation in grey levels
_OUTSIDE = {
    "softness": 0.03,
    "key": (2.3, 2.15, 1.85),
    "sky": (0.60, 0.68, 0.82),
    "bounce": (0.30, 0.28, 0.20),
}


def draw_person(
    rng: np.random.Generator, poses: np.ndarray, height: tuple[float, float] = HEIGHT
) -> tuple[Person, float]:
    """Somebody about 1 m ahead, and how high the camera is, m.

    Args:
        poses: (P, 69) to draw from, rad.
        height: least and greatest, m.
    """
    gender = _GENDERS[rng.integers(2)]
    pose = np.zeros((24, 3))
    pose[1:] = poses[rng.integers(len(poses))].reshape(23, 3)
    pose[0] = rng.normal(0, (0.12, 0.02, 0.08))  # leaning
    clothes: Outfit = replace(
        draw_outfit(rng), long_hair=bool(gender == "female" and rng.random() < 0.7)
    )
    betas = tuple(rng.normal(0, 0.8, 10).clip(-2, 2).tolist())
    person = Person(gender, betas, clothes, pose, rng.uniform(-180, 180), (0.0, 1.0))
    return person, float(rng.uniform(*height))


def aim(person: Person, figure: Figure, rng: np.random.Generator) -> tuple[Person, Camera]:
    """The person at a distance that fills half to most of the picture, and a camera on them."""
    focal = rng.uniform(0.75, 1.6) * float(np.hypot(*SIZE))
    low, high = figure.vertices.min(0), figure.vertices.max(0)
    tall, wide = (high - low)[[1, 0]] / (np.array(SIZE)[[1, 0]] * rng.uniform(0.5, 0.85, 2))
    away = focal * max(tall, wide)
    tilt = np.degrees(np.arctan2((low[1] + high[1]) / 2, away)) + rng.normal(0, 1.5)
    place = (float(rng.normal(0, 0.06) * away), float(away + 0.4))
    return replace(person, place=place), Camera(float(focal), SIZE, float(tilt))


def draw_room(rng: np.random.Generator, floor: float, away: float) -> Room:
    """A place for somebody who stands so many metres away."""
    light = (rng.uniform(-0.7, 0.7), -0.8, rng.uniform(-0.8, -0.3))
    wall = away + rng.uniform(1.5, 3.5)
    paper = partial(room_wall, color=tuple(rng.uniform(0.4, 0.95, 3)))
    stones = partial(textures.tiles, side=0.5, color=tuple(rng.uniform(0.3, 0.8, 3)))
    choices = (
        Room(floor, wall, textures.wood, paper, light),
        Room(floor, wall, gym_floor, textures.bricks, light),
        Room(floor, wall, stones, paper, light),
        Room(floor, None, path, textures.landscape, light, **_OUTSIDE),
    )
    return choices[rng.integers(len(choices))]


def picture(
    models: dict[str, BodyModel],
    poses: np.ndarray,
    rng: np.random.Generator,
    file: Path | None,
    height: tuple[float, float] = HEIGHT,
) -> dict[str, Any]:
    """Draw a picture, and render it if there is a file for it.

    Args:
        poses, height: as in draw_person.

    Returns:
        Its row of truth.npz.
    """
    person, floor = draw_person(rng, poses, height)
    model = models[person.body]
    person, camera = aim(person, stand(model, person, floor), rng)
    figure = stand(model, person, floor)
    room = draw_room(rng, floor, person.place[1])
    grain, quality = rng.uniform(*_GRAIN), int(rng.integers(70, 95))
    if file:
        seen = photograph(camera, room, [Actor(model, person.outfit, figure)], 1, grain)
        Pillow.fromarray(seen).save(file, quality=quality)
    params = in_camera(model, person, figure, camera.tilt)
    return {
        "points": points_of(model, params),
        "focal_length": camera.focal_length,
        "center": np.array(camera.center),
        "gender": person.body,
        **{field.name: getattr(params, field.name)[0] for field in fields(params)},
    }


def points_of(model: BodyModel, params: Any) -> np.ndarray:
    """POINTS (25, 3) of a body, m."""
    import torch

    from fitting.body.kinematics import Kinematics

    root = Rotation.from_rotvec(params.global_orient).as_matrix()
    arrays = map(torch.as_tensor, (root, params.body_pose, params.betas))
    return Kinematics(model, extras=True).points(*arrays).points[0].numpy() + params.transl[0]


def main() -> None:
    parser = argparse.ArgumentParser(description="Render people whose truth is known.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=200, help="pictures")
    parser.add_argument("--poses", type=Path, default=ROOT / "assets/pose_library.npz")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--height", type=float, nargs=2, default=HEIGHT, help="of the camera, m")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    models = {name: load_body_model(ROOT / f"assets/bodies/{name}.npz") for name in _GENDERS}
    poses, rows = load_pose_library(options.poses), []
    for index in range(options.n):
        file = options.folder / f"{index:04d}.jpg"
        rng = np.random.default_rng([options.seed, index])
        rows.append(picture(models, poses, rng, None if file.exists() else file, options.height))
        if index % 20 == 19 or index == options.n - 1:
            arrays = {name: np.array([row[name] for row in rows]) for name in rows[0]}
            np.savez_compressed(options.folder / "truth.npz", **arrays)
            print(f"{index + 1} of {options.n}", flush=True)


if __name__ == "__main__":
    main()
