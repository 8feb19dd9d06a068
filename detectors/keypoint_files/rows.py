"""What every keypoint file turns into: the people of an image or a clip, checked."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Num

from detectors.base import People
from detectors.keypoint_files.points import Points
from detectors.skeletons import SKELETONS

_FARTHEST = 1e6  # px; a number farther out is broken, not a joint
# When two entries are one person: at least this share of the joints seen in both lies together, ...
_TOGETHER, _APART = 0.8, 0.02  # ... that is nearer than this, of the larger person's size
_IN_BOTH = 0.5  # at least this share of the smaller set of joints is seen in both
# The skeleton that a number of joints means. 14 may be LSP's, AI Challenger's or CrowdPose's.
_BY_COUNT = {
    len(SKELETONS[name]): name
    for name in (
        "coco17",
        "halpe26",
        "wholebody133",
        "mpii16",
        "openpose18",
        "openpose25",
        "blazepose33",
    )
}


@dataclass(frozen=True)
class Seen:
    """What a file says about one image or clip.

    Args:
        joint_names: of everybody.
        frames: the people by the number of the frame in the file; those of a photo under 0.
        first: the number of a clip's first frame; None if the numbers have to tell.
        in_order: for a list that may hold the people of a photo (as in `frames`) or one entry per
            frame of a video: the second reading.
        size: width and height of the image according to the file; None if it does not say.
    """

    joint_names: tuple[str, ...]
    frames: dict[int, People]
    first: int | None = 0
    in_order: dict[int, People] | None = None
    size: tuple[int, int] | None = None


def nobody(joints: int) -> People:
    """Nobody, with that many joints."""
    shapes = (0, 4), (0, joints, 2), (0, joints)
    return People(*(np.zeros(shape, np.float32) for shape in shapes))


def people_of(
    points: Float64[np.ndarray, "P K 3"], boxes: Num[np.ndarray, "P 4"] | None = None
) -> People:
    """People from x, y and score of each joint.

    A joint is missing if a number is not finite or its place is absurd. Scores below 0 count as
    0 = missing, those above 1 as 1. People without any joint are left out, and so are repetitions
    (OpenPose and others write a person again with most or part of the joints).

    Args:
        points: of all people of an image.
        boxes: x0, y0, x1, y1; a box that is missing, not finite or empty goes around the joints.
    """
    seen = np.isfinite(points).all(-1) & (np.abs(points[..., :2]) < _FARTHEST).all(-1)
    seen &= np.where(seen, points[..., 2], 0) > 0
    scores = np.where(seen, points[..., 2].clip(0, 1), 0)
    xy = np.where(seen[..., None], points[..., :2], 0)
    kept = once(xy, scores)
    given = np.full((len(points), 4), np.nan) if boxes is None else boxes
    given = given[kept]
    usable = (np.abs(given) < _FARTHEST).all(-1)  # NaN is not, either
    given = np.where(usable[:, None], given, 0)
    usable &= (given[:, 2:] > given[:, :2]).all(-1)
    return People(
        boxes=np.where(usable[:, None], given, around(xy[kept], seen[kept])).astype(np.float32),
        keypoints=xy[kept].astype(np.float32),
        scores=scores[kept].astype(np.float32),
    )


def around(
    xy: Float64[np.ndarray, "P K 2"], seen: Bool[np.ndarray, "P K"]
) -> Float64[np.ndarray, "P 4"]:
    """The box around the joints that are seen of each person, at least one each."""
    low = np.where(seen[..., None], xy, np.inf).min(1)
    high = np.where(seen[..., None], xy, -np.inf).max(1)
    return np.concatenate([low, high], 1)


def once(
    xy: Float64[np.ndarray, "P K 2"], scores: Float64[np.ndarray, "P K"]
) -> Int64[np.ndarray, " Q"]:
    """Which people to keep, in order: those with joints; of two that are one person, the surer."""
    somebody = np.flatnonzero((scores > 0).any(1))
    kept: list[int] = []
    for one in somebody[np.argsort(-scores[somebody].sum(1), kind="stable")]:
        if not any(_same(xy, scores > 0, one, better) for better in kept):
            kept.append(int(one))
    return np.sort(np.array(kept, int))


def _same(xy: np.ndarray, seen: Bool[np.ndarray, "P K"], one: int, better: int) -> bool:
    both = seen[one] & seen[better]
    if both.sum() < _IN_BOTH * seen[one].sum():
        return False
    size = np.ptp(xy[better][seen[better]], axis=0).max()
    apart = np.linalg.norm(xy[one][both] - xy[better][both], axis=1)
    return bool((apart <= _APART * size).mean() >= _TOGETHER)


def joint_names(count: int, skeleton: str, where: str) -> tuple[str, ...]:
    """The joints of the skeleton that was asked for, or that the number of joints means.

    Raises:
        ValueError: it has another number of joints, or `auto` cannot tell.
    """
    if skeleton == "auto":
        if count not in _BY_COUNT:
            raise ValueError(f"{where}: {_which(count)}")
        skeleton = _BY_COUNT[count]
    names = SKELETONS[skeleton]
    if len(names) != count:
        raise ValueError(f"{where}: expected the {len(names)} joints of {skeleton}, got {count}")
    return names


def _which(count: int) -> str:
    """Why a number of joints does not tell the skeleton, and what there is to choose from."""
    fitting = [name for name, names in SKELETONS.items() if len(names) == count]
    if fitting:
        return f"{count} joints fit several: expected detector.skeleton={' or '.join(fitting)}"
    nearest = sorted(SKELETONS, key=lambda name: abs(len(SKELETONS[name]) - count))[:3]
    near = ", ".join(f"{name} ({len(SKELETONS[name])})" for name in nearest)
    return f"{count} joints fit no known skeleton; the nearest are {near}"


def stacked(people: list[Points], names: tuple[str, ...], where: str) -> np.ndarray:
    """(K, 3) of each person -> (P, K, 3).

    Raises:
        ValueError: somebody has another number of joints.
    """
    for person in people:
        if len(person) != len(names):
            raise ValueError(f"{where}: expected {len(names)} joints, got {len(person)}")
    return np.array(people, np.float64).reshape(-1, len(names), 3)


def seen_of(
    frames: dict[int, list[Points]],
    skeleton: str,
    where: str,
    names: tuple[str, ...] | None = None,
    boxes: dict[int, np.ndarray] | None = None,
) -> Seen:
    """Everybody with the same joints: those named, or those that the first person's number tells.

    Args:
        frames: the points of everybody by frame.
        skeleton: of detectors.skeletons.SKELETONS, or `auto`.
        where: the place of the value, for messages.
        names: of the joints, if the file has them.
        boxes: (P, 4) by frame, if the file has them.

    Raises:
        ValueError: somebody has another number of joints, or the number does not tell.
    """
    counts = [len(person) for people in frames.values() for person in people]
    if not counts:
        return Seen(names or SKELETONS["coco17" if skeleton == "auto" else skeleton], {})
    names = names or joint_names(counts[0], skeleton, where)
    given = boxes or {}
    people = {
        frame: people_of(stacked(found, names, where), given.get(frame))
        for frame, found in frames.items()
    }
    return Seen(names, people)
