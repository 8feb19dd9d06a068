"""Many people from one array, in one solve: python -m examples.batch_of_people [N]"""

import sys
import time

import numpy as np
import torch

from fitting import load_assets, load_preset
from fitting.smplify import fit
from pipeline.config import ROOT
from pipeline.datasets.synthetic import draw_cases
from pipeline.evaluation.metrics import pa_mpjpe

ERRORS = [[0.05, 0.36], [0.3, 0.14], [0.9, 0.05]]  # confidence -> expected error, torso lengths


def main(n: int = 256) -> tuple[float, float]:
    """Draw people whose truth is known, and fit all of them at once.

    Returns:
        Mean PA-MPJPE, mm, and milliseconds a person.
    """
    torch.set_num_threads(1)
    assets = load_assets(ROOT / "assets")
    with np.load(ROOT / "assets/pose_library.npz") as library:
        poses = np.pad(library["body_pose"].astype(float), ((0, 0), (0, 6)))  # hands at rest
    people = draw_cases(n, assets.body, poses)  # keypoints (n, 14, 2), cameras, joints (n, 14, 3)
    config = load_preset(ROOT / "conf/fit/lifted.yaml", ERRORS)
    begin = time.perf_counter()
    result = fit(people.keypoints, people.camera, assets, config)
    milliseconds = 1000 * (time.perf_counter() - begin) / n
    return float(pa_mpjpe(result.joints, people.joints).mean()), milliseconds


if __name__ == "__main__":
    error, milliseconds = main(*map(int, sys.argv[1:]))
    print(f"PA-MPJPE {error:.1f} mm, {milliseconds:.1f} ms a person")
