"""What a body file holds, in the figures that docs/bodies.md quotes."""

import numpy as np

from .shape_space import COMPONENTS
from .skeleton import JOINT_NAMES, PARENTS

DENSITY = 1010.0  # kg per cubic metre, whole body with the lungs half full
_BODIES = 1000

Body = dict[str, np.ndarray]


def report(body: Body) -> list[str]:
    """Percentiles of random bodies and the effect of each beta, one line each."""
    betas = np.random.default_rng(7).normal(size=(_BODIES, COMPONENTS))
    vertices = [body["v_template"] + body["shapedirs"] @ beta for beta in betas]
    stature = np.array([np.ptp(v[:, 1]) for v in vertices])
    bmi = np.array([bmi_of(v, body["f"].astype(int)) for v in vertices])
    marks = (5, 25, 50, 75, 95)
    lines = [
        f"{name} at {marks} %: {np.percentile(values, marks).round(digits).tolist()}"
        for name, values, digits in (("stature m", stature, 3), ("BMI", bmi, 1))
    ]
    return [*lines, _limbs(body, np.array(vertices)), _effects(body)]


def bmi_of(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Body-mass index of a body of DENSITY, kg per square metre."""
    a, b, c = (vertices[faces[:, k]].astype(float) for k in range(3))
    volume = np.einsum("fx,fx->", np.cross(a, b), c) / 6
    return float(DENSITY * volume / np.ptp(vertices[:, 1]) ** 2)


def _limbs(body: Body, vertices: np.ndarray) -> str:
    joints = body["J_regressor"] @ vertices
    parts = []
    for name in ("left_knee", "left_ankle", "left_elbow", "left_wrist"):
        j = JOINT_NAMES.index(name)
        length = np.linalg.norm(joints[:, j] - joints[:, PARENTS[j]], axis=1)
        parts.append(f"{name} {length.std() / length.mean():.1%}")
    return "bone length varies by " + ", ".join(parts)


def _effects(body: Body) -> str:
    faces, mean = body["f"].astype(int), body["v_template"]
    parts = []
    for k in range(COMPONENTS):
        more = mean + body["shapedirs"][:, :, k]
        taller = 100 * (np.ptp(more[:, 1]) - np.ptp(mean[:, 1]))
        parts.append(f"{k}: {taller:+.1f} cm {bmi_of(more, faces) - bmi_of(mean, faces):+.1f}")
    return "one unit of beta k changes stature, BMI: " + "; ".join(parts)
