"""JSON of OpenPose and mmpose: the people of one image or clip per file."""

from pathlib import Path
from typing import Any

from detectors.json_values import fields, get
from detectors.keypoint_files.points import Points, points_of
from detectors.keypoint_files.rows import Seen, seen_of
from detectors.skeletons import names_from_mmpose

_OPENPOSE = ("pose_keypoints_2d", "pose_keypoints")  # the second key was used up to version 1.0


def openpose(path: Path, root: Any, skeleton: str) -> Seen:
    """OpenPose's `--write_json` of an image or of one frame of a video."""
    where = str(path)
    people = [
        points_of(_openpose_points(person, where), f"{where}: person {index}")
        for index, person in enumerate(get(root, "people", list, where))
    ]
    return seen_of({0: people}, skeleton, where)


def _openpose_points(person: Any, where: str) -> list[Any]:
    key = next((key for key in _OPENPOSE if key in fields(person, where)), _OPENPOSE[0])
    return get(person, key, list, where)


def mmpose(path: Path, root: Any, skeleton: str) -> Seen:
    """mmpose's predictions for an image or a video: a file of its inferencer or of its demo."""
    names, first, where = None, 0, str(path)
    items = root
    if isinstance(root, dict):
        items = get(root, "instance_info", list, where)
        first = 1  # the demo counts the frames of a video from 1, the inferencer from 0
        if skeleton == "auto" and "meta_info" in root:
            names = _meta_joints(root["meta_info"], where)
    if not (items and "instances" in fields(items[0], where)):
        return seen_of({0: [_instance(item, where) for item in items]}, skeleton, where, names)
    frames = {
        get(item, "frame_id", int, where): [
            _instance(one, where) for one in get(item, "instances", list, where)
        ]
        for item in items
    }
    seen = seen_of(frames, skeleton, where, names)
    return Seen(seen.joint_names, seen.frames, first)


def _instance(item: Any, where: str) -> Points:
    keypoints = get(item, "keypoints", list, where)
    return points_of(keypoints, where, get(item, "keypoint_scores", list, where))


def _meta_joints(meta: Any, where: str) -> tuple[str, ...]:
    names = get(meta, "keypoint_id2name", dict, where)
    try:
        ordered = [str(names[str(i)]) for i in range(len(names))]
    except KeyError as error:
        raise ValueError(f"{where}: keypoint_id2name: expected the joint {error}") from None
    return names_from_mmpose(str(meta.get("dataset_name")), ordered)
