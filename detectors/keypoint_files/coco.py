"""COCO's keypoint files: annotations, and the results of detectors."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detectors.base import UnknownClipError
from detectors.json_values import fields, get, numbers
from detectors.keypoint_files.finding import Find, finder
from detectors.keypoint_files.names import Asked, Names, last_number
from detectors.keypoint_files.points import Points, points_of
from detectors.keypoint_files.rows import Seen, seen_of

_Item = dict[str, Any]


@dataclass(frozen=True)
class _Image:
    """What COCO says about one image."""

    people: list[_Item]
    size: tuple[int, int] | None


def coco_annotations(path: Path, root: Any, skeleton: str) -> Find:
    """COCO's annotations: images with file names, annotations with x, y, v of each joint.

    v is 0 for unlabelled joints. Labelled ones count fully, visible (2) or occluded (1).
    """
    names = _category_joints(root, str(path)) if skeleton == "auto" else None
    people: dict[Any, list[_Item]] = defaultdict(list)
    for index, item in enumerate(get(root, "annotations", list, str(path))):
        where = f"{path}: annotation {index}"
        if "keypoints" in fields(item, where) and not item.get("iscrowd"):
            people[get(item, "image_id", (int, str), where)].append(item)
    images: dict[str, _Image] = {}
    for index, image in enumerate(get(root, "images", list, str(path))):
        where = f"{path}: image {index}"
        name = Path(get(image, "file_name", str, where)).name
        if name in images:
            raise ValueError(f"{where}: expected names that differ, got two images called {name}")
        images[name] = _Image(people.get(get(image, "id", (int, str), where), []), _size(image))

    def read(name: str) -> Seen:
        image, where = images[name], f"{path}: {name}"
        points = [_labelled(points_of(item["keypoints"], where)) for item in image.people]
        return _seen(image, points, names, skeleton, where)

    return finder(Names(tuple(images), path), read)


def coco_results(path: Path, root: Any, skeleton: str) -> Find:
    """COCO's results, also AlphaPose's: x, y, score of each joint, with the image's id.

    A numeric id belongs to the image whose name ends with that number; a text id is its name.
    """
    people: dict[int | str, list[_Item]] = defaultdict(list)
    for index, item in enumerate(root):
        where = f"{path}: result {index}"
        image = get(item, "image_id", (int, str), where)
        get(item, "keypoints", (list, dict), where)
        people[Path(image).name if isinstance(image, str) else str(image)].append(item)
    by_number = all(isinstance(item["image_id"], int) for item in root)

    def read(name: str) -> Seen:
        where = f"{path}: {name}"
        points = [points_of(item["keypoints"], where) for item in people[name]]
        return _seen(_Image(people[name], None), points, None, skeleton, where)

    def unknown(asked: Asked) -> UnknownClipError:
        number = last_number(asked.stem)
        if number is None:
            return UnknownClipError(
                f"{path.name} counts its images, and this name has no number: expected e.g. "
                "im0001.jpg"
            )
        return UnknownClipError(f"{path.name} has no image_id {number}; it has {len(people)}")

    names = Names(tuple(map(str, people)), path)
    return finder(names, read, unknown if by_number else None)


def _seen(
    image: _Image, points: list[Points], names: tuple[str, ...] | None, skeleton: str, where: str
) -> Seen:
    boxes = np.array([_box(item.get("bbox"), where) for item in image.people]).reshape(-1, 4)
    seen = seen_of({0: points}, skeleton, where, names, {0: boxes})
    return Seen(seen.joint_names, seen.frames, size=image.size)


def _labelled(points: Points) -> Points:
    """Scores from COCO's `v`, which is no score itself: 1 and 2 are both labelled joints."""
    return np.column_stack([points[:, :2], points[:, 2] > 0])


def _size(image: Any) -> tuple[int, int] | None:
    """Width and height, if the file has them."""
    width, height = image.get("width"), image.get("height")
    given = all(isinstance(side, int) and side > 0 for side in (width, height))
    return (width, height) if given else None


def _box(value: Any, where: str) -> np.ndarray:
    """x0, y0, x1, y1 from COCO's x0, y0, width, height; NaN where there is no box."""
    box = np.full(4, np.nan) if value is None else numbers(value, f"{where}: bbox")
    if box.shape != (4,):
        raise ValueError(f"{where}: expected a bbox of 4 numbers, got shape {box.shape}")
    with np.errstate(invalid="ignore", over="ignore"):  # from infinities; such a box is not used
        return np.concatenate([box[:2], box[:2] + box[2:]])


def _category_joints(root: Any, where: str) -> tuple[str, ...] | None:
    """Names of the joints, if the file has a category that gives them."""
    for category in get(root, "categories", list, where) if "categories" in root else []:
        names = fields(category, where).get("keypoints")
        if names and isinstance(names, list) and all(isinstance(name, str) for name in names):
            return tuple(names)
    return None
