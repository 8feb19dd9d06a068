"""Who stands where, in which light, in front of which camera."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from fitting.body.body_model import BodyModel
from fitting.camera import focal_length_px
from tools.demo import textures
from tools.demo.people import Person, hand_pose, walk
from tools.demo.studio import Camera, Room
from tools.demo.wardrobe import Outfit

PORTRAIT, LANDSCAPE, SMALL = (720, 960), (960, 720), (640, 480)


def lens(mm: int | None, size: tuple[int, int] = LANDSCAPE) -> float:
    """Focal length in px, as the pipeline will read it from EXIF, or guess it without."""
    return focal_length_px("auto", size, mm)


@dataclass(frozen=True)
class Scene:
    """One picture, or one frame of a clip."""

    camera: Camera
    room: Room
    people: tuple[Person, ...]
    exif_mm: int | None = None  # focal length in the file, mm on 35-mm film


OLIVE, PALE, BROWN, TAN = (
    (0.80, 0.60, 0.46),
    (0.93, 0.74, 0.64),
    (0.50, 0.33, 0.24),
    (0.86, 0.66, 0.52),
)
BLACK_HAIR, BROWN_HAIR, BLOND = (0.10, 0.08, 0.07), (0.26, 0.16, 0.10), (0.62, 0.47, 0.28)


def room_wall(x, y, color=(0.74, 0.80, 0.80)):
    """Paint, a white skirting board, a picture and the patch of light of a window."""
    wall = textures.plaster(x, y, color)
    pane = (np.abs(((x + 0.35 * y - 1.5) % 0.75) - 0.375) < 0.33) & (
        np.abs(x + 0.35 * y - 1.5) < 0.75
    )
    wall = np.where((pane & (y > 0.9) & (y < 2.1))[:, None], np.minimum(wall * 1.16, 1), wall)
    frame = (np.abs(x + 1.55) < 0.42) & (np.abs(y - 1.75) < 0.30)
    inner = (np.abs(x + 1.55) < 0.36) & (np.abs(y - 1.75) < 0.24)
    art = textures.landscape((x + 1.55) * 0.8, (y - 1.66) * 0.8)
    wall = np.where(frame[:, None], (0.25, 0.18, 0.13), wall)
    wall = np.where(inner[:, None], art, wall)
    return np.where((y < 0.10)[:, None], (0.93, 0.92, 0.90), wall)


def gym_floor(x, z):
    """Grey rubber with a teal mat."""
    floor = textures.tiles(x, z, (0.46, 0.47, 0.49), 1.0)
    mat = (np.abs(x) < 1.15) & (np.abs(z - 3.3) < 0.42)
    return np.where(mat[:, None], np.array((0.20, 0.50, 0.52)) * floor / 0.47, floor)


def path(x, z):
    """A lawn with a sandy path along x."""
    flat = np.stack([x, z], 1)
    edge = 0.95 + 0.12 * textures.noise(flat * 1.5)
    sand = np.array((0.74, 0.66, 0.53)) * (0.85 + 0.25 * textures.noise(flat * 60))[:, None]
    return np.where((np.abs(z - 3.7) < edge)[:, None], sand, textures.grass(x, z))


def scenes() -> dict[str, Scene]:
    """The pictures by name."""
    room = Room(1.30, 6.2, textures.wood, room_wall)
    gym = Room(1.1, 5.2, gym_floor, textures.bricks, light=(0.5, -0.8, -0.5))
    street = Room(
        1.45,
        5.6,
        partial(textures.tiles, side=0.5),
        partial(room_wall, color=(0.86, 0.74, 0.58)),
        light=(0.45, -0.75, -0.6),
    )
    park = Room(
        1.2,
        None,
        path,
        textures.landscape,
        light=(-0.5, -0.9, -0.75),
        softness=0.03,
        key=(2.3, 2.15, 1.85),
        sky=(0.60, 0.68, 0.82),
        bounce=(0.30, 0.28, 0.20),
    )
    anna = Person(
        "female",
        (0.3, -0.4, 0.2, 0.3, -0.3, 0.2, 0, 0.4, 0, 0),
        Outfit(
            PALE,
            BROWN_HAIR,
            (0.85, 0.30, 0.26),
            (0.20, 0.27, 0.42),
            (0.92, 0.92, 0.92),
            0.45,
            long_hair=True,
        ),
        hand_pose("wave"),
        -8,
        (0.12, 2.75),
    )
    maya = Person(
        "female",
        (-0.4, 0.5, -0.6, 0.2, 0.4, 0, 0.3, 0, 0, 0),
        Outfit(
            BROWN,
            BLACK_HAIR,
            (0.95, 0.80, 0.32),
            (0.22, 0.22, 0.26),
            (0.85, 0.35, 0.40),
            0.4,
            0.88,
        ),
        hand_pose("warrior"),
        0,
        (0.05, 3.3),
    )
    lena = Person(
        "female",
        (0.6, 0.2, 0.9, -0.3, 0.1, -0.4, 0.2, 0, 0.3, 0),
        Outfit(
            TAN,
            BLOND,
            (0.52, 0.30, 0.50),
            (0.36, 0.46, 0.58),
            (0.35, 0.22, 0.16),
            1.7,
            long_hair=True,
        ),
        hand_pose("stride"),
        22,
        (-0.62, 3.2),
    )
    omar = Person(
        "male",
        (-0.2, -0.5, 0.2, 1.0, 0.3, 0.2, 0, -0.3, 0, 0),
        Outfit(
            OLIVE,
            BLACK_HAIR,
            (0.24, 0.48, 0.40),
            (0.62, 0.54, 0.42),
            (0.22, 0.22, 0.24),
            0.55,
            0.55,
        ),
        hand_pose("hand_on_hip"),
        -14,
        (0.56, 3.4),
    )
    finn = Person(
        "male",
        (0.8, 0.3, -0.4, -0.8, 0, 0.3, 0, 0.2, 0, 0),
        Outfit(
            TAN,
            BROWN_HAIR,
            (0.20, 0.42, 0.78),
            (0.14, 0.14, 0.17),
            (0.95, 0.45, 0.15),
            0.5,
            0.45,
        ),
        hand_pose("run"),
        78,
        (-0.12, 3.5),
        0.03,
    )
    return {
        "wave": Scene(Camera(lens(40, PORTRAIT), PORTRAIT, 8.0), room, (anna,), 40),
        "warrior": Scene(Camera(lens(40), LANDSCAPE, 5.0), gym, (maya,), 40),
        "friends": Scene(Camera(lens(36), LANDSCAPE, 9.0), street, (lena, omar), 36),
        "runner": Scene(Camera(lens(None), LANDSCAPE, 6.0), park, (finn,), None),
    }


def walking(models: dict[str, BodyModel], poses: np.ndarray) -> list[Scene]:
    """The frames of the clip: somebody in the park walks past."""
    runner = scenes()["runner"]
    person = replace(
        scenes()["warrior"].people[0], yaw=55.0, place=(-1.2, 4.25), betas=(0.4, -0.3, 0.2, 0.5, 0)
    )
    camera = Camera(lens(None, SMALL), SMALL, 4.0)
    room = replace(runner.room, floor=1.15)
    return [Scene(camera, room, (p,)) for p in walk(models[person.body], person, poses)]
