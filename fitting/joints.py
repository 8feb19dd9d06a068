"""The 14 joints of the Leeds Sports Pose data set (LSP), and the 2-D keypoints the fit accepts."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from fitting.rows import Rows

LSP_14 = (
    "right_ankle",
    "right_knee",
    "right_hip",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_wrist",
    "right_elbow",
    "right_shoulder",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "neck",
    "head_top",
)

N_LSP = len(LSP_14)

SMPL_JOINT_OF_LSP = (8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20, 12)
"""SMPL's joint behind each of LSP's first 13; the head top is a vertex (BodyModel.head_top)."""

TORSO = tuple(LSP_14.index(f"{s}_{j}") for j in ("shoulder", "hip") for s in ("left", "right"))
"""Left shoulder, right shoulder, left hip, right hip: the joints that the camera stage aligns."""

HIPS = [LSP_14.index("right_hip"), LSP_14.index("left_hip")]

EXTRA = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_big_toe",
    "left_small_toe",
    "left_heel",
    "right_big_toe",
    "right_small_toe",
    "right_heel",
)
"""Points of face and feet, vertices of the mesh; used besides LSP's if a detector has them."""

POINTS = LSP_14 + EXTRA
"""Every point of the body that keypoints can pull at, in order."""


def part_of(point: str) -> str:
    """The name of a point without its side."""
    return point.removeprefix("left_").removeprefix("right_")


PARTS = tuple(dict.fromkeys(map(part_of, POINTS)))
"""POINTS without their sides."""


@dataclass(frozen=True)
class Keypoints(Rows):
    """2-D joints in LSP order, person-centric; one row per person per frame.

    Args:
        frame: index of the frame within its clip.
        track: identity of the person within its clip.
        xy: px of the upright image, x right, y down, pixel centres at integers.
        confidence: weight of each joint, 0..1; 0 means missing. A point with a number that is not
            finite is missing too, and gets confidence 0.
        extra_xy, extra_confidence: the same for the points EXTRA; if not given, all are missing.
        points_3d: if the detector gives them, each of POINTS relative to the middle of the hips, m,
            camera axes (x right, y down, z away from the camera), including points whose
            confidence is 0. Otherwise, or if not given, NaN.
        person_score: how likely the row is a person, 0..1; NaN if the detector does not say, or if
            not given. No fit reads it.

    Raises:
        ValueError: a shape or range is wrong; the message says what was expected and given.
    """

    frame: Int32[np.ndarray, " N"]
    track: Int32[np.ndarray, " N"]
    xy: Float32[np.ndarray, "N 14 2"]
    confidence: Float32[np.ndarray, "N 14"]
    extra_xy: Float32[np.ndarray, "N 11 2"] = None  # pyright: ignore[reportAssignmentType]
    extra_confidence: Float32[np.ndarray, "N 11"] = None  # pyright: ignore[reportAssignmentType]
    points_3d: Float32[np.ndarray, "N 25 3"] = None  # pyright: ignore[reportAssignmentType]
    person_score: Float32[np.ndarray, " N"] = None  # pyright: ignore[reportAssignmentType]

    def __post_init__(self) -> None:
        n, extra, points = len(self.frame), len(EXTRA), len(POINTS)
        if self.points_3d is None:
            unknown = np.full((n, points, 3), np.nan, np.float32)
            object.__setattr__(self, "points_3d", unknown)
        if self.person_score is None:
            object.__setattr__(self, "person_score", np.full(n, np.nan, np.float32))
        for name, shape in (("extra_xy", (n, extra, 2)), ("extra_confidence", (n, extra))):
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.zeros(shape, np.float32))
        shapes = {
            "frame": (n,),
            "track": (n,),
            "xy": (n, N_LSP, 2),
            "confidence": (n, N_LSP),
            "extra_xy": (n, extra, 2),
            "extra_confidence": (n, extra),
            "points_3d": (n, points, 3),
            "person_score": (n,),
        }
        for name, shape in shapes.items():
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"Keypoints.{name}: expected shape {shape}, got {found}")
        for xy, confidence in (("xy", "confidence"), ("extra_xy", "extra_confidence")):
            sure = getattr(self, confidence)
            known = np.isfinite(getattr(self, xy)).all(-1) & np.isfinite(sure)
            if not known.all():
                sure = np.where(known, sure, np.float32(0))
                object.__setattr__(self, confidence, sure)
            if not ((sure >= 0) & (sure <= 1)).all():
                raise ValueError(f"Keypoints.{confidence}: expected 0..1 (0 = missing), got others")
