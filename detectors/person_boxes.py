"""Boxes of people that something else found, read from a JSON file (docs/detectors.md)."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from detectors.base import UnknownClipError
from detectors.json_values import numbers, read_json
from detectors.keypoint_files.names import Asked, Names, number_of

Boxes = Float32[np.ndarray, "_P 4"]
"""x0, y0, x1, y1, px."""

BoxesOf = Callable[[Asked], dict[int, Boxes]]
"""An image or video -> boxes by frame (those of an image under 0); may raise UnknownClipError."""

_PERSON = 1  # COCO's category
_FARTHEST = 1e6  # px


def read_boxes(path: Path, min_score: float) -> BoxesOf:
    """Open a file of boxes: by file name, or COCO's results.

    Args:
        path: JSON. Either `{"photo.jpg": [[x0, y0, x1, y1], ...], "clip.mp4": {"0": [[...], ...],
            "12": ...}}`, where a video's frames are counted from 0; these boxes are taken as they
            are. Or COCO's detection results: a list of `image_id`, `category_id`, `bbox` (x, y,
            width, height), `score`, of which only persons count; images are matched by the number
            in their name.
        min_score: COCO's boxes with a lower score are dropped, 0..1.

    Raises:
        FileNotFoundError, ValueError: no such file, or it is neither of the two.
    """
    root = read_json(path)
    if isinstance(root, list):
        return _coco(path, root, min_score)
    if not isinstance(root, dict):
        raise ValueError(
            f"{path}: expected an object with boxes by file name, or COCO's list of results, got "
            f"{type(root).__name__}"
        )
    known = {Path(name).name: _frames(value, f"{path}: {name}") for name, value in root.items()}
    names = Names(tuple(known), path)

    def find(asked: Asked) -> dict[int, Boxes]:
        name = names.called(asked) or names.alike(asked)
        if name is None:
            raise names.unknown(asked)
        return known[name]

    return find


def _frames(value: Any, where: str) -> dict[int, Boxes]:
    if not isinstance(value, dict):
        return {0: _boxes(value, where)}
    frames = {}
    for frame, boxes in value.items():
        if not frame.isdecimal():
            raise ValueError(f"{where}: expected the number of a frame, got {frame!r}")
        frames[int(frame)] = _boxes(boxes, f"{where}, frame {frame}")
    return frames


def _boxes(value: Any, where: str) -> Boxes:
    boxes = numbers(value, where)
    boxes = boxes.reshape(0, 4) if boxes.shape == (0,) else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{where}: expected a list of x0, y0, x1, y1, got shape {boxes.shape}")
    usable = (np.abs(boxes) < _FARTHEST).all(1)  # NaN is not, either
    usable[usable] &= (boxes[usable, 2:] > boxes[usable, :2]).all(1)
    if not usable.all():
        wrong = boxes[~usable][0].tolist()
        raise ValueError(f"{where}: expected x0 < x1 and y0 < y1, px, got {wrong}")
    return boxes.astype(np.float32)


def _coco(path: Path, root: list[Any], min_score: float) -> BoxesOf:
    people: dict[int, list[tuple[float, list[float]]]] = defaultdict(list)
    for index, item in enumerate(root):
        where = f"{path}: result {index}"
        score, image, corners = _coco_box(item, where)
        if item.get("category_id", _PERSON) == _PERSON and score >= min_score:
            people[image].append((score, corners))
        else:
            people[image] += []  # the image is known, even if nobody is in it

    def find(asked: Asked) -> dict[int, Boxes]:
        if asked.alone and len(people) == 1:
            (number,) = people
        else:
            number = number_of(asked.name, path, r".*?(\d+)")
        if number not in people:
            raise UnknownClipError(f"{path.name} has no image_id {number}; it has {len(people)}")
        best_first = sorted(people[number], key=lambda found: -found[0])
        return {0: _boxes([corners for _, corners in best_first], f"{path}: image {number}")}

    return find


def _coco_box(item: Any, where: str) -> tuple[float, int, list[float]]:
    """Score, image and corners of a result."""
    fields = item if isinstance(item, dict) else {}
    image, given = fields.get("image_id"), numbers(fields.get("bbox", []), where)
    if not isinstance(image, int) or given.shape != (4,):
        raise ValueError(
            f"{where}: expected image_id (a number) and bbox (x, y, width, height), got "
            f"{sorted(fields) if fields else type(item).__name__}"
        )
    x, y, width, height = given.tolist()
    score = float(numbers(fields.get("score", 1.0), where))
    return score, image, [x, y, x + width, y + height]
