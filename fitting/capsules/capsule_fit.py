"""Capsules for any body in SMPL's format, fitted to random bodies and regressed on the betas.

SMPLify's own regressors are licensed and only fit the official bodies. These need no landmarks:
skin weights say which joint a part of the skin belongs to.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fitting.body.body_model import BodyModel
from fitting.capsules.capsule_skin import Placed, Skin, first_guess, fit_capsule
from fitting.capsules.capsules import Capsules

_RIDGE = 1.0
_COLLAR_SHARE = 0.22  # of a vertex's weight: hardly any has its largest weight at the collar
_FEWEST = 4  # vertices that a capsule can be fitted to
_FLIP = np.array([-1.0, 1, 1])


@dataclass(frozen=True)
class _Part:
    """A part of the midline or the left side, and the capsule that stands for it.

    Args:
        name: of the capsule.
        joints: whose skin it is; the first one carries it.
        child: joint at the bone's other end, which gives direction and length.
        across: whether it lies from left to right, as trunk capsules do.
    """

    name: str
    joints: tuple[int, ...]
    child: int | None = None
    across: bool = False

    @property
    def joint(self) -> int:
        return self.joints[0]

    @property
    def midline(self) -> bool:
        return not self.name.startswith("left_")


_MIDLINE = (
    _Part("head", (15,)),
    _Part("neck", (12,), child=15),
    _Part("chest", (9,), across=True),
    _Part("ribs", (6,), across=True),
    _Part("belly", (3,), across=True),
    _Part("pelvis", (0,), across=True),
)
_LEFT = (
    _Part("left_collar", (13,), child=16),
    _Part("left_upper_arm", (16,), child=18),
    _Part("left_forearm", (18,), child=20),
    _Part("left_hand", (20, 22), child=22),
    _Part("left_thigh", (1,), child=4),
    _Part("left_shin", (4,), child=7),
    _Part("left_foot", (7, 10), child=10),
)
_PARTS = (*_MIDLINE, *_LEFT)


def fit_capsules(
    body: BodyModel, n_betas: int | None = None, n_bodies: int = 60, seed: int = 0
) -> Capsules:
    """Fit the capsules of a body; about a second for each random body of 6890 vertices.

    Right capsules mirror the left ones.

    Args:
        body: with SMPL's 24 joints, in SMPL's T-pose.
        n_betas: how many betas the capsules follow; if not given, the body's first 10.
        n_bodies: random bodies, betas from N(0, 1).
        seed: of their betas.

    Raises:
        ValueError: n_betas is more than the body has, or hardly any skin follows a part's joint.
    """
    n_betas = min(body.n_betas, 10) if n_betas is None else n_betas
    if not 0 <= n_betas <= body.n_betas:
        raise ValueError(f"n_betas: expected 0..{body.n_betas}, got {n_betas}")
    segments = [_segment(part, body.weights) for part in _PARTS]
    mean = _mean_capsules(body, segments)
    betas = np.random.default_rng([seed, 1]).normal(size=(n_bodies, n_betas))
    measured = np.stack([_measure(body, segments, mean, beta) for beta in betas])
    coefficients = _regress(betas, measured.reshape(n_bodies, -1))
    sizes = np.moveaxis(coefficients.reshape(-1, len(_PARTS), 5), 0, -1)  # (parts, 5, 1 + n_betas)
    axes = np.stack([capsule.axis for capsule in mean])
    return _with_right_side(axes, sizes)


def _with_right_side(axes: np.ndarray, sizes: np.ndarray) -> Capsules:
    left = len(_MIDLINE)
    mirrored = sizes[left:].copy()
    mirrored[:, :3] *= _FLIP[:, None]
    sizes = np.concatenate([sizes, mirrored])
    joints = [part.joint for part in _PARTS]
    return Capsules(
        names=(*(p.name for p in _PARTS), *(p.name.replace("left", "right") for p in _LEFT)),
        joint=np.array([*joints, *(joint + 1 for joint in joints[left:])]),
        axis=np.concatenate([axes, axes[left:] * _FLIP]),
        center=sizes[:, :3],
        radius=sizes[:, 3],
        length=sizes[:, 4],
    )


def _segment(part: _Part, weights: Float[np.ndarray, "V 24"]) -> np.ndarray:
    """The vertices that a capsule stands for."""
    if part.name == "left_collar":
        own = weights[:, part.joint]
        segment = np.flatnonzero(own > min(_COLLAR_SHARE, own.max() / 2))
    else:
        segment = np.flatnonzero(np.isin(weights.argmax(1), part.joints))
    if len(segment) < _FEWEST:
        raise ValueError(
            f"capsule {part.name}: expected skin that follows joint {part.joint}, "
            f"got {len(segment)} vertices"
        )
    return segment


def _shaped(body: BodyModel, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and joints in the T-pose."""
    vertices = body.v_template + body.shapedirs[..., : len(betas)] @ betas
    return vertices, body.J_regressor @ vertices


def _mean_capsules(body: BodyModel, segments: list[np.ndarray]) -> list[Placed]:
    """Capsules of the mean body, with the axes that all bodies then share."""
    vertices, joints = _shaped(body, np.zeros(0))
    skin = Skin(vertices, body.faces)
    placed = []
    for part, segment in zip(_PARTS, segments, strict=True):
        guess = first_guess(skin, segment, _direction(part, joints))
        fitted = fit_capsule(skin, segment, guess, "length" if part.across else "axis")
        fitted = _in_middle(fitted) if part.midline else fitted
        placed.append(fit_capsule(skin, segment, fitted, "length"))
    return placed


def _measure(
    body: BodyModel, segments: list[np.ndarray], mean: list[Placed], betas: np.ndarray
) -> Float[np.ndarray, "P 5"]:
    """Centre relative to the joint, radius and length on one body."""
    vertices, joints = _shaped(body, betas)
    skin, mean_joints = Skin(vertices, body.faces), body.J_regressor @ body.v_template
    rows = []
    for part, segment, start in zip(_PARTS, segments, mean, strict=True):
        if part.child is not None:  # a limb's capsule is as long as its bone, times a constant
            ratio = np.linalg.norm(_bone(part, joints)) / np.linalg.norm(_bone(part, mean_joints))
            start = Placed(start.center, start.axis, start.radius, start.length * float(ratio))
        fitted = fit_capsule(skin, segment, start, "length" if part.child is None else "none")
        offset = fitted.center - joints[part.joint]
        if part.midline:
            offset[0] = 0
        rows.append([*offset, fitted.radius, fitted.length])
    return np.array(rows)


def _regress(betas: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(1 + n_betas, columns) ridge regression of values (S, columns) on [1, betas]; 1 is free."""
    X = np.concatenate([np.ones((len(betas), 1)), betas], axis=1)
    penalty = _RIDGE * np.diag([0.0] + [1.0] * betas.shape[1])
    return np.linalg.solve(X.T @ X + penalty, X.T @ values)


def _direction(part: _Part, joints: np.ndarray) -> np.ndarray:
    if part.across:
        return np.array([1.0, 0, 0])
    return np.array([0, 1.0, 0]) if part.child is None else _bone(part, joints)


def _bone(part: _Part, joints: np.ndarray) -> np.ndarray:
    return joints[part.child] - joints[part.joint]


def _in_middle(capsule: Placed) -> Placed:
    """The capsule with its centre on the midline, and its axis too unless it lies across."""
    axis = capsule.axis.copy()
    if abs(axis[0]) < 0.9:
        axis[0] = 0
    axis /= np.linalg.norm(axis)
    return Placed(capsule.center * [0, 1, 1], axis, capsule.radius, capsule.length)
