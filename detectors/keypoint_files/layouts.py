"""What an unknown keypoint file looks like, and which known layout is nearest to it."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any

from detectors.json_values import some_keys

_SKETCHES = {
    "openpose": '{"people": [{"pose_keypoints_2d": [x, y, score, ...]}]}',
    "coco": '{"images": [{"id", "file_name"}], "annotations": [{"image_id", "keypoints": [x, y, '
    "v, ...]}]}",
    "coco_results": '[{"image_id": 7, "keypoints": [x, y, score, ...]}]',
    "mmpose": '[{"keypoints": [[x, y], ...], "keypoint_scores": [...]}]',
    "landmarks": '[{"x": 0.5, "y": 0.4, "visibility": 0.9}, ...]',
    "by_name": '{"photo.jpg": [[[x, y, score], ...]]}',
}
_KEYS = {
    "openpose": ("people", "pose_keypoints_2d", "version", "person_id"),
    "coco": ("images", "annotations", "categories", "file_name", "num_keypoints", "area"),
    "coco_results": ("image_id", "category_id", "keypoints", "score"),
    "mmpose": (
        "instance_info",
        "meta_info",
        "instances",
        "keypoints",
        "keypoint_scores",
        "frame_id",
        "bbox_score",
    ),
    "landmarks": ("landmarks", "pose_landmarks", "x", "y", "z", "visibility", "presence", "joints"),
}
_STARTS = {
    b"\x89HDF": "an HDF5 file",
    b"\x80": "a Python pickle",
    b"<": "an XML file",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
}
_TABLE = b"0123456789.,;-+ \t"
_LEVELS = 4  # how deep lists and objects are looked into
_EXPECTED = (
    "expected LSP's joints.mat, an npz with est_joints or keypoints, a .npy, or JSON of OpenPose, "
    "COCO, mmpose or mediapipe"
)
_DOCS = "docs/keypoint_files.md shows every layout that can be read"


def unknown_binary(path: Path, start: bytes) -> ValueError:
    """The error for a file that is not JSON."""
    seen = next((name for begin, name in _STARTS.items() if start.startswith(begin)), None)
    if seen is None:
        table = len(start) > 0 and all(byte in _TABLE for byte in start.splitlines()[0])
        seen = "a table of numbers (CSV, or YOLO's text)" if table else "a file"
    near = "; the nearest layout that can be read is the npz" if "table" in seen else ""
    return ValueError(f"{path}: {_EXPECTED}, got {seen} that starts with {start!r}{near}; {_DOCS}")


def unknown_json(path: Path, root: Any) -> ValueError:
    """The error for JSON of an unknown layout: what it looks like, and the nearest known one."""
    kind = nearest(root)
    near = f"; the nearest that can be read is {kind}: {_SKETCHES[kind]}" if kind else ""
    return ValueError(f"{path}: {_EXPECTED}, got JSON: {described(root)}{near}; {_DOCS}")


def described(root: Any) -> str:
    """A value of JSON in a few words."""
    if isinstance(root, dict):
        return f"an object with the keys {some_keys(root)}" if root else "an empty object"
    if isinstance(root, list):
        if not root:
            return "an empty list"
        if isinstance(root[0], dict):
            return f"a list of {len(root)} objects with the keys {some_keys(root[0])}"
        if isinstance(root[0], list):
            return f"a list of {len(root)} lists of {len(root[0])}"
        return f"a list of {len(root)} {'texts' if isinstance(root[0], str) else 'numbers'}"
    return {str: "a text", type(None): "null"}.get(type(root), "a number")


def nearest(root: Any) -> str | None:
    """The layout that shares most keys, or keys with a similar spelling, with a JSON value."""
    keys = _keys(root, _LEVELS)
    shared = {
        kind: sum(bool(get_close_matches(key, known, n=1, cutoff=0.75)) for key in keys)
        for kind, known in _KEYS.items()
    }
    opening = "[" if isinstance(root, list) else "{"
    best = max(shared, key=lambda kind: (shared[kind], _SKETCHES[kind].startswith(opening)))
    if shared[best]:
        return best
    return "landmarks" if isinstance(root, list) and root and isinstance(root[0], list) else None


def _keys(value: Any, levels: int) -> set[str]:
    """The keys in the first entries of every level."""
    if not levels:
        return set()
    if isinstance(value, list):
        return _keys(value[0], levels - 1) if value else set()
    if not isinstance(value, dict):
        return set()
    some = list(value.items())[:20]
    return {key for key, _ in some}.union(*(_keys(inner, levels - 1) for _, inner in some))
