"""Bare points without a format of their own: mediapipe's landmarks, arrays, lists of people."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detectors.json_values import some_keys
from detectors.keypoint_files.points import Points, is_person, points_of
from detectors.keypoint_files.rows import Seen, seen_of

_POINTS = (
    "keypoints",
    "pose_landmarks",
    "poseLandmarks",
    "landmarks",
    "landmark",
    "pose_keypoints_2d",
    "pose_keypoints",
    "joints",
    "keypoints_2d",
)
_PEOPLE = ("people", "persons", "instances", "predictions", "poses", "bodies")
_SCORES = ("keypoint_scores", "keypoints_scores", "scores")
_FRAMES = ("frame", "frame_id", "frame_index", "frame_idx", "frame_number", "frame_num")
_DEEPEST = 8  # lists of frames, people and points, each under a key, and one more
LANDMARK_KEYS = frozenset((*_POINTS, *_PEOPLE))


def landmarks(path: Path, root: Any, skeleton: str) -> Seen:
    """The people of an image, or of the frames of a video.

    A person is a list of points (detectors.keypoint_files.points), alone or under a key such as
    `pose_landmarks` or `keypoints`. A list holds the people of a photo, or for a video one entry
    per frame. Entries may also give their `frame`, or frames may be the keys of an object.

    Raises:
        ValueError: it is something else.
    """
    where = str(path)
    if isinstance(root, dict) and (numbered := _numbered_keys(root)):
        frames = {number: list(_people(value, where)) for number, value in numbered.items()}
        return _with_first(seen_of(frames, skeleton, where), None)
    if isinstance(root, dict) and len(root) == 1 and isinstance(root.get("frames"), list):
        root = root["frames"]
    if is_person(root) or not isinstance(root, list):
        return seen_of({0: list(_people(root, where))}, skeleton, where)
    numbers = [_frame_of(item) for item in root]
    people = [list(_people(item, where)) for item in root]
    if root and None not in numbers:
        frames = {}
        for number, found in zip(numbers, people, strict=True):
            frames.setdefault(number, []).extend(found)
        return _with_first(seen_of(frames, skeleton, where), None)
    in_order = seen_of(dict(enumerate(people)), skeleton, where)
    together = seen_of({0: [one for found in people for one in found]}, skeleton, where)
    return Seen(together.joint_names, together.frames, in_order=in_order.frames)


def _with_first(seen: Seen, first: int | None) -> Seen:
    return Seen(seen.joint_names, seen.frames, first)


def _people(value: Any, where: str, depth: int = 0) -> Iterator[Points]:
    """Everybody in a value; null means nobody."""
    if depth > _DEEPEST:
        raise ValueError(f"{where}: expected points of people, got lists {depth} deep")
    if is_person(value):
        yield points_of(value, where)
    elif isinstance(value, dict):
        key = next((key for key in (*_POINTS, *_PEOPLE) if key in value), None)
        if key is None:
            raise ValueError(f"{where}: expected points of people, got keys {some_keys(value)}")
        scores = next((value[name] for name in _SCORES if name in value), None)
        if scores is not None and is_person(value[key]):
            yield points_of(value[key], where, scores)
        else:
            yield from _people(value[key], where, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _people(item, where, depth + 1)
    elif value is not None:
        raise ValueError(f"{where}: expected points of people, got {type(value).__name__}")


def _frame_of(item: Any) -> int | None:
    """The frame that an entry says it is about."""
    found = (item.get(key) for key in _FRAMES) if isinstance(item, dict) else ()
    return next((number for number in found if type(number) is int), None)


def _numbered_keys(root: dict[str, Any]) -> dict[int, Any] | None:
    """The values by number, if all keys are frame numbers."""
    if not root or not all(key.isdecimal() and len(key) < 10 for key in root):
        return None
    return {int(key): value for key, value in root.items()}
