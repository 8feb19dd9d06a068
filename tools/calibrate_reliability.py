"""Fit how far off a fit is expected to be: `expected_error` of conf/fit/*.yaml.

    python -m tools.calibrate_reliability lifted

Draws people as data=synthetic does, with another seed than the benchmark's and half of them with
each detector's errors, fits them, and regresses the logarithm of their PA-MPJPE on the logarithms
of the signs that each fit leaves (fitting.reliability). Prints the coefficients and how well they
tell the worst tenth of other people from the rest (area under the ROC curve; 0.5 is chance).
"""

import argparse
from dataclasses import replace

import numpy as np
import torch
from hydra import compose, initialize_config_dir

from fitting import Camera, FitConfig, FitResult, Keypoints, fit, load_assets
from fitting.fit_config import SIGNS
from fitting.retrieval import load_pose_library
from pipeline.config import ROOT, to_config
from pipeline.metrics import area_under_curve, pa_mpjpe
from pipeline.synthetic import IMAGE_SIDE, Cases, draw_cases, load_errors

SEED = 1  # data.seed of the benchmark is 0
PEOPLE = 1000  # with each detector's errors
DETECTORS = ("detector_errors.npz", "detector_errors_movenet.npz")
BATCH = 256
_SCALE = -5.0  # constant that keeps a single sign below the largest expected error


def settings(preset: str) -> tuple[FitConfig, float]:
    """The preset, and the least confidence of a run."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = to_config(compose("config", ["data=synthetic", f"fit={preset}"]))
    return config.fit, config.remap.min_confidence


def drawn(least: float) -> Cases:
    assets = ROOT / "assets"
    body, poses = load_assets(assets).body, load_pose_library(assets / "test_poses.npz")
    each = [draw_cases(PEOPLE, body, poses, load_errors(assets / d), SEED) for d in DETECTORS]
    cases = Cases.concatenate(each)
    points = cases.keypoints
    seen = np.where(points.confidence < least, 0, points.confidence)
    points = replace(points, confidence=seen, extra_confidence=0 * points.extra_confidence)
    return replace(cases, keypoints=points)


def fitted(keypoints: Keypoints, config: FitConfig) -> FitResult:
    """All people with the diagonal as focal length."""
    assets, n = load_assets(ROOT / "assets"), len(keypoints)
    middle = np.full((n, 2), (IMAGE_SIDE - 1) / 2)
    camera = Camera(np.full(n, IMAGE_SIDE * 2**0.5), middle)
    rows = [slice(first, first + BATCH) for first in range(0, n, BATCH)]
    return FitResult.concatenate([fit(keypoints[r], camera[r], assets, config) for r in rows])


def usable(config: FitConfig) -> list[str]:
    """Signs that these settings give: the lifter's need one, and one start has no spread."""
    lone = config.starts <= 1 and config.side_view_threshold == 0
    return [
        name
        for name in SIGNS
        if (config.lifts or not name.startswith("lifted")) and not (lone and name == "spread")
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", help="a file of conf/fit, without .yaml")
    config, least = settings(parser.parse_args().preset)
    torch.set_num_threads(1)
    cases, names, columns = drawn(least), usable(config), []
    for name in names:  # a fit that tells one sign alone
        told = fitted(
            cases.keypoints, replace(config, expected_error={"constant": _SCALE, name: 1.0})
        )
        columns.append(np.log(np.maximum(told.expected_error, 1e-9)) - _SCALE)
    kept = told.fitted
    signs, error = np.stack(columns, 1)[kept], pa_mpjpe(told.joints[kept], cases.joints[kept])
    learn = np.arange(len(error)) % 2 == 0
    signs = np.column_stack([np.ones(len(signs)), signs])
    for half in (learn, np.ones_like(learn)):  # the last line of coefficients is of everybody
        factors = np.linalg.lstsq(signs[half], np.log(error[half] / 1000), rcond=None)[0]
        values = zip(("constant", *names), factors, strict=True)
        print("expected_error: {" + ", ".join(f"{n}: {v:.3f}" for n, v in values) + "}")
        test = ~learn if half is learn else learn
        told_error = np.exp(signs[test] @ factors)
        worst = error[test] > np.quantile(error[test], 0.9)
        print(f"worst tenth told with area {area_under_curve(told_error, worst):.3f}")


if __name__ == "__main__":
    main()
