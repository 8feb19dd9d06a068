"""One person's keypoints in the spellings of other tools."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from detectors.base import Detections, Resources
from detectors.keypoint_file import KeypointFile

WIDTH, HEIGHT = 640, 480
XY = np.random.default_rng(0).uniform((60, 40), (580, 440), (33, 2)).round(2)


def detect(
    path: Path, name: str = "photo.jpg", frames: int = 1, alone: bool = False, **options: Any
) -> Detections:
    pictures = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * frames
    detector = KeypointFile(str(path), **options)
    return (detector.when_alone() if alone else detector).detect(pictures, Resources(), name)


def save(path: Path, content: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def flat(k: int = 17, shift: float = 0, score: float = 0.5) -> list[float]:
    return [n for x, y in (XY[:k] + shift).tolist() for n in (x, y, score)]


def nested(k: int = 17, shift: float = 0, score: float = 0.5) -> list[list[float]]:
    return [[x, y, score] for x, y in (XY[:k] + shift).tolist()]


def openpose(*people: list[float], key: str = "pose_keypoints_2d") -> dict[str, Any]:
    return {"people": [{key: person} for person in people]}


def instance(shift: float = 0) -> dict[str, Any]:
    return {"keypoints": (XY[:17] + shift).tolist(), "keypoint_scores": [0.5] * 17}


def landmarks(xy: np.ndarray = XY, score: float = 0.9) -> list[dict[str, float]]:
    """As mediapipe's, in fractions from edge to edge."""
    inside = (xy + 0.5) / (WIDTH, HEIGHT)
    return [{"x": x, "y": y, "z": -0.1, "visibility": score} for x, y in inside.tolist()]


def annotations(width: int, height: int, xy: np.ndarray) -> dict[str, Any]:
    keypoints = np.column_stack([xy, np.full(17, 2)]).ravel().tolist()
    return {
        "images": [{"id": 1, "file_name": "photo.jpg", "width": width, "height": height}],
        "annotations": [{"image_id": 1, "keypoints": keypoints, "bbox": [10, 10, 100, 50]}],
    }
