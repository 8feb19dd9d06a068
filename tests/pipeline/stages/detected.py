"""People as a detector finds them, for tests of what becomes of their joints."""

import numpy as np

from detectors.base import Detections
from detectors.skeletons import LSP_14 as DETECTED_LSP
from fitting.joints import LSP_14

SIZE = (640, 480)
LIMBS = [name for name in LSP_14 if name not in ("neck", "head_top")]


def person(
    names: tuple[str, ...],
    places: dict[str, tuple[float, float]] | None = None,
    scores: dict[str, float] | None = None,
    n: int = 1,
) -> Detections:
    """Joints at places of their own inside the image, surely seen, where nothing else is said."""
    xy = np.array([(100 + 7 * i, 60 + 11 * i) for i in range(len(names))], np.float32)
    score = np.linspace(0.6, 0.9, len(names)).astype(np.float32)
    for name, place in (places or {}).items():
        xy[names.index(name)] = place
    for name, value in (scores or {}).items():
        score[names.index(name)] = value
    return Detections(
        frame=np.arange(n, dtype=np.int32),
        track=np.arange(n, dtype=np.int32) + 5,
        boxes=np.zeros((n, 4), np.float32),
        keypoints=np.tile(xy, (n, 1, 1)),
        scores=np.tile(score, (n, 1)),
        joint_names=names,
    )


# Mid-points: shoulders (300, 200), ears (310, 120), hips (290, 400), eyes (320, 110),
# mouth (330, 140); nose (340, 125).
FACE = {
    "left_shoulder": (350, 210),
    "right_shoulder": (250, 190),
    "left_ear": (330, 125),
    "right_ear": (290, 115),
    "left_hip": (330, 405),
    "right_hip": (250, 395),
    "left_eye": (330, 112),
    "right_eye": (310, 108),
    "nose": (340, 125),
}
MOUTH = {"left_mouth": (335, 142), "right_mouth": (325, 138)}


def crowd() -> Detections:
    """Two frames of three people; the second one of frame 0 and the third of frame 1 are large."""
    found = person(DETECTED_LSP, n=6)
    sides = np.array([10, 90, 30, 20, 40, 80], np.float32)
    boxes = np.stack([np.full(6, 5), np.full(6, 5), 5 + sides, 5 + sides], 1)
    return Detections(
        np.array([0, 0, 0, 1, 1, 1], np.int32),
        np.array([0, 1, 2, 0, 1, 2], np.int32),
        boxes.astype(np.float32),
        found.keypoints + np.arange(6, dtype=np.float32)[:, None, None],
        found.scores,
        DETECTED_LSP,
    )
