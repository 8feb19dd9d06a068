"""Fit how far off a fit is expected to be: `expected_error` of conf/fit/*.yaml.

    python -m tools.calibrate_reliability lifted [--cut FOLDER]

Draws people as data=synthetic does, with another seed than the benchmark's and half of them with
each detector's errors, fits them, and regresses the logarithm of their PA-MPJPE on the logarithms
of the signs that each fit leaves (fitting.reliability). It prints the coefficients, and how well
they tell the worst tenth of other people from the rest (area under the ROC curve; 0.5 is chance).

With --cut it also learns from rendered people (tools/render_people.py) whom the picture's edge cuts
off, and from the same people whole, as BlazePose sees them; every other picture of them is kept to
test on, and the same is printed for drawn, whole and cut people.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from jaxtyping import Float

from fitting import Camera, FitConfig, FitResult, Keypoints, fit, load_assets
from fitting.fit_config import SIGNS
from fitting.starts.retrieval import load_pose_library
from pipeline.config import ROOT, to_config
from pipeline.datasets.synthetic import IMAGE_SIDE, Cases, draw_cases, load_errors
from pipeline.evaluation.metrics import area_under_curve, pa_mpjpe
from tools.cut_people import WHOLE, fits_of, joints_of, parts_in

SEED = 1  # data.seed of the benchmark is 0
PEOPLE = 1000  # with each detector's errors
# error patterns, and what their confidences mean: a file of conf/calibration
DETECTORS = (("detector_errors.npz", "blazepose33"), ("detector_errors_movenet.npz", "movenet17"))
BATCH = 256
_SCALE = -5.0  # constant that keeps a single sign below the largest expected error


@dataclass(frozen=True)
class Measured:
    """Fits with known errors.

    Args:
        signs: logarithms.
        error: PA-MPJPE, mm.
        number: of the person; those of odd number are tested on.
        kind: of the people: drawn, whole or cut.
    """

    signs: Float[np.ndarray, "N n"]
    error: Float[np.ndarray, " N"]
    number: np.ndarray
    kind: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> "Measured":
        return Measured(*(getattr(self, field.name)[rows] for field in fields(self)))


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


def measured(preset: str, errors: str, calibration: str) -> Measured:
    """People seen by one detector."""
    config, least = settings(preset, calibration)
    config = replace(config, landmark_offsets={})  # keypoints are drawn about the joints
    cases = drawn(errors, least)
    signs, found = told_signs(lambda told: fitted(cases.keypoints, told), config)
    kept = found.fitted
    error = pa_mpjpe(found.joints[kept], cases.joints[kept])
    return Measured(signs[kept], error, np.arange(len(kept))[kept], np.full(kept.sum(), "drawn"))


def measured_parts(preset: str, folder: Path) -> Measured:
    """Rendered people as BlazePose sees them, whole and cut off."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = to_config(
            compose("config", ["detector=blazepose", "data.path=x", f"fit={preset}"])
        )
    cuts = parts_in(folder)
    parts = [part for some in cuts.values() for part in some]
    kind = np.array([WHOLE if n == WHOLE else "cut" for n, some in cuts.items() for _ in some])
    signs, found = told_signs(lambda told: fits_of(parts, replace(config, fit=told)), config.fit)
    kept, number = found.fitted, np.array([part.index for part in parts])
    error = pa_mpjpe(found.joints[kept], joints_of(parts)[kept])
    return Measured(signs[kept], error, number[kept], kind[kept])


def told_signs(
    fit_all: Callable[[FitConfig], FitResult], config: FitConfig
) -> tuple[Float[np.ndarray, "N n"], FitResult]:
    """The usable signs of people, and their fits: each is fitted once per sign, and tells that."""
    columns, found = [], None
    for name in usable(config):
        found = fit_all(replace(config, expected_error={"constant": _SCALE, name: 1.0}))
        columns.append(np.log(np.maximum(found.expected_error, 1e-9)) - _SCALE)
    assert found is not None
    return np.stack(columns, 1), found


def usable(config: FitConfig) -> list[str]:
    """The signs that these settings give: some need a lifter, and a spread needs a consensus."""
    lone = config.choice.temperature == 0
    return [
        name
        for name in SIGNS
        if (config.lifts or not name.startswith("lifted")) and not (lone and name == "spread")
    ]


def report(coefficients: np.ndarray, rows: Measured) -> None:
    """Print how well some coefficients tell the errors of each kind of people."""
    told_error = 1000 * np.exp(_with_constant(rows.signs) @ coefficients)
    for kind in np.unique(rows.kind):
        expected, error = (values[rows.kind == kind] for values in (told_error, rows.error))
        area = area_under_curve(expected, error > np.quantile(error, 0.9))
        ratio = np.exp(np.mean(np.log(expected / error)))
        print(f"{kind}: worst tenth told with area {area:.3f}, told / true {ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit how far off a fit is expected to be.")
    parser.add_argument("preset", help="a file of conf/fit, without .yaml")
    parser.add_argument("--cut", type=Path, help="rendered people, to learn from cut ones, too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = usable(settings(options.preset)[0])
    parts = [measured(options.preset, *detector) for detector in DETECTORS]
    if options.cut:
        parts.append(measured_parts(options.preset, options.cut))
    rows = Measured(
        *(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Measured))
    )
    learn = rows.number % 2 == 0
    for half in (learn, np.ones_like(learn)):  # the last line of coefficients is for everybody
        logs = np.log(rows.error[half] / 1000)
        factors = np.linalg.lstsq(_with_constant(rows.signs[half]), logs, rcond=None)[0]
        values = zip(("constant", *names), factors, strict=True)
        print("expected_error: {" + ", ".join(f"{n}: {v:.3f}" for n, v in values) + "}")
        report(factors, rows[~learn] if half is learn else rows)


def _with_constant(signs: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(signs)), signs])


if __name__ == "__main__":
    main()
