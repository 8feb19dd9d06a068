"""Capsules as linear functions of the betas, learnt from fits to random bodies."""

import numpy as np

from .capsules import (
    CAPSULES,
    LEFT,
    MIDLINE,
    Capsule,
    Placed,
    Skin,
    first_guess,
    fit_capsule,
    segment_of,
)
from .shape_space import COMPONENTS
from .skeleton import index
from .skinning import pose

_BODIES = 60
_RIDGE = 1.0

Body = dict[str, np.ndarray]


def fit_capsules(body: Body, seed: int) -> dict[str, np.ndarray]:
    """Fit the capsules to random bodies of a model and regress them on its betas.

    Args:
        body: arrays of an SMPL file.
        seed: of the betas drawn.

    Returns:
        The capsule arrays of the body file: names, joint, axis (20, 3) and the coefficients of
        [1, betas] for center (20, 3, 11) relative to the joint, radius and length (20, 11).
    """
    betas = np.random.default_rng([seed, 1]).normal(size=(_BODIES, COMPONENTS))
    mean = _mean_capsules(body)
    measured = np.stack([_measure(body, mean, beta) for beta in betas])  # (bodies, capsules, 5)
    coefficients = _regress(betas, measured.reshape(_BODIES, -1)).reshape(-1, len(mean), 5)
    named = dict(zip(mean, np.moveaxis(coefficients, 0, -1), strict=True))  # name -> (5, 11)
    axes, rows = [], []
    for capsule in CAPSULES:
        twin = capsule if capsule.name in named else capsule.mirrored()
        flip = np.array([1.0 if twin is capsule else -1.0, 1, 1])
        axes.append(mean[twin.name].axis * flip)
        rows.append(named[twin.name] * np.concatenate([flip, [1, 1]])[:, None])
    table = np.stack(rows).astype(np.float32)
    return {
        "capsule_names": np.array([capsule.name for capsule in CAPSULES]),
        "capsule_joint": np.array([index(capsule.joint) for capsule in CAPSULES]),
        "capsule_axis": np.stack(axes).astype(np.float32),
        "capsule_center": table[:, :3],
        "capsule_radius": table[:, 3],
        "capsule_length": table[:, 4],
    }


def _mean_capsules(body: Body) -> dict[str, Placed]:
    """Midline and left capsules of the mean body, with the axes that all bodies then share."""
    vertices, joints, _ = pose(body, np.zeros(COMPONENTS))
    skin = Skin(vertices, body["f"].astype(int))
    placed = {}
    for capsule in (*MIDLINE, *LEFT):
        segment = segment_of(capsule, body["weights"])
        guess = first_guess(skin, segment, _direction(capsule, joints))
        fitted = fit_capsule(skin, segment, guess, "length" if capsule.across else "axis")
        placed[capsule.name] = _in_middle(fitted) if capsule.midline else fitted
        placed[capsule.name] = fit_capsule(skin, segment, placed[capsule.name], "length")
    return placed


def _measure(body: Body, mean: dict[str, Placed], beta: np.ndarray) -> np.ndarray:
    """(capsules, 5) centre from the joint, radius and length on one body."""
    vertices, joints, _ = pose(body, beta)
    _, mean_joints, _ = pose(body, np.zeros(COMPONENTS))
    skin = Skin(vertices, body["f"].astype(int))
    rows = []
    for capsule in (*MIDLINE, *LEFT):
        start = mean[capsule.name]
        if capsule.child:  # a limb's capsule is as long as its bone, times a constant
            ratio = _bone(capsule, joints) / _bone(capsule, mean_joints)
            start = Placed(start.center, start.axis, start.radius, start.length * ratio)
        segment = segment_of(capsule, body["weights"])
        fitted = fit_capsule(skin, segment, start, "none" if capsule.child else "length")
        offset = fitted.center - joints[index(capsule.joint)]
        if capsule.midline:
            offset[0] = 0
        rows.append([*offset, fitted.radius, fitted.length])
    return np.array(rows)


def _regress(betas: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(11, columns) ridge regression of values (S, columns) on [1, betas]; the 1 is free."""
    X = np.concatenate([np.ones((len(betas), 1)), betas], axis=1)
    penalty = _RIDGE * np.diag([0.0] + [1.0] * betas.shape[1])
    return np.linalg.solve(X.T @ X + penalty, X.T @ values)


def _direction(capsule: Capsule, joints: np.ndarray) -> np.ndarray:
    if capsule.across:
        return np.array([1.0, 0, 0])
    if capsule.child:
        return joints[index(capsule.child)] - joints[index(capsule.joint)]
    return np.array([0, 1.0, 0])


def _bone(capsule: Capsule, joints: np.ndarray) -> float:
    return float(np.linalg.norm(joints[index(capsule.child)] - joints[index(capsule.joint)]))


def _in_middle(capsule: Placed) -> Placed:
    """The capsule with its centre on the midline, and its axis in it unless it lies across."""
    axis = capsule.axis.copy()
    if abs(axis[0]) < 0.9:
        axis[0] = 0
    axis /= np.linalg.norm(axis)
    return Placed(capsule.center * [0, 1, 1], axis, capsule.radius, capsule.length)
