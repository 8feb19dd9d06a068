"""Keypoints that were found or annotated earlier, read from a file in place of a detector."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from detectors.base import Detections, Image, People, Resources
from detectors.skeletons import LSP_14

Joints = Float64[np.ndarray, "3 14 N"]
"""x px, y px, score of the 14 LSP joints of N images."""


@dataclass
class KeypointFile:
    """Gives image `im0001.jpg` the first person of the file, `im0002.jpg` the second, and so on.

    Args:
        path: LSP's `joints.mat` (variable `joints`: x, y, flag; 3 x 14 x N) or SMPLify's
            `est_joints.npz` (array `est_joints`: x, y, score and maybe more; 3 or 5 x 14 x N).
        confidence_sigma: pairs of a confidence and the error to expect with it, in torso lengths
            (tools/calibrate_confidence.py). The detector does not read it: fits do.
    """

    path: str
    confidence_sigma: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._joints: Joints | None = None

    def files(self) -> dict[str, Path]:
        """The file itself."""
        return {"path": Path(self.path)}

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        """The person of the image that `clip_name` numbers; LSP images are clips of one frame."""
        if self._joints is None:
            self._joints = read_joints(Path(self.path))
        row = self._joints[:, :, _index(clip_name, self._joints.shape[2])]
        xy, score = row[:2].T, row[2]
        missing = ~np.isfinite(row).all(axis=0) | (score <= 0)
        person = People(
            boxes=np.zeros((0, 4)), keypoints=np.zeros((0, 14, 2)), scores=np.zeros((0, 14))
        )
        if not missing.all():
            seen = xy[~missing]
            person = People(
                boxes=np.concatenate([seen.min(axis=0), seen.max(axis=0)])[None],
                keypoints=np.where(missing[:, None], 0, xy)[None],
                scores=np.where(missing, 0, score.clip(0, 1))[None],
            )
        return Detections.from_frames([person for _ in frames], LSP_14)


def read_joints(path: Path) -> Joints:
    """Read either file format.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not one of the two formats; says what was expected and what came.
    """
    if not path.is_file():
        raise FileNotFoundError(f"expected keypoints in {path}, found no file there")
    readers = {".mat": _read_mat, ".npz": _read_npz}
    if path.suffix not in readers:
        raise ValueError(f"{path}: expected a .mat or .npz file, got {path.suffix or 'no suffix'}")
    return readers[path.suffix](path)


def _read_mat(path: Path) -> Joints:
    from scipy.io import loadmat

    joints = _checked(path, loadmat(path).get("joints"), "joints", rows=(3,))
    # The third row flags occluded joints with 1, but these too were annotated where they are.
    return np.stack([joints[0], joints[1], np.ones_like(joints[0])])


def _read_npz(path: Path) -> Joints:
    with np.load(path, allow_pickle=False) as file:
        array = file.get("est_joints", None)
    return _checked(path, array, "est_joints", rows=(3, 5))[:3]


def _checked(path: Path, array: np.ndarray | None, name: str, rows: tuple[int, ...]) -> np.ndarray:
    if array is None:
        raise ValueError(f"{path}: expected an array named {name}, it has none")
    if array.ndim != 3 or array.shape[0] not in rows or array.shape[1] != 14:
        expected = " or ".join(f"({r}, 14, N)" for r in rows)
        raise ValueError(f"{path}: expected {name} of shape {expected}, got {array.shape}")
    return array.astype(np.float64)


def _index(clip_name: str, count: int) -> int:
    numbered = re.fullmatch(r"im(\d+)", Path(clip_name).stem)
    if numbered is None:
        raise ValueError(f"expected an image named like im0001.jpg, got {clip_name}")
    number = int(numbered[1])
    if not 1 <= number <= count:
        raise ValueError(f"{clip_name}: expected a number of 1..{count}, got {number}")
    return number - 1
