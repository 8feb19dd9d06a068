"""Capsules from the regressors of SMPLify's release, regressors_locked_normalized_*.npz.

Its arrays `betas2lens` and `betas2rads` are (n_betas + 1, 20): length and radius of each capsule
per unit of beta, with the constants in the LAST row. The file does not say where a capsule lies. It
starts at a joint and points one way along an axis of the T-pose or, in the trunk, has the joint in
its middle. This joint is one of `J_regressor_prior` in the body file (in the middle of the place
where two parts meet), moved a little for pelvis, feet and chest.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from fitting.body.body_model import BodyModel
from fitting.body.skeleton import SMPL_24
from fitting.capsules.capsules import Capsules
from fitting.files.model_files import read_arrays, read_npz

_MOST_BETAS = 10


@dataclass(frozen=True)
class _Part:
    """A capsule: our name, the joint that carries it, its direction in the T-pose."""

    name: str
    joint: int
    axis: tuple[int, int, int]


_UP, _DOWN, _FRONT, _LEFT, _RIGHT = (0, 1, 0), (0, -1, 0), (0, 0, 1), (1, 0, 0), (-1, 0, 0)
_TRUNK = (0, 3, 6, 9)
# in the order of the regressors' columns
_PARTS = (
    _Part("pelvis", 0, _RIGHT),
    _Part("left_thigh", 1, _DOWN),
    _Part("right_thigh", 2, _DOWN),
    _Part("belly", 3, _RIGHT),
    _Part("left_shin", 4, _DOWN),
    _Part("right_shin", 5, _DOWN),
    _Part("ribs", 6, _RIGHT),
    _Part("left_foot", 7, _FRONT),
    _Part("right_foot", 8, _FRONT),
    _Part("chest", 9, _RIGHT),
    _Part("neck", 12, _UP),
    _Part("left_collar", 13, _LEFT),
    _Part("right_collar", 14, _RIGHT),
    _Part("head", 15, _UP),
    _Part("left_upper_arm", 16, _LEFT),
    _Part("right_upper_arm", 17, _RIGHT),
    _Part("left_forearm", 18, _LEFT),
    _Part("right_forearm", 19, _RIGHT),
    _Part("left_hand", 20, _LEFT),
    _Part("right_hand", 21, _RIGHT),
)
# (joint, coordinate) -> weights of the joints that its place is blended from
_MOVED = {
    (0, 1): {0: 0.6, 1: 0.2, 2: 0.2},
    (0, 2): {9: 1.0},
    (7, 1): {7: 1.1, 4: -0.1},
    (8, 1): {8: 1.1, 5: -0.1},
    (9, 2): {9: 0.2, 12: 0.8},
}


def load_release_capsules(
    regressors: str | Path, body: BodyModel, body_file: str | Path
) -> Capsules | None:
    """The release's capsules for an official body, with at most its first 10 betas.

    Args:
        regressors: the release's npz.
        body: the one that was read from `body_file`.
        body_file: the official .pkl, which holds `J_regressor_prior` too.

    Returns:
        None if the body file has no `J_regressor_prior`, like some cleaned copies.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such an npz, or an array has a wrong shape.
    """
    sizes = read_npz(regressors, "capsule regressors", ("betas2lens", "betas2rads"))
    prior = read_arrays(body_file, "body", (), optional=("J_regressor_prior",))
    if not prior:
        return None
    n_betas = min(body.n_betas, _MOST_BETAS)
    lengths, radii = (
        _linear(regressors, n, sizes[n], n_betas) for n in ("betas2lens", "betas2rads")
    )
    starts = _moved(_joints(body, prior["J_regressor_prior"], n_betas))
    carriers = _joints(body, body.J_regressor, n_betas)
    joints = np.array([part.joint for part in _PARTS])
    axis = np.array([part.axis for part in _PARTS], np.float64)
    half = np.where(np.isin(joints, _TRUNK), 0.0, 0.5)[:, None, None]
    center = starts[joints] - carriers[joints] + half * axis[:, :, None] * lengths[:, None]
    return Capsules(tuple(p.name for p in _PARTS), joints, axis, center, radii, lengths)


def _linear(
    path: str | Path, name: str, array: np.ndarray, n_betas: int
) -> Float[np.ndarray, "20 L"]:
    """Lengths or radii as functions of [1, betas]."""
    if array.ndim != 2 or array.shape[1] != len(_PARTS) or len(array) < 1 + n_betas:
        expected = f"({1 + n_betas} or more, {len(_PARTS)})"
        raise ValueError(f"{path}: {name}: expected shape {expected}, got {array.shape}")
    return np.concatenate([array[-1:], array[:n_betas]]).T.astype(np.float64)


def _joints(body: BodyModel, regressor: np.ndarray, n_betas: int) -> Float[np.ndarray, "24 3 L"]:
    """Places of the joints in the T-pose as functions of [1, betas]."""
    expected = (SMPL_24.n_joints, len(body.v_template))
    if regressor.shape != expected:
        raise ValueError(f"J_regressor_prior: expected shape {expected}, got {regressor.shape}")
    shapes = np.concatenate([body.v_template[..., None], body.shapedirs[..., :n_betas]], 2)
    return np.einsum("jv,vcb->jcb", regressor, shapes)


def _moved(joints: np.ndarray) -> np.ndarray:
    moved = joints.copy()
    for (joint, coordinate), weights in _MOVED.items():
        moved[joint, coordinate] = sum(w * joints[j, coordinate] for j, w in weights.items())
    return moved
