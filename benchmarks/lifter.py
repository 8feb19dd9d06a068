"""How far the lifter's joints are from the truth, and whether its sigma says so.

    python -m benchmarks.lifter --errors assets/detector_errors.npz \\
        assets/detector_errors_movenet.npz

It draws 1000 people of `data=synthetic`, with poses (assets/test_poses.npz) of subjects and error
patterns (images of odd number) that tools/train_lifter.py does not learn from. It prints PA-MPJPE,
its median and MPJPE in mm, the mean error over the mean that sigma predicts, and their correlation.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from fitting.body.body_model import load_body_model
from fitting.joints import HIPS
from fitting.starts.lifter import ERROR_PER_SIGMA, Lifter, load_lifter
from fitting.starts.retrieval import load_pose_library
from pipeline.datasets.synthetic import IMAGE_SIDE, Cases, Errors, draw_cases
from pipeline.evaluation.metrics import mpjpe, pa_mpjpe
from tools.train_lifter import load_patterns

ROOT = Path(__file__).resolve().parent.parent
MIN_CONFIDENCE = 0.1  # as remap.min_confidence in conf/config.yaml
COLUMNS = ("PA-MPJPE", "median", "MPJPE", "ratio", "corr.")


def measure(
    lifter: Lifter, cases: Cases, extras: bool = False, focal_length: float = 0.0
) -> tuple[float, ...]:
    """The figures of COLUMNS; focal_length 0 is the true one."""
    points = cases.keypoints
    xy = np.concatenate([points.xy, points.extra_xy], 1)
    sure = np.concatenate([points.confidence, points.extra_confidence * extras], 1)
    sure = np.where(sure < MIN_CONFIDENCE, 0, sure)
    pixels = cases.camera.focal_length
    pixels = np.full_like(pixels, focal_length) if focal_length else pixels
    inputs = (xy, sure, pixels, cases.camera.center)
    lifted = lifter.lift(*(torch.as_tensor(a).double() for a in inputs))
    found, expected = lifted.joints.numpy(), ERROR_PER_SIGMA * lifted.sigma.numpy()
    truth = cases.joints - cases.joints[:, HIPS].mean(1, keepdims=True)
    error = np.linalg.norm(found - truth, axis=-1)
    aligned = pa_mpjpe(found, truth)
    corr = np.corrcoef(error.ravel(), expected.ravel())[0, 1]
    ratio = error.sum() / expected.sum()
    return aligned.mean(), np.median(aligned), mpjpe(found, truth).mean(), ratio, corr


def rolled(cases: Cases, seed: int = 1) -> Cases:
    """The same people in photos that are turned by any angle about their middle."""
    angle = np.random.default_rng(seed).uniform(-np.pi, np.pi, len(cases))
    turn = Rotation.from_euler("z", angle).as_matrix().transpose(0, 2, 1)
    middle, points = cases.camera.center[:, None], cases.keypoints

    def moved(xy: np.ndarray) -> np.ndarray:
        return ((xy - middle) @ turn[:, :2, :2] + middle).astype(np.float32)

    points = replace(points, xy=moved(points.xy), extra_xy=moved(points.extra_xy))
    return replace(cases, keypoints=points, joints=cases.joints @ turn)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--errors", nargs="+", type=Path, required=True)
    parser.add_argument("--lifter", type=Path, default=ROOT / "assets/lifter.npz")
    parser.add_argument("--cases", type=int, default=1000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lifter, body = (
        load_lifter(arguments.lifter),
        load_body_model(ROOT / "assets/bodies/neutral.npz"),
    )
    poses = load_pose_library(ROOT / "assets/test_poses.npz")
    print(" " * 40 + "".join(f"{name:>10s}" for name in COLUMNS))
    for path in (*arguments.errors, None):
        patterns = load_patterns([path], 1) if path else None
        errors = Errors(*(a.numpy() for a in vars(patterns).values())) if patterns else None
        cases, name = (
            draw_cases(arguments.cases, body, poses, errors),
            path.stem if path else "none",
        )
        for label, of, settings in (
            ("", cases, {}),
            (", face and feet", cases, {"extras": True}),
            (", f = diagonal", cases, {"focal_length": IMAGE_SIDE * 2**0.5}),
            (", rolled", rolled(cases), {}),
        ):
            figures = measure(lifter, of, **settings)
            print(f"{name + label:40s}" + "".join(f"{x:10.2f}" for x in figures), flush=True)


if __name__ == "__main__":
    main()
