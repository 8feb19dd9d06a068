"""A camera, a floor, a backdrop, a sun or a window: pictures by ray casting with Embree."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fitting.body.body_model import BodyModel
from pipeline.drawing.mesh_renderer import vertex_normals
from tools.demo.people import Figure
from tools.demo.textures import noise
from tools.demo.wardrobe import Outfit, paint

_OCCLUSION_REACH = 1.5  # m; things farther away do not darken a corner


@dataclass(frozen=True)
class Camera:
    """A camera at the origin of the room; x_camera = tilt @ x_room, OpenCV axes."""

    focal_length: float
    size: tuple[int, int]
    pitch: float  # degrees, positive looks down

    @property
    def center(self) -> tuple[float, float]:
        return ((self.size[0] - 1) / 2, (self.size[1] - 1) / 2)

    @property
    def tilt(self) -> np.ndarray:
        c, s = np.cos(np.radians(self.pitch)), np.sin(np.radians(self.pitch))
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


@dataclass(frozen=True)
class Room:
    """Floor `floor` m below the camera; a wall `wall` m ahead, or landscape if it is None."""

    floor: float
    wall: float | None
    floor_color: Callable[[np.ndarray, np.ndarray], np.ndarray]
    back_color: Callable[[np.ndarray, np.ndarray], np.ndarray]
    light: tuple[float, float, float] = (-0.55, -0.75, -0.45)  # towards it
    softness: float = 0.12  # of the shadows: the light's radius over its distance
    key: tuple[float, float, float] = (1.75, 1.66, 1.53)
    sky: tuple[float, float, float] = (0.62, 0.66, 0.72)
    bounce: tuple[float, float, float] = (0.34, 0.30, 0.26)


@dataclass(frozen=True)
class Actor:
    """A figure with its clothes."""

    model: BodyModel
    outfit: Outfit
    figure: Figure


def photograph(
    camera: Camera, room: Room, actors: Sequence[Actor], samples: int, grain: float = 2.0
) -> np.ndarray:
    """A picture (H, W, 3) uint8.

    Args:
        samples: squared, camera rays a pixel; each casts a shadow ray and one to the sky.
        grain: of the film, standard deviation in grey levels.
    """
    rng = np.random.default_rng(1)
    stage = _Stage(room, actors)
    total = np.zeros((camera.size[1] * camera.size[0], 3))
    for i in range(samples):
        for j in range(samples):
            jitter = (np.array([i, j]) + rng.random((len(total), 2))) / samples - 0.5
            total += np.minimum(stage.radiance(_rays(camera, jitter), rng), 1.5)
    return _develop(total.reshape(camera.size[1], camera.size[0], 3) / samples**2, grain, rng)


class _Stage:
    """People as one Embree scene; floor and wall are planes."""

    def __init__(self, room: Room, actors: Sequence[Actor]) -> None:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        self.room, self.actors, self.scene = room, actors, EmbreeScene()
        firsts = np.cumsum([0, *(len(a.model.v_template) for a in actors)])
        none = np.zeros((0, 3))  # an empty room is a picture, too
        self.faces = np.concatenate(
            [none, *(a.model.faces + f for a, f in zip(actors, firsts, strict=False))]
        ).astype(np.int32)
        self.vertices = np.concatenate([none, *(a.figure.vertices for a in actors)], dtype="f4")
        self.rest = np.concatenate([none, *(a.model.v_template for a in actors)])
        self.normals = vertex_normals(self.vertices, self.faces)
        self.who = np.repeat(np.arange(len(actors)), [len(a.model.faces) for a in actors])
        if actors:
            TriangleMesh(self.scene, self.vertices, self.faces)

    def radiance(self, rays: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Linear light (n, 3) that comes along rays from the camera."""
        found = self.scene.run(np.zeros_like(rays), rays, output=1)
        body = found["primID"] >= 0
        light = np.zeros(rays.shape)
        light[body] = self._body(rays[body], {k: v[body] for k, v in found.items()}, rng)
        light[~body] = self._surroundings(rays[~body], rng)
        return light

    def _body(self, rays: np.ndarray, hit: dict, rng: np.random.Generator) -> np.ndarray:
        share = np.stack([1 - hit["u"] - hit["v"], hit["u"], hit["v"]], axis=1)
        corners = self.faces[hit["primID"]]
        rest = np.einsum("nk,nkc->nc", share, self.rest[corners])
        normal = np.einsum("nk,nkc->nc", share, self.normals[corners])
        color, cloth = np.zeros(rest.shape), np.zeros(len(rest))
        who = self.who[hit["primID"]]
        for k, actor in enumerate(self.actors):
            mine = who == k
            color[mine], cloth[mine] = paint(actor.model, actor.outfit, rest[mine])
        normal = _unit(normal + cloth[:, None] * _folds(rest))
        points = rays * hit["tfar"][:, None]
        return self._lit(points, normal, color, rng)

    def _surroundings(self, rays: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        room = self.room
        down = np.where(rays[:, 1] > 1e-6, room.floor / np.maximum(rays[:, 1], 1e-6), np.inf)
        far = np.inf if room.wall is None else room.wall
        floor = down * rays[:, 2] < min(far, 60.0)
        light = np.zeros(rays.shape)
        points = rays[floor] * down[floor, None]
        up = np.broadcast_to([0.0, -1.0, 0.0], points.shape)
        color = room.floor_color(points[:, 0], points[:, 2])
        light[floor] = self._lit(points, up, color, rng)
        back = rays[~floor]
        if room.wall is None:
            light[~floor] = room.back_color(back[:, 0], -back[:, 1]) ** 2.2 * 1.05
            haze = np.clip(points[:, 2] / 60, 0, 1)[:, None] ** 0.7
            light[floor] += haze * (np.array((0.5, 0.6, 0.45)) ** 2.2 - light[floor])
        else:
            points = back * room.wall
            facing = np.broadcast_to([0.0, 0.0, -1.0], points.shape)
            color = room.back_color(points[:, 0], room.floor - points[:, 1])
            light[~floor] = self._lit(points, facing, color, rng)
        return light

    def _lit(self, points, normals, color, rng: np.random.Generator) -> np.ndarray:
        """A key light with a soft shadow, a sky that nearby surfaces hide, light off the floor."""
        room = self.room
        towards = _unit(np.array(room.light) + room.softness * rng.normal(size=points.shape))
        key = np.clip((normals * towards).sum(axis=1), 0, None)
        key *= ~self._blocked(points, normals, towards, 1e3)
        open_sky = _unit(normals + _unit(rng.normal(size=points.shape)))
        seen = 1.0 - 0.85 * self._blocked(points, normals, open_sky, _OCCLUSION_REACH)
        height = np.clip(room.floor - points[:, 1], 0, None)
        corner = (
            1.0
            if room.wall is None
            else 1
            - 0.35
            * np.exp(
                -4
                * np.minimum(
                    np.where(np.abs(normals[:, 2]) > 0.99, height, np.inf),
                    np.where(normals[:, 1] < -0.99, room.wall - points[:, 2], np.inf),
                )
            )
        )
        upward = (0.5 - 0.5 * normals[:, 1])[:, None]
        ambient = upward * room.sky + (1 - upward) * room.bounce
        arriving = key[:, None] * room.key + (seen * corner)[:, None] * ambient
        return color.clip(0, 1) ** 2.2 * arriving

    def _blocked(self, points, normals, towards, reach: float) -> np.ndarray:
        start = (points + 2e-3 * normals).astype(np.float32)
        limit = np.full(len(points), reach, np.float32)
        return self.scene.run(start, towards.astype(np.float32), limit, output=1)["primID"] >= 0


def _rays(camera: Camera, jitter: np.ndarray) -> np.ndarray:
    y, x = np.divmod(np.arange(camera.size[0] * camera.size[1]), camera.size[0])
    rays = np.ones((len(x), 3))
    rays[:, 0] = (x + jitter[:, 0] - camera.center[0]) / camera.focal_length
    rays[:, 1] = (y + jitter[:, 1] - camera.center[1]) / camera.focal_length
    rays = rays @ camera.tilt  # tilt is orthonormal: rows times tilt turn into the room
    return (rays / np.maximum(rays[:, 2:], 1e-3)).astype(np.float32)


def _folds(rest: np.ndarray) -> np.ndarray:
    """Wrinkles of cloth as a disturbance of the normal."""
    return 0.5 * np.stack(
        [noise(rest * (14, 9, 14) + shift) - 0.5 for shift in (0, 31, 67)], axis=1
    )


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def _develop(linear: np.ndarray, grain: float, rng: np.random.Generator) -> np.ndarray:
    """Roll off the highlights, darken the corners a little, add film grain."""
    height, width = linear.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    linear = linear * (1 - 0.10 * (x**2 + y**2))[..., None]
    shown = (1 - np.exp(-1.6 * linear)) ** (1 / 2.2) * 255 / (1 - np.exp(-2.6)) ** (1 / 2.2)
    noisy = shown + grain * rng.normal(size=(height, width, 1))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
