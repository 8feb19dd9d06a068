"""What every detector returns, and what it is told about the machine."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int32, UInt8

Image = UInt8[np.ndarray, "_height _width 3"]
"""RGB, upright (EXIF orientation already applied)."""


class UnknownClipError(ValueError):
    """A detector that reads earlier results has nothing of use for a clip; the text says why.

    The clip is skipped like one with nobody in it, and the others go on.
    """


class DetectorError(ValueError):
    """What a detector reads is of no use to any clip: a damaged file, another model's weights."""


@dataclass(frozen=True)
class Detections:
    """The people of a clip in the detector's own joints: one row per person per frame.

    Pixels are those of the original upright image, x right, y down, pixel centres at integers.

    Args:
        frame: index of the frame each row belongs to, ascending.
        track: identity of the person within the clip; within one frame every row differs.
        boxes: x0, y0, x1, y1 of the person, px.
        keypoints: x, y of each joint, px.
        scores: how sure the detector is of each joint, 0..1; 0 means not found.
        joint_names: names of the K joints, in order.
        keypoints_3d: the joints in space, if the detector lifts them: relative to the middle of the
            hips, m, camera axes (x right, y down, z away from the camera). Otherwise, or if not
            given, they have no columns: shape (N, 0, 3).
        person_score: how likely each row is a person, 0..1; NaN if the detector does not say, or if
            not given.

    Raises:
        ValueError: a shape, range or value is wrong; the message says what was expected and given.
    """

    frame: Int32[np.ndarray, " N"]
    track: Int32[np.ndarray, " N"]
    boxes: Float32[np.ndarray, "N 4"]
    keypoints: Float32[np.ndarray, "N K 2"]
    scores: Float32[np.ndarray, "N K"]
    joint_names: tuple[str, ...]
    keypoints_3d: Float32[np.ndarray, "N K_or_0 3"] = None  # pyright: ignore[reportAssignmentType]
    person_score: Float32[np.ndarray, " N"] = None  # pyright: ignore[reportAssignmentType]

    def __post_init__(self) -> None:
        n, k = len(self.frame), len(self.joint_names)
        if self.keypoints_3d is None:
            object.__setattr__(self, "keypoints_3d", np.zeros((n, 0, 3), np.float32))
        if self.person_score is None:
            object.__setattr__(self, "person_score", np.full(n, np.nan, np.float32))
        expected = {
            "frame": (n,),
            "track": (n,),
            "boxes": (n, 4),
            "keypoints": (n, k, 2),
            "scores": (n, k),
            "keypoints_3d": (n, k if self.lifted else 0, 3),
            "person_score": (n,),
        }
        for name, shape in expected.items():
            array = getattr(self, name)
            if array.shape != shape:
                raise ValueError(f"Detections.{name}: expected shape {shape}, got {array.shape}")
            if name != "person_score" and not np.isfinite(array).all():
                raise ValueError(f"Detections.{name}: expected finite numbers, got NaN or infinity")
        for name in ("scores", "person_score"):
            array = getattr(self, name)
            if not (np.isnan(array) | ((array >= 0) & (array <= 1))).all():
                low, high = np.nanmin(array), np.nanmax(array)
                raise ValueError(f"Detections.{name}: expected 0..1, got {low:.3g}..{high:.3g}")
        if (np.diff(self.frame) < 0).any():
            raise ValueError("Detections.frame: expected ascending frame indices, got others")

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, rows: Any) -> Self:
        """Some of the rows: a slice, a mask or indices."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return type(self)(**{n: v if n == "joint_names" else v[rows] for n, v in values.items()})

    @property
    def lifted(self) -> bool:
        """Whether it has 3-D keypoints."""
        return self.keypoints_3d.shape[1:2] != (0,)

    @classmethod
    def from_frames(cls, people: list["People"], joint_names: tuple[str, ...]) -> "Detections":
        """Stack the people found in each frame; `track` is the person's place in its frame."""
        counts = [len(found.boxes) for found in people]
        n, k = sum(counts), len(joint_names)
        lifted = [found.keypoints_3d for found in people if found.keypoints_3d is not None]
        return cls(
            frame=np.repeat(np.arange(len(people), dtype=np.int32), counts),
            track=np.concatenate([np.arange(0), *map(np.arange, counts)]).astype(np.int32),
            boxes=_stack([found.boxes for found in people], (0, 4)),
            keypoints=_stack([found.keypoints for found in people], (0, k, 2)),
            scores=_stack([found.scores for found in people], (0, k)),
            joint_names=joint_names,
            keypoints_3d=_stack(lifted, (0, k, 3)) if lifted else np.zeros((n, 0, 3), np.float32),
            person_score=_stack([found.likely() for found in people], (0,)),
        )

    @classmethod
    def joined(cls, parts: dict[int, "Detections"]) -> "Detections":
        """Those of consecutive pieces of a clip, by the number of each piece's first frame."""
        some = [part for _, part in sorted(parts.items()) if len(part)]
        if not some:
            return next(iter(parts.values()))
        values = {
            f.name: np.concatenate([getattr(part, f.name) for part in some])
            for f in fields(cls)
            if f.name not in ("frame", "joint_names")
        }
        frames = [(part.frame + first).astype(np.int32) for first, part in sorted(parts.items())]
        return cls(frame=np.concatenate(frames), joint_names=some[0].joint_names, **values)


@dataclass(frozen=True)
class People:
    """The people of one image: boxes (P, 4) px xyxy, keypoints (P, K, 2) px, scores (P, K) 0..1,
    and keypoints_3d (P, K, 3) m and person_score (P) as in Detections, if the detector gives
    them."""

    boxes: Float32[np.ndarray, "P 4"]
    keypoints: Float32[np.ndarray, "P K 2"]
    scores: Float32[np.ndarray, "P K"]
    keypoints_3d: Float32[np.ndarray, "P K 3"] | None = None
    person_score: Float32[np.ndarray, " P"] | None = None

    def likely(self) -> Float32[np.ndarray, " P"]:
        """The person_score; NaN if the detector does not say."""
        unknown = np.full(len(self.boxes), np.nan, np.float32)
        return unknown if self.person_score is None else self.person_score


@dataclass(frozen=True)
class Resources:
    """Where and how fast a detector works; nothing here may change what it finds.

    Args:
        device: torch device, e.g. `cpu` or `cuda:0`.
        threads: CPU threads for the network.
        batch_size: person crops per forward pass.
        weights_dir: folder for downloaded or converted weights.
    """

    device: str = "cpu"
    threads: int = 1
    batch_size: int = 16
    weights_dir: Path = Path("weights")


class Detector(Protocol):
    """A detector is a dataclass of its options; its network is loaded by the first `detect`. What
    its scores mean to a fit stands in conf/calibration, not here."""

    def files(self) -> dict[str, Path]:
        """Option name -> local file or folder of files. The cache's keys depend on their contents,
        not on their paths."""
        ...

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        """Find the people of each frame, in order; `clip_name` is the file's, e.g. im0001.jpg.

        Raises:
            UnknownClipError: it knows only certain clips, and this is not one of them.
            DetectorError: it cannot work on any clip. Whatever it raises before it asks for the
                first frame, and any OSError, means the same; all else is about this clip.
        """
        ...


@runtime_checkable
class FindsByName(Protocol):
    """A detector that finds clips by their names, or takes a run's only clip whatever its name."""

    def when_alone(self) -> "Detector | None":
        """The same detector for a clip that is the run's only input; None if that makes no
        difference."""
        ...


@runtime_checkable
class InWindows(Protocol):
    """A detector whose finds in a frame depend on few other frames: then the frames of a video may
    go to several processes."""

    def window(self) -> int:
        """How many frames belong together. A clip is cut into windows of so many, from its first
        frame on; what is found in a frame depends on no frame of another window, to the last bit.
        1: each frame is seen by itself."""
        ...


@runtime_checkable
class SeesPhotosTogether(Protocol):
    """A detector that works through several photos faster if it gets them in one call."""

    def together(self) -> bool:
        """Whether photos may be given to `detect` as the frames of one clip, of any name. What is
        found in one depends on the others in its last bits only."""
        ...


def _stack(arrays: list[np.ndarray], empty: tuple[int, ...]) -> np.ndarray:
    return np.concatenate([np.zeros(empty, np.float32), *arrays]).astype(np.float32)
