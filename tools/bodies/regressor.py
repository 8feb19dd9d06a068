"""Joints as sparse positive averages of nearby skin vertices, as in SMPL."""

import numpy as np
from scipy.optimize import nnls

from .skeleton import JOINT_NAMES, MIRROR

_NEAREST, _NEAREST_TRUNK, _CANDIDATES = 350, 700, 240
_SUM_TO_ONE = 40.0  # weight of the row sum against metres of joint error, before normalising
_RIDGE = 0.004  # spreads the weight over many vertices, so that noise on one moves no joint
_SMALLEST = 1e-3


def joint_regressor(vertices: np.ndarray, joints: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Fit the regressor to many bodies.

    Args:
        vertices: (S, n, 3) bodies in the T-pose, metres.
        joints: (S, 24, 3) their joints.
        mirror: (n,) vertex on the other side.

    Returns:
        (24, n) non-negative weights, rows summing to 1, mirror symmetric.
    """
    regressor = np.zeros((len(JOINT_NAMES), vertices.shape[1]))
    for j, other in enumerate(MIRROR):
        if other < j:
            continue
        chosen = _candidates(vertices.mean(0), joints[:, j].mean(0), mirror, other == j, j)
        regressor[j, chosen] = _fit(vertices[:, chosen] - joints[:, j][:, None])
        if other == j:
            regressor[j] = (regressor[j] + regressor[j, mirror]) / 2
        regressor[other] = regressor[j, mirror]
    return regressor


def _candidates(
    vertices: np.ndarray, joint: np.ndarray, mirror: np.ndarray, midline: bool, j: int
) -> np.ndarray:
    trunk = JOINT_NAMES[j] == "pelvis" or JOINT_NAMES[j].startswith("spine")
    order = np.argsort(np.linalg.norm(vertices - joint, axis=1), kind="stable")
    ring = order[: _NEAREST_TRUNK if trunk else _NEAREST]
    chosen = ring[:: max(1, len(ring) // _CANDIDATES)]
    return np.unique(np.concatenate([chosen, mirror[chosen]]) if midline else chosen)


def _fit(offsets: np.ndarray) -> np.ndarray:
    """Weights that bring the weighted mean of `offsets` (S, c, 3) from the joint to zero."""
    samples, count = offsets.shape[:2]
    rows = offsets.transpose(0, 2, 1).reshape(-1, count)
    total = np.full((1, count), _SUM_TO_ONE)
    A = np.concatenate([rows, total, _RIDGE * np.sqrt(samples) * np.eye(count)])
    b = np.zeros(len(A))
    b[len(rows)] = _SUM_TO_ONE
    Q, R = np.linalg.qr(A)  # the same least-squares problem with as many rows as unknowns
    weights, _ = nnls(R, Q.T @ b, maxiter=20000)
    weights[weights < _SMALLEST] = 0
    return weights / weights.sum()
