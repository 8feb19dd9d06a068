"""Fit how far off a fit is expected to be: `expected_error` of conf/fit/*.yaml.

    python -m tools.calibrate_reliability lifted

Draws people as data=synthetic does, with another seed than the benchmark's and half of them with
each detector's errors, fits them, and regresses the logarithm of their PA-MPJPE on the logarithms
of the signs that each fit leaves (fitting.reliability). It prints the coefficients, and how well
they tell the worst tenth of other people from the rest (area under the ROC curve; 0.5 is chance).
"""

import argparse
from dataclasses import replace

import numpy as np
import torch
from hydra import compose, initialize_config_dir

from fitting import Camera, FitConfig, FitResult, Keypoints, fit, load_assets
from fitting.fit_config import SIGNS
from fitting.starts.retrieval import load_pose_library
from pipeline.config import ROOT, to_config
from pipeline.datasets.synthetic import IMAGE_SIDE, Cases, draw_cases, load_errors
from pipeline.evaluation.metrics import area_under_curve, pa_mpjpe

SEED = 1  # data.seed of the benchmark is 0
PEOPLE = 1000  # with each detector's errors
# error patterns, and what their confidences mean: a file of conf/calibration
DETECTORS = (("detector_errors.npz", "blazepose33"), ("detector_errors_movenet.npz", "movenet17"))
BATCH = 256
_SCALE = -5.0  # constant that keeps a single sign below the largest expected error


def settings(preset: str, calibration: str = "movenet17") -> tuple[FitConfig, float]:
    """The preset with a file of conf/calibration, and the least confidence of a run."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        words = ["data=synthetic", f"fit={preset}", f"calibration={calibration}"]
        config = to_config(compose("config", words))
    return config.fit, config.remap.min_confidence


def drawn(errors: str, least: float) -> Cases:
    """People as in a run of data=synthetic, without points of face and feet."""
    assets = ROOT / "assets"
    body, poses = load_assets(assets).body, load_pose_library(assets / "test_poses.npz")
    cases = draw_cases(PEOPLE, body, poses, load_errors(assets / errors), SEED)
    points = cases.keypoints
    seen = np.where(points.confidence < least, 0, points.confidence)
    points = replace(points, confidence=seen, extra_confidence=0 * points.extra_confidence)
    return replace(cases, keypoints=points)


def fitted(keypoints: Keypoints, config: FitConfig) -> FitResult:
    """All people, with the image diagonal as focal length."""
    assets, n = load_assets(ROOT / "assets"), len(keypoints)
    middle = np.full((n, 2), (IMAGE_SIDE - 1) / 2)
    camera = Camera(np.full(n, IMAGE_SIDE * 2**0.5), middle)
    rows = [slice(first, first + BATCH) for first in range(0, n, BATCH)]
    return FitResult.concatenate([fit(keypoints[r], camera[r], assets, config) for r in rows])


def measured(preset: str, errors: str, calibration: str) -> tuple[np.ndarray, np.ndarray]:
    """Signs (N, n) and PA-MPJPE (N,) mm of people seen by one detector."""
    config, least = settings(preset, calibration)
    config = replace(config, landmark_offsets={})  # keypoints are drawn about the joints
    cases, columns = drawn(errors, least), []
    for name in usable(config):  # a fit that tells one sign only
        told = replace(config, expected_error={"constant": _SCALE, name: 1.0})
        found = fitted(cases.keypoints, told)
        columns.append(np.log(np.maximum(found.expected_error, 1e-9)) - _SCALE)
    kept = found.fitted
    return np.stack(columns, 1)[kept], pa_mpjpe(found.joints[kept], cases.joints[kept])


def usable(config: FitConfig) -> list[str]:
    """The signs that these settings give: some need a lifter, and a spread needs a consensus."""
    lone = config.choice.temperature == 0
    return [
        name
        for name in SIGNS
        if (config.lifts or not name.startswith("lifted")) and not (lone and name == "spread")
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", help="a file of conf/fit, without .yaml")
    preset = parser.parse_args().preset
    torch.set_num_threads(1)
    names = usable(settings(preset)[0])
    parts = [measured(preset, *detector) for detector in DETECTORS]
    signs, error = (np.concatenate(part) for part in zip(*parts, strict=True))
    learn = np.arange(len(error)) % 2 == 0
    signs = np.column_stack([np.ones(len(signs)), signs])
    for half in (learn, np.ones_like(learn)):  # the last line of coefficients is for everybody
        factors = np.linalg.lstsq(signs[half], np.log(error[half] / 1000), rcond=None)[0]
        values = zip(("constant", *names), factors, strict=True)
        print("expected_error: {" + ", ".join(f"{n}: {v:.3f}" for n, v in values) + "}")
        test = ~learn if half is learn else learn
        told_error = np.exp(signs[test] @ factors)
        worst = error[test] > np.quantile(error[test], 0.9)
        print(f"worst tenth told with area {area_under_curve(told_error, worst):.3f}")


if __name__ == "__main__":
    main()
