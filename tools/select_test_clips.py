"""Choose the motions that clips with truth are drawn from: assets/test_clips.npz.

    python -m tools.select_test_clips POSES.npz SEQUENCES.npz

POSES.npz is what tools/train_pose_prior.py reads: it says which subjects everything learns from.
SEQUENCES.npz holds motions at a constant frame rate (pose (T, 24, 3) axis-angle with the root's, y
up; frames and trial_ids per trial; fps). The tool keeps the motions of the other subjects, of each
the longest piece without a jump. It smooths them a little, because in float16 a root angle near 3
rad comes in steps of 2 mrad, which shakes a head by 2 mm a frame.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from tools.train_pose_prior import LICENCE, read, split_subjects

SMOOTHING = 0.7  # frames, standard deviation; at 24 Hz it keeps 86 % of what moves at 3 Hz
JUMP = 0.6  # rad that a joint may turn in a frame; more is a fault of the capture,
LIGHT = (10, 11, 20, 21)  # except at toes and wrists, which do turn so fast
Pose = Float[np.ndarray, "T 24 3"]


def without_jumps(pose: Pose) -> Pose:
    """The longest run of frames in which no joint turns faster than JUMP."""
    turns = [Rotation.from_rotvec(np.delete(frame, LIGHT, axis=0)) for frame in pose]
    steps = [(a.inv() * b).magnitude().max() for a, b in itertools.pairwise(turns)]
    ends = [0, *(np.flatnonzero(np.array(steps) > JUMP) + 1), len(pose)]
    longest = int(np.diff(ends).argmax())
    return pose[ends[longest] : ends[longest + 1]]


def smoothed(pose: Pose) -> Pose:
    """Every rotation averaged with its neighbours in time."""
    quaternions = Rotation.from_rotvec(pose.reshape(-1, 3)).as_quat().reshape(*pose.shape[:2], 4)
    for before, now in itertools.pairwise(quaternions):
        now[(before * now).sum(-1) < 0] *= -1  # q and -q are one rotation
    mean = gaussian_filter1d(quaternions, SMOOTHING, axis=0, mode="nearest")
    return Rotation.from_quat(mean.reshape(-1, 4)).as_rotvec().reshape(pose.shape)


def main() -> None:
    parser = argparse.ArgumentParser(description="Choose the motions that clips are drawn from.")
    parser.add_argument("poses", type=Path)
    parser.add_argument("sequences", type=Path)
    parser.add_argument("--output", type=Path, default=Path("assets/test_clips.npz"))
    arguments = parser.parse_args()
    test = set(split_subjects(read([arguments.poses]))[1].subject)
    with np.load(arguments.sequences, allow_pickle=False) as data:
        trials = np.split(data["pose"].astype(np.float64), np.cumsum(data["frames"])[:-1])
        kept = [
            (str(name), smoothed(without_jumps(pose)))
            for name, pose in zip(data["trial_ids"], trials, strict=True)
            if name.split("_")[0] in test
        ]
        fps = float(data["fps"])
    np.savez_compressed(
        arguments.output,
        pose=np.concatenate([pose for _, pose in kept]).astype(np.float32),
        frames=np.array([len(pose) for _, pose in kept], np.int32),
        trial_ids=np.array([name for name, _ in kept]),
        fps=np.array(fps),
        licence=np.array(LICENCE.replace("pose_prior", arguments.output.stem)),
    )
    for name, pose in kept:
        print(f"{name}: {len(pose)} frames")


if __name__ == "__main__":
    main()
