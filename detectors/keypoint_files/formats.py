"""Tells a keypoint file's format by its content, and reads the file."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from detectors.base import UnknownClipError
from detectors.json_values import read_json
from detectors.keypoint_files.arrays import est_joints, lsp_mat, npy, npz_arrays, own_npz
from detectors.keypoint_files.coco import coco_annotations, coco_results
from detectors.keypoint_files.finding import Find, finder
from detectors.keypoint_files.landmarks import LANDMARK_KEYS, landmarks
from detectors.keypoint_files.layouts import unknown_binary, unknown_json
from detectors.keypoint_files.names import Asked, Names
from detectors.keypoint_files.openpose_mmpose import mmpose, openpose
from detectors.keypoint_files.points import is_person
from detectors.keypoint_files.rows import Seen

_ARRAYS: dict[str, Callable[[Path], Find]] = {
    "lsp_mat": lsp_mat,
    "est_joints": est_joints,
    "npz": own_npz,
}
_MANY: dict[str, Callable[[Path, Any, str], Find]] = {
    "coco": coco_annotations,
    "coco_results": coco_results,
}
"""JSON about many images. The formats below are about one image or clip, which names the file."""
_ONE: dict[str, Callable[[Path, Any, str], Seen]] = {
    "openpose": openpose,
    "mmpose": mmpose,
    "landmarks": landmarks,
}
FORMATS = (*_ARRAYS, *_ONE, *_MANY, "by_name")
_SHAPES = {
    "openpose": (dict,),
    "coco": (dict,),
    "coco_results": (list,),
    "mmpose": (dict, list),
    "landmarks": (dict, list),
    "by_name": (dict,),
}
_OPENPOSE_DIGITS = 12  # of the frame number in OpenPose's file names for a video
_DEEP = 4  # lists about a person: frames, people, points, numbers


def opened(path: Path, kind: str, skeleton: str) -> Find:
    """The function that finds the people of an image in a file or folder.

    Args:
        path: a file, or a folder with a file per image, video, or frame of a video.
        kind: one of FORMATS, or `auto`.
        skeleton: for files that do not say; `auto`: told by the number of joints.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: it has none of the formats, or another one than `kind`; the message says what
            was found, and the nearest format that is known.
    """
    if path.is_dir():
        return _folder(path, kind, skeleton)
    if not path.is_file():
        raise FileNotFoundError(f"expected keypoints in {path}, found no file there")
    with path.open("rb") as file:
        start = file.read(16)
    if kind == "auto":
        kind = _kind_of_binary(path, start)
    if kind in _ARRAYS:
        return _ARRAYS[kind](path)
    if kind == "landmarks" and _is_npy(start):
        seen = npy(path, skeleton)
        return finder(Names((path.name,), path), lambda _: seen)
    root = read_json(path)
    kind = _kind_of_json(path, root) if kind == "auto" else kind
    _check_shape(path, root, kind)
    if kind in _MANY:
        return _MANY[kind](path, root, skeleton)
    if kind == "by_name":
        return _by_name(path, root, skeleton)
    # Now, so that a wrong file is reported before any frame is decoded.
    seen = _ONE[kind](path, root, skeleton)
    names = Names((path.name,), path)
    return finder(names, lambda _: seen, lambda asked: _about_another(path, kind, asked))


def _is_npy(start: bytes) -> bool:
    return start.startswith(b"\x93NUMPY")


def _kind_of_binary(path: Path, start: bytes) -> str:
    """The format of a binary file; `auto` if it may be JSON."""
    if start.startswith(b"PK\x03\x04"):
        return "est_joints" if "est_joints" in npz_arrays(path) else "npz"
    if start.startswith(b"MATLAB"):
        return "lsp_mat"
    if _is_npy(start):
        return "landmarks"
    if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] not in (b"{", b"["):
        raise unknown_binary(path, start)
    return "auto"


def _kind_of_json(path: Path, root: Any) -> str:
    """The format of a JSON file, told by keys that only this format has."""
    if isinstance(root, dict):
        kind = _kind_of_object(root)
    elif root == []:
        kind = "mmpose"  # nobody was found; results about no image at all would be odd
    else:
        kind = _kind_of_list(root) if isinstance(root, list) else None
    if kind is None:
        raise unknown_json(path, root)
    return kind


def _kind_of_object(root: dict[str, Any]) -> str | None:
    for key, kind in (("people", "openpose"), ("annotations", "coco"), ("instance_info", "mmpose")):
        if key in root:
            return kind
    numbered = bool(root) and all(key.isdecimal() for key in root)
    framed = set(root) == {"frames"} and isinstance(root["frames"], list)
    if numbered or framed or LANDMARK_KEYS & set(root) or is_person(root):
        return "landmarks"
    named = bool(root) and all(Path(key).suffix[1:].isalnum() for key in root)
    return "by_name" if named else None


def _kind_of_list(root: list[Any]) -> str | None:
    first = next((item for item in root if item is not None), None)
    keys = set(first) if isinstance(first, dict) else set()
    if "image_id" in keys and "keypoints" in keys:
        return "coco_results"
    if "keypoint_scores" in keys or "instances" in keys:
        return "mmpose"
    if LANDMARK_KEYS & keys or is_person(root):
        return "landmarks"
    inner = first
    for _ in range(_DEEP):
        if is_person(inner):
            return "landmarks"
        inner = inner[0] if isinstance(inner, list) and inner else None
    return None


def _check_shape(path: Path, root: Any, kind: str) -> None:
    """Check that JSON has the shape of its format, before it is taken apart."""
    if not isinstance(root, _SHAPES[kind]):
        names = " or ".join(shape.__name__ for shape in _SHAPES[kind])
        raise ValueError(f"{path}: expected {kind} JSON, a {names}, got {type(root).__name__}")


def _by_name(path: Path, root: dict[str, Any], skeleton: str) -> Find:
    """An object with the people of each image under its name."""
    values = {Path(name).name: value for name, value in root.items()}

    def read(name: str) -> Seen:
        return landmarks(path / name, values[name], skeleton)

    return finder(Names(tuple(values), path), read)


def _about_another(path: Path, kind: str, asked: Asked) -> UnknownClipError:
    name = f"{asked.stem}_keypoints.json" if kind == "openpose" else f"{asked.stem}.json"
    return UnknownClipError(f"{path.name} is about another image, expected a file called {name}")


def _folder(path: Path, kind: str, skeleton: str) -> Find:
    """A folder of files named after images, videos, or frames of a video."""
    if kind not in ("auto", *_ONE):
        raise ValueError(f"{path}: expected a file of format {kind}, got a folder")
    files = sorted(entry.name for entry in path.iterdir() if entry.suffix in (".json", ".npy"))
    if not files:
        has = Counter(
            entry.suffix or "folders and files without suffix" for entry in path.iterdir()
        )
        found = ", ".join(f"{n} {suffix}" for suffix, n in has.most_common(3)) or "nothing"
        raise ValueError(
            f"{path}: expected a folder with JSON of OpenPose, mmpose or mediapipe, or .npy, found "
            f"{found}"
        )

    def read(name: str) -> Seen:
        place = path / name
        if place.suffix == ".npy":
            return npy(place, skeleton)
        root = read_json(place)
        own = _kind_of_json(place, root) if kind == "auto" else kind
        if own not in _ONE:
            raise ValueError(
                f"{place}: expected a file about one image, got the format {own} about many: give "
                "it as detector.path"
            )
        _check_shape(place, root, own)
        return _ONE[own](place, root, skeleton)

    def unknown(asked: Asked) -> UnknownClipError:
        return UnknownClipError(
            f"{path.name} has no {asked.stem}_keypoints.json (OpenPose) or {asked.stem}.json "
            f"(mmpose); it has {len(files)} files, e.g. {files[0]}"
        )

    def first_of(name: str) -> int | None:
        digits = Path(name).stem.removesuffix("_keypoints").rpartition("_")[2]
        is_openpose = name.endswith("_keypoints.json") and len(digits) == _OPENPOSE_DIGITS
        return 0 if is_openpose else None

    return finder(Names(tuple(files), path), read, unknown, first_of)
