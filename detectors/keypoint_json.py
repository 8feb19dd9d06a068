"""Keypoint files in JSON: COCO's annotations and results, mmpose's and OpenPose's people."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from detectors.base import People, UnknownClipError
from detectors.keypoint_rows import (
    Find,
    Seen,
    by_name,
    joint_names,
    number_of,
    numbers,
    people_of,
    stacked,
    triplets,
)
from detectors.skeletons import SKELETONS, names_from_mmpose

_MAX_BYTES = 300_000_000  # COCO's largest file of keypoints, train2017, has 240 MB


def read_json(path: Path) -> Any:
    """The content of a JSON file that may come from anywhere.

    Raises:
        ValueError: not JSON, nested too deeply, or larger than any keypoint file.
    """
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise ValueError(f"{path}: expected at most {_MAX_BYTES} bytes of JSON, got {size}")
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except RecursionError:
        raise ValueError(f"{path}: expected keypoints, got JSON nested without end") from None
    except ValueError as error:
        raise ValueError(f"{path}: expected JSON in UTF-8: {error}") from error


def coco_annotations(path: Path, root: Any, skeleton: str) -> Find:
    """COCO's annotations: images with file names, annotations with x, y, v of each joint.

    v is 0 for joints that are not labelled; labelled ones count fully, visible (2) or occluded (1).
    """
    names = _category_joints(root, str(path)) if skeleton == "auto" else None
    people: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for index, item in enumerate(_get(root, "annotations", list, str(path))):
        where = f"{path}: annotation {index}"
        if "keypoints" in _object(item, where) and not item.get("iscrowd"):
            people[_get(item, "image_id", (int, str), where)].append(item)
    images: dict[str, list[dict[str, Any]]] = {}
    for index, image in enumerate(_get(root, "images", list, str(path))):
        where = f"{path}: image {index}"
        name = Path(_get(image, "file_name", str, where)).name
        if name in images:
            raise ValueError(f"{where}: two images are called {name}; expected names that differ")
        images[name] = people.get(_get(image, "id", (int, str), where), [])

    def find(image: str) -> Seen:
        return _coco_seen(by_name(images, image, path), names, skeleton, f"{path}: {image}", True)

    return find


def coco_results(path: Path, root: Any, skeleton: str) -> Find:
    """COCO's results, also AlphaPose's: x, y, score of each joint, with the image's id.

    A numeric id belongs to the image whose name ends with that number, a text is its name.
    """
    people: dict[int | str, list[dict[str, Any]]] = defaultdict(list)
    for index, item in enumerate(root):
        where = f"{path}: result {index}"
        image = _get(item, "image_id", (int, str), where)
        _get(item, "keypoints", list, where)
        people[Path(image).name if isinstance(image, str) else image].append(item)
    texts = {name: items for name, items in people.items() if isinstance(name, str)}

    def find(image: str) -> Seen:
        if texts:
            own = by_name(texts, image, path)
        else:
            number = number_of(image, path, r".*?(\d+)")
            if number not in people:
                raise UnknownClipError(
                    f"{path.name} has no image_id {number}; it has {len(people)}"
                )
            own = people[number]
        return _coco_seen(own, None, skeleton, f"{path}: {image}", False)

    return find


def mmpose(path: Path, root: Any, skeleton: str) -> Find:
    """mmpose's predictions: its inferencer's file of an image or a video, or its demo's.

    The file has the name of the image or video; the demo puts `results_` before it.
    """

    def find(image: str) -> Seen:
        if Path(image).stem not in (path.stem, path.stem.removeprefix("results_")):
            raise UnknownClipError(
                f"{path.name} is about {path.stem}, expected {Path(image).stem}.json"
            )
        return mmpose_seen(path, root, skeleton)

    return find


def mmpose_seen(path: Path, root: Any, skeleton: str) -> Seen:
    """The people of one file of mmpose."""
    names, first = None, 0
    items = root
    if isinstance(root, dict):
        items = _get(root, "instance_info", list, str(path))
        first = 1  # the demo counts the frames of a video from 1, the inferencer from 0
        if skeleton == "auto" and "meta_info" in root:
            names = _meta_joints(root["meta_info"], str(path))
    if items and "instances" in _object(items[0], str(path)):
        frames = {
            _get(item, "frame_id", int, str(path)) - first: _get(item, "instances", list, str(path))
            for item in items
        }
    else:
        frames = {0: items}
    people = {f: [_instance(i, str(path)) for i in found] for f, found in frames.items()}
    return _seen({f: (p, None) for f, p in people.items()}, names, skeleton, str(path))


def openpose_seen(files: dict[int, tuple[Path, Any]], skeleton: str) -> Seen:
    """The people of an image (frame 0) or of the frames of a video, one OpenPose file each."""
    people, where = {}, ""
    for frame, (path, root) in files.items():
        where = str(path)
        found = [
            triplets(_get(person, "pose_keypoints_2d", list, where), f"{where}: person {index}")
            for index, person in enumerate(_get(root, "people", list, where))
        ]
        _check_pixels(found, where)
        people[frame] = (found, None)
    return _seen(people, None, skeleton, where)


def openpose(path: Path, root: Any, skeleton: str) -> Find:
    """One OpenPose file, about the image it is named after."""

    def find(image: str) -> Seen:
        if Path(image).stem != path.stem.removesuffix("_keypoints"):
            raise UnknownClipError(f"{path.name}: expected {Path(image).stem}_keypoints.json")
        return openpose_seen({0: (path, root)}, skeleton)

    return find


def _coco_seen(
    items: list[dict[str, Any]], names: tuple[str, ...] | None, skeleton: str, where: str, v: bool
) -> Seen:
    """People of one image; where the third number is COCO's `v` it is no score."""
    points = [triplets(item["keypoints"], where) for item in items]
    if v:
        points = [np.column_stack([p[:, :2], p[:, 2] > 0]) for p in points]
    boxes = np.array([_box(item.get("bbox"), where) for item in items])
    return _seen({0: (points, boxes.reshape(-1, 4))}, names, skeleton, where)


def _seen(
    frames: dict[int, tuple[list[np.ndarray], np.ndarray | None]],
    names: tuple[str, ...] | None,
    skeleton: str,
    where: str,
) -> Seen:
    """Everybody in the same joints: those named, or those that the first person's number tells."""
    counts = [len(person) for people, _ in frames.values() for person in people]
    if not counts:
        return Seen(names or SKELETONS["coco17" if skeleton == "auto" else skeleton], {})
    names = names or joint_names(counts[0], skeleton, where)
    people: dict[int, People] = {
        frame: people_of(stacked(found, names, where), boxes)
        for frame, (found, boxes) in frames.items()
    }
    return Seen(names, people)


def _instance(item: Any, where: str) -> np.ndarray:
    """(K, 3) of one person of mmpose."""
    xy = numbers(_get(item, "keypoints", list, where), where)
    scores = numbers(_get(item, "keypoint_scores", list, where), where)
    if xy.ndim != 2 or xy.shape[1] != 2 or scores.shape != xy.shape[:1]:
        raise ValueError(
            f"{where}: expected keypoints (K, 2) and keypoint_scores (K), got {xy.shape} and "
            f"{scores.shape}"
        )
    return np.column_stack([xy, scores])


def _box(value: Any, where: str) -> np.ndarray:
    """x0, y0, x1, y1 of COCO's x0, y0, width, height; NaN where there is none."""
    box = np.full(4, np.nan) if value is None else numbers(value, f"{where}: bbox")
    if box.shape != (4,):
        raise ValueError(f"{where}: expected a bbox of 4 numbers, got shape {box.shape}")
    with np.errstate(invalid="ignore", over="ignore"):  # of infinities; such a box is not used
        return np.concatenate([box[:2], box[:2] + box[2:]])


def _check_pixels(people: list[np.ndarray], where: str) -> None:
    """OpenPose can also write fractions of the picture, which look like a tiny person."""
    seen = [person[person[:, 2] > 0, :2] for person in people]
    seen = np.concatenate([np.zeros((0, 2)), *seen])
    if len(seen) > 2 and np.abs(seen).max() <= 1:
        raise ValueError(f"{where}: expected pixels (--keypoint_scale 0), got fractions")


def _category_joints(root: Any, where: str) -> tuple[str, ...] | None:
    """Names of the joints, where the file has a category that tells them."""
    for category in _get(root, "categories", list, where) if "categories" in root else []:
        names = _object(category, where).get("keypoints")
        if names and isinstance(names, list) and all(isinstance(name, str) for name in names):
            return tuple(names)
    return None


def _meta_joints(meta: Any, where: str) -> tuple[str, ...]:
    names = _get(meta, "keypoint_id2name", dict, where)
    try:
        ordered = [str(names[str(i)]) for i in range(len(names))]
    except KeyError as error:
        raise ValueError(f"{where}: keypoint_id2name: expected the joint {error}") from None
    return names_from_mmpose(str(meta.get("dataset_name")), ordered)


def _object(item: Any, where: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ValueError(f"{where}: expected an object, got {type(item).__name__}")
    return item


def _get(item: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """The value under a key, if it is of the kind."""
    value = _object(item, where).get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or ".join(k.__name__ for k in kinds)
        got = "none" if value is None else type(value).__name__
        raise ValueError(f"{where}: expected {key} to be {names}, got {got}")
    return value
