"""Choose the poses that fits may start from, and those that they are tested on.

    python -m tools.select_pose_library POSES.npz [...]

It reads what tools/train_pose_prior.py reads, and draws poses at random, of each subject at most as
many as the prior takes: assets/pose_library.npz from the subjects that everything learns from, and
assets/test_poses.npz from the others.
"""

import argparse
from pathlib import Path

import numpy as np

from tools.train_pose_prior import (
    CAPTURED,
    LICENCE,
    MotionCapture,
    limit_subjects,
    read,
    split_subjects,
)

POSES = 3000
SEED = 0


def choose(data: MotionCapture) -> np.ndarray:
    """Indices of the kept poses, ascending."""
    rng = np.random.default_rng(SEED)
    return np.sort(rng.choice(len(data.poses), min(POSES, len(data.poses)), replace=False))


def save(path: Path, data: MotionCapture) -> None:
    chosen = choose(data)
    np.savez_compressed(
        path,
        body_pose=data.poses[chosen, :CAPTURED].astype(np.float16),
        licence=np.array(LICENCE.replace("pose_prior", path.stem)),
    )
    print(f"{path}: {len(chosen)} poses of {len(set(data.subject[chosen]))} subjects")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("poses", type=Path, nargs="+")
    parser.add_argument("--library", type=Path, default=Path("assets/pose_library.npz"))
    parser.add_argument("--test", type=Path, default=Path("assets/test_poses.npz"))
    arguments = parser.parse_args()
    learn, test = split_subjects(read(arguments.poses))
    save(arguments.library, limit_subjects(learn))
    save(arguments.test, limit_subjects(test))


if __name__ == "__main__":
    main()
