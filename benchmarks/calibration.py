"""Reads calibrated cameras: Qualisys' file, or a plain JSON or TOML (docs/multiview.md)."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float

_QUALISYS_PIXEL = 64  # Qualisys counts image coordinates in 64ths of a pixel
_OPENCV_AXES = np.diag([1.0, -1.0, -1.0])  # from Qualisys' camera axes: x right, y up, z backwards


@dataclass(frozen=True)
class CalibratedCamera:
    """A camera by OpenCV's conventions: x_camera = R x_world + t, metres.

    Args:
        matrix: K, px.
        distortion: k1, k2, p1, p2, k3.
        rotation: R.
        translation: t, m.
    """

    matrix: Float[np.ndarray, "3 3"]
    distortion: Float[np.ndarray, "5"]
    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]

    def __post_init__(self) -> None:
        shapes = {"matrix": (3, 3), "distortion": (5,), "rotation": (3, 3), "translation": (3,)}
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value.shape != shape or not np.isfinite(value).all():
                raise ValueError(f"{name}: expected finite numbers {shape}, got {value.tolist()}")
        if np.abs(self.rotation @ self.rotation.T - np.eye(3)).max() > 1e-3:
            raise ValueError("rotation: expected a rotation matrix or a rotation vector")

    @property
    def projection(self) -> Float[np.ndarray, "3 4"]:
        """R and t: a point of the world to normalised image coordinates."""
        return np.concatenate([self.rotation, self.translation[:, None]], 1)

    def normalised(self, xy: Float[np.ndarray, "... 2"]) -> Float[np.ndarray, "... 2"]:
        """Pixels without the lens's distortion, in units of the focal length."""
        import cv2

        flat = np.ascontiguousarray(xy, float).reshape(-1, 1, 2)
        return cv2.undistortPoints(flat, self.matrix, self.distortion).reshape(xy.shape)

    def in_camera(self, points: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
        """Points of the world in the camera's axes."""
        return points @ self.rotation.T + self.translation


def read_calibration(path: Path) -> dict[str, CalibratedCamera]:
    """The cameras by name.

    Raises:
        ValueError: the file is neither of the formats, or a camera in it is not whole.
    """
    try:
        if path.suffix == ".json":
            return _from_table(json.loads(path.read_text(encoding="utf-8")))
        if path.suffix == ".toml":
            return _from_table(tomllib.loads(path.read_text(encoding="utf-8")))
        return _from_qualisys(path)
    except (ValueError, KeyError, TypeError, ElementTree.ParseError, AttributeError) as error:
        raise ValueError(f"{path}: not a calibration: {error}") from error


def _from_table(table: dict[str, Any]) -> dict[str, CalibratedCamera]:
    """K, R, t of each camera; or the names that Pose2Sim and aniposelib give them."""
    cameras = {}
    for key, entry in table.items():
        if not isinstance(entry, dict) or key == "metadata":
            continue
        matrix = np.array(_any_of(entry, "K", "matrix"), float)
        turn = np.array(_any_of(entry, "R", "rotation"), float)
        distortion = np.zeros(5)
        given = np.array(entry.get("distortion", entry.get("distortions", [])), float)
        distortion[: len(given)] = given
        place = np.array(_any_of(entry, "t", "translation"), float)
        camera = CalibratedCamera(matrix, distortion, _rotation(turn), place)
        cameras[str(entry.get("name", key))] = camera
    if not cameras:
        raise ValueError("expected a table for each camera, found none")
    return cameras


def _any_of(entry: dict[str, Any], *names: str) -> Any:
    for name in names:
        if name in entry:
            return entry[name]
    raise ValueError(f"a camera lacks {' or '.join(names)}")


def _rotation(turn: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(turn).as_matrix() if turn.shape == (3,) else turn


def _from_qualisys(path: Path) -> dict[str, CalibratedCamera]:
    """`<camera serial="...">` with `<transform>` (mm) and `<intrinsic>`.

    What the rows of the transform are: the camera's axes in the world's, y up and z backwards.
    """
    root = ElementTree.parse(path).getroot()
    cameras = {}
    for camera in root.iter("camera"):
        transform, intrinsic = _child(camera, "transform"), _child(camera, "intrinsic")
        matrix = np.eye(3)
        for (row, column), name in {
            (0, 0): "focalLengthU",
            (1, 1): "focalLengthV",
            (0, 2): "centerPointU",
            (1, 2): "centerPointV",
        }.items():
            matrix[row, column] = float(intrinsic.attrib[name]) / _QUALISYS_PIXEL
        names = [f"{kind}Distortion{i}" for kind in ("radial", "tangental") for i in (1, 2)]
        distortion = [float(intrinsic.attrib[name]) for name in names]
        third = float(intrinsic.attrib.get("radialDistortion3", 0))
        axes = [[float(transform.attrib[f"r{i}{j}"]) for j in (1, 2, 3)] for i in (1, 2, 3)]
        rotation = _OPENCV_AXES @ np.array(axes)
        center = np.array([float(transform.attrib[axis]) for axis in "xyz"]) / 1000
        cameras[camera.attrib["serial"]] = CalibratedCamera(
            matrix, np.array([*distortion, third]), rotation, -(rotation @ center)
        )
    if not cameras:
        raise ValueError("expected <camera> elements, found none")
    return cameras


def _child(element: ElementTree.Element, name: str) -> ElementTree.Element:
    child = element.find(name)
    if child is None:
        raise ValueError(f"a camera lacks <{name}>")
    return child
