"""Which format a keypoint file has, told by its content, and its reader."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from detectors import keypoint_json
from detectors.base import UnknownClipError
from detectors.keypoint_arrays import est_joints, lsp_mat, npz_arrays, own_npz
from detectors.keypoint_rows import Find, Seen

_BINARY: dict[str, Callable[[Path], Find]] = {
    "lsp_mat": lsp_mat,
    "est_joints": est_joints,
    "npz": own_npz,
}
_JSON: dict[str, Callable[[Path, Any, str], Find]] = {
    "openpose": keypoint_json.openpose,
    "coco": keypoint_json.coco_annotations,
    "coco_results": keypoint_json.coco_results,
    "mmpose": keypoint_json.mmpose,
}
FORMATS = (*_BINARY, *_JSON)
_EXPECTED = (
    "expected LSP's joints.mat, an npz with est_joints or keypoints, or JSON of OpenPose, COCO or "
    "mmpose (docs/keypoint_files.md)"
)


def opened(path: Path, kind: str, skeleton: str) -> Find:
    """What finds the people of an image in a file or folder.

    Args:
        path: a file, or a folder with a JSON file per image (or frame of a video).
        kind: one of FORMATS, or `auto`.
        skeleton: of files that do not say; `auto`: by the number of joints.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: it has none of the formats, or another than `kind`; says what was found.
    """
    if path.is_dir():
        return _folder(path, kind, skeleton)
    if not path.is_file():
        raise FileNotFoundError(f"expected keypoints in {path}, found no file there")
    with path.open("rb") as file:
        start = file.read(16)
    if kind == "auto":
        kind = _kind_of_binary(path, start)
    if kind in _BINARY:
        return _BINARY[kind](path)
    root = keypoint_json.read_json(path)
    kind = _kind_of_json(path, root) if kind == "auto" else kind
    return _read(path, root, kind, skeleton)


def _kind_of_binary(path: Path, start: bytes) -> str:
    """The format of a binary file, `auto` for what may be JSON."""
    if start.startswith(b"PK\x03\x04"):
        return "est_joints" if "est_joints" in npz_arrays(path) else "npz"
    if start.startswith(b"MATLAB"):
        return "lsp_mat"
    if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] not in (b"{", b"["):
        raise ValueError(f"{path}: {_EXPECTED}, got a file that starts with {start!r}")
    return "auto"


def _kind_of_json(path: Path, root: Any) -> str:
    """The format of a JSON file by the keys that only it has."""
    keys: set[str] = set(root) if isinstance(root, dict) else set()
    for key, kind in (
        ("people", "openpose"), ("annotations", "coco"), ("instance_info", "mmpose")
    ):  # fmt: skip
        if key in keys:
            return kind
    if root == []:
        return "mmpose"  # nobody was found; results of no image at all would be odd
    if isinstance(root, list) and isinstance(root[0], dict):
        keys = set(root[0])
        if "image_id" in keys:
            return "coco_results"
        if "keypoint_scores" in keys or "instances" in keys:
            return "mmpose"
    got = f"keys {', '.join(sorted(keys)[:5])}" if keys else type(root).__name__
    raise ValueError(f"{path}: {_EXPECTED}, got JSON with {got}")


def _read(path: Path, root: Any, kind: str, skeleton: str) -> Find:
    """Check that JSON has the shape of its format before it is taken apart."""
    shapes = {"openpose": (dict,), "coco": (dict,), "coco_results": (list,), "mmpose": (dict, list)}
    if not isinstance(root, shapes[kind]):
        names = " or ".join(shape.__name__ for shape in shapes[kind])
        raise ValueError(f"{path}: expected {kind} JSON, a {names}, got {type(root).__name__}")
    return _JSON[kind](path, root, skeleton)


def _folder(path: Path, kind: str, skeleton: str) -> Find:
    """A folder of OpenPose's or mmpose's JSON files, named after the images."""
    if kind not in ("auto", "openpose", "mmpose"):
        raise ValueError(f"{path}: expected a file of format {kind}, got a folder")
    names = sorted(entry.name for entry in path.iterdir() if entry.suffix == ".json")
    if not names:
        raise ValueError(f"{path}: expected a folder with JSON of OpenPose or mmpose, found none")

    def find(image: str) -> Seen:
        stem = Path(image).stem
        if kind != "mmpose" and (files := _openpose_files(names, stem)):
            read = {f: (path / n, keypoint_json.read_json(path / n)) for f, n in files.items()}
            return keypoint_json.openpose_seen(read, skeleton)
        for name in (f"{stem}.json", f"results_{stem}.json"):
            if kind != "openpose" and name in names:
                root = keypoint_json.read_json(path / name)
                _read(path / name, root, "mmpose", skeleton)
                return keypoint_json.mmpose_seen(path / name, root, skeleton)
        raise UnknownClipError(
            f"{path.name} has no {stem}_keypoints.json (OpenPose) or {stem}.json (mmpose)"
        )

    return find


def _openpose_files(names: list[str], stem: str) -> dict[int, str]:
    """Frame -> file: `photo_keypoints.json`, or `clip_000000000012_keypoints.json` of a video."""
    if f"{stem}_keypoints.json" in names:
        return {0: f"{stem}_keypoints.json"}
    frame = re.compile(re.escape(stem) + r"_(\d+)_keypoints\.json")
    return {int(matched[1]): name for name in names if (matched := frame.fullmatch(name))}
