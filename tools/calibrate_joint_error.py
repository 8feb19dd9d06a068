"""Fit how far off each joint is expected to be: `expected_joint_error` of conf/fit/lifted.yaml.

    python -m tools.render_people LEARN --n 240
    python -m tools.render_people TEST --n 200 --poses assets/test_poses.npz --seed 1
    python -m tools.calibrate_joint_error LEARN --test TEST

It learns from people who are drawn as in tools/calibrate_reliability.py, and from rendered people
as BlazePose sees them, whole and cut off by the picture's edge (tools/cut_people.py). The logarithm
of each joint's distance from the truth, about the middle of shoulders and neck, is regressed on the
logarithm of the sigma that the lifter gives the joint, with a constant for every kind of joint. It
prints the coefficients, and how well they tell the worst tenth of the joints of TEST (area under
the ROC curve; 0.5 is chance).
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from jaxtyping import Float

from fitting import FitResult
from fitting.fit_config import LIFTED_SIGMA
from fitting.joints import LSP_14, part_of
from pipeline.config import ROOT, to_config
from pipeline.evaluation.metrics import area_under_curve
from tools.calibrate_reliability import DETECTORS, drawn, fitted, settings
from tools.cut_people import SHOULDERS, WHOLE, Part, fits_of, joints_of, parts_in

PRESET = "lifted"
KINDS = tuple(dict.fromkeys(map(part_of, LSP_14)))
_PLAIN = {LIFTED_SIGMA: 1.0, **dict.fromkeys(KINDS, 0.0)}  # tells sigma itself
_FLOOR = 1e-3  # m, added before logarithms
_WORST = 0.9  # quantile

Table = tuple[Float[np.ndarray, "N 14"], Float[np.ndarray, "N 14"]]
"""The sigma of every joint and its distance from the truth, m."""


def table_of(found: FitResult, truth: Float[np.ndarray, "N 14 3"]) -> Table:
    """Of everybody who was fitted with _PLAIN coefficients."""
    kept = found.fitted
    about = [p - p[:, SHOULDERS].mean(1, keepdims=True) for p in (found.joints, truth)]
    distance = np.linalg.norm(about[0] - about[1], axis=-1)
    return found.expected_joint_error[kept], distance[kept]


def of_drawn(errors: str, calibration: str) -> Table:
    """People seen with one detector's errors."""
    config, least = settings(PRESET, calibration)
    cases = drawn(errors, least)  # about the joints, so there are no offsets
    config = replace(config, landmark_offsets={}, expected_joint_error=_PLAIN)
    return table_of(fitted(cases.keypoints, config), cases.joints)


def of_parts(parts: Sequence[Part]) -> Table:
    """Rendered people."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        words = ["detector=blazepose", "data.path=x", f"fit={PRESET}"]
        config = to_config(compose("config", words))
    config = replace(config, fit=replace(config.fit, expected_joint_error=_PLAIN))
    return table_of(fits_of(parts, config), joints_of(parts))


def coefficients(sigma: Float[np.ndarray, "N 14"], distance: Float[np.ndarray, "N 14"]) -> dict:
    """The exponent of sigma and the constants of KINDS, by least squares of logarithms."""
    kind = np.array([[part_of(joint) == kind for kind in KINDS] for joint in LSP_14], float)
    columns = [np.log(sigma)[..., None], np.broadcast_to(kind, (*sigma.shape, len(KINDS)))]
    design = np.concatenate(columns, -1).reshape(-1, 1 + len(KINDS))
    factors = np.linalg.lstsq(design, np.log(distance + _FLOOR).ravel(), rcond=None)[0]
    return dict(zip((LIFTED_SIGMA, *KINDS), factors.tolist(), strict=True))


def told(factors: dict, sigma: Float[np.ndarray, "N 14"]) -> Float[np.ndarray, "N 14"]:
    """fitting.reliability.expected_joint_error of these sigmas, m."""
    constants = np.array([factors[part_of(joint)] for joint in LSP_14])
    return np.exp(constants) * sigma ** factors[LIFTED_SIGMA]


def told_line(name: str, expected: np.ndarray, distance: np.ndarray) -> str:
    """How well expected distances agree with true ones."""
    area = area_under_curve(expected.ravel(), (distance > np.quantile(distance, _WORST)).ravel())
    ratio = np.exp(np.mean(np.log(expected) - np.log(distance + _FLOOR)))
    return f"{name:8s} told / true {ratio:.2f}, area {area:.3f}"


def joined(tables: Sequence[Table]) -> Table:
    sigma, distance = (np.concatenate(part) for part in zip(*tables, strict=True))
    return sigma, distance


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit how far off each joint is expected to be.")
    parser.add_argument("learn", type=Path, help="rendered people")
    parser.add_argument("--test", type=Path, required=True, help="other rendered people")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tables = {"drawn": joined([of_drawn(*detector) for detector in DETECTORS])}
    learn = [of_parts(parts) for parts in parts_in(options.learn).values()]
    factors = coefficients(*joined([tables["drawn"], *learn]))
    values = ", ".join(f"{name}: {value:.3f}" for name, value in factors.items())
    print(f"expected_joint_error: {{{values}}}")
    tables |= {name: of_parts(parts) for name, parts in parts_in(options.test).items()}
    cut = [table for name, table in tables.items() if name not in ("drawn", WHOLE)]
    for name, (sigma, distance) in {**tables, "all cuts": joined(cut)}.items():
        print(told_line(name, told(factors, sigma), distance))


if __name__ == "__main__":
    main()
