"""A residual of your own in the objective: python -m examples.own_term

A term is a function, an entry in the table, and a weight: docs/architecture.md, "Add a term".
"""

from dataclasses import replace

import numpy as np
import torch

from examples.keypoints_to_body import ERRORS, HEIGHT, JOINTS, WIDTH
from fitting import Camera, Keypoints, fit, load_assets, load_preset
from fitting.objective.bodies import Bodies, Part
from fitting.objective.residuals import least_squares
from fitting.objective.terms import TERMS, Term
from pipeline.config import ROOT

ELBOWS = [*range(51, 54), *range(54, 57)]  # entries of body_pose


def straight_elbows(bodies: Bodies, weight: float) -> Part:
    """weight * axis-angle of both elbows, which stretches the arms."""
    residual = weight * bodies.pose[:, ELBOWS]
    jacobian = weight * torch.eye(len(ELBOWS)).to(residual).expand(len(residual), -1, -1)
    return Part(least_squares(residual, jacobian), bodies.unknowns.columns(ELBOWS))


def main(weight: float = 100.0) -> tuple[float, float]:
    """Fit a person with and without the term.

    Returns:
        How far the elbows are bent, rad: without, with.
    """
    one = np.zeros(1, np.int32)
    keypoints = Keypoints(one, one, JOINTS[None, :, :2], JOINTS[None, :, 2])
    middle = np.array([[(WIDTH - 1) / 2, (HEIGHT - 1) / 2]])
    camera = Camera(np.array([np.hypot(WIDTH, HEIGHT)]), middle)
    assets, usual = load_assets(ROOT / "assets"), load_preset(ROOT / "conf/fit/lifted.yaml", ERRORS)
    stages = [
        replace(stage, weights=stage.weights | {"straight_elbows": weight})
        for stage in usual.stages
    ]
    terms = [*TERMS, Term("straight_elbows", straight_elbows, needs=("body_pose",))]
    without = fit(keypoints, camera, assets, usual)
    with_it = fit(keypoints, camera, assets, replace(usual, stages=stages), terms=terms)
    bent, straight = (
        float(np.abs(found.params.body_pose[0, ELBOWS]).sum()) for found in (without, with_it)
    )
    return bent, straight


if __name__ == "__main__":
    bent, straight = main()
    print(f"elbows bent by {bent:.2f} rad without the term, {straight:.2f} rad with it")
