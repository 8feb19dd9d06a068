"""Keypoint files of arrays: LSP's joints.mat, SMPLify's est_joints.npz, our own npz, any .npy."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from detectors.base import People, UnknownClipError
from detectors.keypoint_files.finding import Find, finder, in_run
from detectors.keypoint_files.landmarks import landmarks
from detectors.keypoint_files.names import Asked, Names, number_of
from detectors.keypoint_files.rows import Seen, people_of
from detectors.skeletons import LSP_14

_MAX_UNPACKED = 300_000_000  # bytes; a million people in the joints of SMPL have 200 MB
_MAX_NPY = 50_000_000  # bytes; as Python lists it takes ten times as much
_OURS = ("image", "keypoints", "scores", "joint_names")


def lsp_mat(path: Path) -> Find:
    """LSP's `joints`: x, y, flag (3, 14, N).

    The flag is 1 where the joint is occluded. Such joints were annotated where they are, so every
    joint counts fully.

    Raises:
        ValueError: another shape, or not a MATLAB file.
    """
    from scipy.io import loadmat, whosmat

    try:
        claimed = {name: math.prod(shape) for name, shape, _ in whosmat(path)}
        _check_size(8 * claimed.get("joints", 0))
        content = loadmat(path, variable_names=["joints"])
    # scipy can raise nearly anything for a damaged file.
    except Exception as error:
        raise ValueError(f"{path}: not a MATLAB 5 file, or damaged: {error}") from error
    joints = _checked(path, content.get("joints"), "joints", rows=(3,))
    return _counted(path, np.stack([joints[0], joints[1], np.ones_like(joints[0])]))


def est_joints(path: Path) -> Find:
    """SMPLify's `est_joints`: x, y, score and maybe more (3 or 5, 14, N).

    Raises:
        ValueError: another shape, or not an npz.
    """
    arrays = npz_arrays(path)
    return _counted(path, _checked(path, arrays.get("est_joints"), "est_joints", rows=(3, 5))[:3])


def own_npz(path: Path) -> Find:
    """Our own format: one row per person per frame, as in Detections, with the image file's name.

    Raises:
        ValueError: an array is missing or has another shape.
    """
    arrays = npz_arrays(path)
    missing = [name for name in _OURS if name not in arrays]
    if missing:
        has = ", ".join(sorted(arrays)) or "none"
        raise ValueError(
            f"{path}: expected est_joints, or the arrays {', '.join(_OURS)}; it lacks {missing[0]} "
            f"and has {has}"
        )
    n, k = len(np.atleast_1d(arrays["image"])), arrays["joint_names"].size
    arrays = {"frame": np.zeros(n, int), "boxes": np.full((n, 4), np.nan), **arrays}
    shapes = {
        "image": (n,),
        "frame": (n,),
        "boxes": (n, 4),
        "keypoints": (n, k, 2),
        "scores": (n, k),
        "joint_names": (k,),
    }
    for name, shape in shapes.items():
        kinds = "U" if name in ("image", "joint_names") else "iu" if name == "frame" else "fiu"
        if arrays[name].shape != shape or arrays[name].dtype.kind not in kinds:
            kind = {"U": "text", "iu": "integers"}.get(kinds, "numbers")
            raise ValueError(
                f"{path}: expected {name} to be {kind} of shape {shape}, got "
                f"{arrays[name].dtype} {arrays[name].shape}"
            )
    return _named(path, arrays)


def npy(path: Path, skeleton: str) -> Seen:
    """An array of one person (K, 2 to 5), of people or frames (N, K, ...), or of both.

    Raises:
        ValueError: another shape, no numbers, or not an npy.
    """
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else None
            shape, _, dtype = (read or np.lib.format.read_array_header_2_0)(file)
            wanted, rest = math.prod(shape) * dtype.itemsize, path.stat().st_size - file.tell()
        if dtype.kind not in "fiu" or wanted > rest:
            raise ValueError(f"expected numbers, got {dtype} {shape} in {rest} bytes")
        _check_size(wanted, _MAX_NPY)
        array = np.load(path, allow_pickle=False)
    # A damaged header can raise nearly anything.
    except Exception as error:
        raise ValueError(f"{path}: not an npy of numbers, or damaged: {error}") from error
    return landmarks(path, array.tolist(), skeleton)


def npz_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an npz.

    Raises:
        ValueError: it is no npz, is damaged, or holds pickles.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            _check_size(sum(member.file_size for member in archive.zip.infolist()))
            return {name: archive[name] for name in archive}
    # A flipped byte can raise nearly anything: BadZipFile, NotImplementedError, ...
    except Exception as error:
        raise ValueError(f"{path}: not an npz of arrays, or damaged: {error}") from error


def _check_size(unpacked: int, limit: int = _MAX_UNPACKED) -> None:
    """Refuse too large arrays: a file of a few kilobytes can claim any size."""
    if unpacked > limit:
        raise ValueError(f"it unpacks to {unpacked} bytes, expected at most {limit}")


def _named(path: Path, arrays: dict[str, Any]) -> Find:
    names = tuple(arrays["joint_names"].tolist())
    points = np.concatenate([arrays["keypoints"], arrays["scores"][..., None]], -1)
    points, boxes = points.astype(np.float64), arrays["boxes"].astype(np.float64)
    rows: dict[str, dict[int, list[int]]] = {}
    for row, (image, frame) in enumerate(
        zip(arrays["image"].tolist(), arrays["frame"].tolist(), strict=True)
    ):
        rows.setdefault(Path(image).name, {}).setdefault(frame, []).append(row)

    def read(image: str) -> Seen:
        frames = rows[image]
        return Seen(names, {f: people_of(points[own], boxes[own]) for f, own in frames.items()})

    return finder(Names(tuple(rows), path), read)


def _counted(path: Path, joints: np.ndarray) -> Find:
    """People from (3, 14, N). The first is `im0001.jpg`, or the first frame of a clip that has as
    many frames."""
    count = joints.shape[2]

    def person(number: int) -> People:
        return people_of(joints[:, :, number - 1].T[None])

    def find(asked: Asked) -> Seen:
        if asked.alone and count in (1, asked.frames * asked.stride):  # it is about this one
            people = {number: person(number) for number in range(1, count + 1)}
            return in_run(Seen(LSP_14, people, first=1), asked)
        number = number_of(asked.name, path)
        if not 1 <= number <= count:
            raise UnknownClipError(
                f"{path.name} has the images 1..{count}, and this is number {number}"
            )
        return Seen(LSP_14, {0: person(number)})

    return find


def _checked(path: Path, array: Any, name: str, rows: tuple[int, ...]) -> np.ndarray:
    if array is None:
        raise ValueError(f"{path}: expected an array named {name}, found none")
    if array.ndim != 3 or array.shape[0] not in rows or array.shape[1] != 14:
        expected = " or ".join(f"({r}, 14, N)" for r in rows)
        raise ValueError(f"{path}: expected {name} of shape {expected}, got {array.shape}")
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{path}: expected {name} to be numbers, got {array.dtype}")
    return array.astype(np.float64)
