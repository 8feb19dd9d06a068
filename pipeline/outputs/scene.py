"""The people of a photo or clip and the camera that saw them, in a world that stands upright."""

from dataclasses import dataclass

import numpy as np

from fitting.body.body_model import BodyModel
from fitting.result import FitResult
from pipeline.outputs.actor import Actor, Matrix4, actor_of

USUAL_FPS = 25.0
"""For a photo, and for a video that does not say."""

UPRIGHT = "the camera's axes turned upright: x right, y up, z towards the viewer, camera at 0, m"
WORLD = "the world of the track fit: y up, floor at y = 0, m"


@dataclass(frozen=True)
class Scene:
    """The data that every 3-D format is written from.

    Args:
        name: of the input.
        body: that was fitted.
        actors: of each person, by track; none if nobody was fitted.
        focal_length, center, image_size: of the camera, px; pixel centres at integers.
        world_from_camera: takes points of the camera (OpenCV axes) into the world (y up).
        world: which world that is, in words.
        fps: frames per second; None for a photo, and if a video does not say.
        n_frames: of the clip, as far as people were looked for in it.
        gender: of the body: neutral, female or male.
        official: betas are those of the official SMPL body of that gender.
    """

    name: str
    body: BodyModel
    actors: tuple[Actor, ...]
    focal_length: float
    center: tuple[float, float]
    image_size: tuple[int, int]
    world_from_camera: Matrix4
    world: str
    fps: float | None
    n_frames: int
    gender: str = "neutral"
    official: bool = False

    @property
    def rate(self) -> float:
        """Frames per second, for formats that must name a rate."""
        return self.fps or USUAL_FPS


def scene_of(
    result: FitResult,
    body: BodyModel,
    image_size: tuple[int, int],
    *,
    name: str = "people",
    fps: float | None = None,
    gender: str = "neutral",
    official: bool = False,
    world_from_camera: Matrix4 | None = None,
) -> Scene:
    """The scene of a photo or a clip.

    Args:
        result: of one clip; rows that hold no body are left out.
        body: that was fitted.
        image_size: width, height, px.
        name, fps, gender, official: as in Scene.
        world_from_camera: of the track fit, where it knows the floor (npz: `world_from_camera`);
            None: the camera's axes turned upright.
    """
    matrix, world = np.diag([1.0, -1.0, -1.0, 1.0]), UPRIGHT
    if world_from_camera is not None:
        matrix, world = np.asarray(world_from_camera, float), WORLD
    fitted = result[result.fitted]
    people = [fitted[fitted.track == track] for track in np.unique(fitted.track)]
    width, height = image_size
    focal, center = float(max(image_size)), ((width - 1) / 2, (height - 1) / 2)
    if len(fitted):
        focal = float(fitted.camera.focal_length[0])
        center = (float(fitted.camera.center[0, 0]), float(fitted.camera.center[0, 1]))
    return Scene(
        name=name,
        body=body,
        actors=tuple(actor_of(rows, body, matrix) for rows in people),
        focal_length=focal,
        center=center,
        image_size=image_size,
        world_from_camera=matrix,
        world=world,
        fps=fps,
        n_frames=int(result.frame.max(initial=0)) + 1,
        gender=gender,
        official=official,
    )
