"""Fit what a detector's confidence means: the error to expect, in torso lengths.

    python -m tools.calibrate_confidence assets/detector_errors.npz

Prints `confidence_sigma` for conf/calibration/*.yaml: pairs of a confidence and a sigma;
the fit interpolates between them. The file holds a detector's errors on LSP's training images
(tools/collect_detector_errors.py); images of even number are learnt from, and the likelihood is
printed for both halves. Sigma may not rise with confidence.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from fitting.files.model_files import read_npz

KNOTS = np.array([0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.98])
KERNEL = 3.0  # sigmas: robust_sigma of conf/fit/lifted.yaml
FLOOR = 0.03  # torso lengths that a body's joint and an annotated one always differ by


@dataclass(frozen=True)
class Errors:
    """Single joints: confidence (M,), squared distance (M,) in squared torso lengths."""

    confidence: np.ndarray
    squared: np.ndarray


def load(path: Path, remainder: int) -> Errors:
    """The joints that the detector saw in images of even (0) or odd (1) number."""
    data = read_npz(path, "detector's errors", ("offsets", "confidence", "image"))
    kept = data["image"] % 2 == remainder
    offsets, confidence = (data[n][kept].astype(float) for n in ("offsets", "confidence"))
    seen = confidence > 0
    return Errors(confidence[seen], (offsets**2).sum(-1)[seen])


def loss(errors: Errors, knots: np.ndarray, sigma: np.ndarray) -> float:
    """Mean negative log likelihood, up to a constant, of the t-like density whose logarithm is
    the fit's data term (fitting.objective.residuals.student_data_term)."""
    s = np.interp(errors.confidence, knots, sigma)
    return float(
        np.mean(0.5 * KERNEL**2 * np.log1p(errors.squared / (KERNEL * s) ** 2) + 2 * np.log(s))
    )


def falling(parameters: np.ndarray) -> np.ndarray:
    """Sigmas at the knots, from the last one's logarithm and how much larger each one before it
    is."""
    *rises, last = parameters
    above = np.cumsum(np.exp(rises)[::-1])[::-1]
    return np.exp(last + np.concatenate([above, [0]]))


def calibrate(errors: Errors) -> np.ndarray:
    """Sigma at each of KNOTS, without the floor."""
    start = np.concatenate([np.full(len(KNOTS) - 1, np.log(0.3)), [np.log(0.04)]])
    found = minimize(lambda p: loss(errors, KNOTS, falling(p)), start, method="BFGS")
    return falling(found.x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="assets/detector_errors*.npz")
    path = parser.parse_args().file
    learn, test = load(path, 0), load(path, 1)
    sigma = calibrate(learn)
    print(f"confidence_sigma: {np.stack([KNOTS, np.hypot(sigma, FLOOR).round(3)], 1).tolist()}")
    one = np.full(len(KNOTS), np.exp(calibrate_one(learn)))
    for name, half in (("learnt from", learn), ("tested on", test)):
        print(
            f"{name}: {len(half.squared)} joints, loss {loss(half, KNOTS, sigma):.3f}, "
            f"with one sigma for all {loss(half, KNOTS, one):.3f}"
        )


def calibrate_one(errors: Errors) -> float:
    """Logarithm of the best sigma that is the same for every confidence."""
    found = minimize(
        lambda p: loss(errors, KNOTS, np.full(len(KNOTS), np.exp(p[0]))), [-3.0], method="BFGS"
    )
    return float(found.x[0])


if __name__ == "__main__":
    main()
