"""Choose the poses that fits may start from: assets/pose_library.npz.

    python -m tools.select_pose_library POSES.npz [...] --output assets/pose_library.npz

Reads what tools/train_pose_prior.py reads and draws poses at random, as many of each subject at
most as the prior takes.
"""

import argparse
from pathlib import Path

import numpy as np

from tools.train_pose_prior import CAPTURED, LICENCE, MotionCapture, limit_subjects, read

POSES = 3000
SEED = 0


def choose(data: MotionCapture) -> np.ndarray:
    """Indices of the poses that are kept, ascending."""
    rng = np.random.default_rng(SEED)
    return np.sort(rng.choice(len(data.poses), min(POSES, len(data.poses)), replace=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("poses", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, default=Path("assets/pose_library.npz"))
    arguments = parser.parse_args()
    data = limit_subjects(read(arguments.poses))
    chosen = choose(data)
    np.savez_compressed(
        arguments.output,
        body_pose=data.poses[chosen, :CAPTURED].astype(np.float16),
        licence=np.array(LICENCE.replace("pose_prior", "pose_library")),
    )
    print(f"{arguments.output}: {len(chosen)} poses of {len(set(data.subject[chosen]))} subjects")


if __name__ == "__main__":
    main()
