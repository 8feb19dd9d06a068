"""Films the clips of data=synthetic_video, so that a real detector can look at people whose truth
is known: dressed bodies in a room, seen by a camera that stands still.

    python -m tools.film_test_clips FOLDER [--n 27] [data.seed=0 ...]
    python run.py data=synthetic_video data.films=FOLDER detector=blazepose

A frame takes about a third of a second. Clips that exist already stay.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir

from fitting.body.body_model import BodyModel
from pipeline.config import ROOT, to_config
from pipeline.datasets.synthetic import IMAGE_SIDE
from pipeline.datasets.synthetic_clips import TrueFrames
from pipeline.drawing.mesh_renderer import Mesh, View
from pipeline.drawing.overlay import overlay
from pipeline.inputs.videos import write_video
from tools.demo import textures
from tools.demo.people import dressed, skinned
from tools.demo.scenes import gym_floor, room_wall
from tools.demo.studio import Camera, Room, photograph
from tools.demo.wardrobe import Outfit, paint

_SAMPLES = 2  # squared: rays per pixel of the room
_GRAIN = 2.0  # of the film, standard deviation in grey levels
_BEHIND = 1.0  # m from the farthest joint to the wall
_HAIR = ((0.10, 0.08, 0.07), (0.26, 0.16, 0.10), (0.62, 0.47, 0.28), (0.45, 0.44, 0.43))
_SKIN = np.array([(0.95, 0.76, 0.66), (0.36, 0.23, 0.16)])  # from the palest to the darkest


def film(true: TrueFrames, body: BodyModel, seed: int) -> Iterator[np.ndarray]:
    """The frames of a clip, RGB.

    Raises:
        ValueError: the camera moves.
    """
    if np.ptp(true.world_from_camera, axis=0).max() > 1e-9:
        raise ValueError("data.camera: expected static, got a camera that moves")
    rng = np.random.default_rng([seed, 2])
    outfit = draw_outfit(rng)
    room = empty_room(true, rng)
    color = paint(body, outfit, body.v_template)[0].clip(0, 1)
    color = np.rint(255 * color).astype(np.uint8)
    offset = dressed(body, true.params.betas[0], outfit)
    center = tuple(true.camera.center[0].tolist())
    view = View(float(true.camera.focal_length[0]), center, (IMAGE_SIDE, IMAGE_SIDE))
    for row in range(len(true)):
        params = true.params[row : row + 1]
        vertices = skinned(offset, body, params)[0] + params.transl
        picture = overlay(room, [Mesh(vertices, body.faces, color)], view, opacity=1.0)
        grain = _GRAIN * rng.normal(size=picture.shape[:2])[..., None]
        yield np.clip(np.rint(picture + grain), 0, 255).astype(np.uint8)


def empty_room(true: TrueFrames, rng: np.random.Generator) -> np.ndarray:
    """The empty room as the camera sees it."""
    ahead = true.world_from_camera[0, :, 2]
    camera = Camera(
        float(true.camera.focal_length[0]),
        (IMAGE_SIDE, IMAGE_SIDE),
        float(np.degrees(np.arcsin(-ahead[1]))),
    )
    floor, wall = float(true.camera_place[0, 1]), float(true.joints[..., 2].max()) + _BEHIND
    light = (rng.uniform(-0.7, 0.7), -0.8, rng.uniform(-0.8, -0.3))
    paper = tuple(rng.uniform(0.4, 0.95, 3).tolist())
    choices = (
        Room(floor, wall, textures.wood, partial(room_wall, color=paper), light),
        Room(floor, wall, gym_floor, textures.bricks, light),
        Room(
            floor, wall, partial(textures.tiles, side=0.5), partial(room_wall, color=paper), light
        ),
    )
    return photograph(camera, choices[rng.integers(len(choices))], [], _SAMPLES, 0.0)


def draw_outfit(rng: np.random.Generator) -> Outfit:
    """Clothes of any colour, skin and hair of most people's."""

    def color() -> tuple[float, float, float]:
        red, green, blue = rng.uniform(0.05, 0.95, 3).tolist()
        return red, green, blue

    skin = _SKIN[0] + rng.uniform() * (_SKIN[1] - _SKIN[0])
    return Outfit(
        tuple(skin.tolist()),
        _HAIR[rng.integers(len(_HAIR))],
        color(),
        color(),
        color(),
        float(rng.uniform(0.2, 2.0)),
        float(rng.choice([0.45, 0.92])),
        bool(rng.integers(2)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Film the clips of data=synthetic_video.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=27, help="clips")
    arguments, settings = parser.parse_known_args()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        data = to_config(compose("config", ["data=synthetic_video", *settings])).data
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for index, clip in enumerate(data.clips()[0][: arguments.n]):
        path = arguments.folder / f"{clip.name}.mp4"
        if path.exists():
            continue
        frames = film(data.true(index), data.body_model(), index)
        write_video(path, frames, data.captured().fps)
        print(path, flush=True)


if __name__ == "__main__":
    main()
