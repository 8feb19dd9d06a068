"""Clothes, hair and faces painted on a body by where a point lies on the resting template."""

from dataclasses import dataclass

import numpy as np

from fitting.body.body_model import BodyModel
from tools.demo.textures import noise

_NOSE, _EYES, _EARS = 332, (2800, 6260), (583, 4071)  # SMPL's landmark vertices
Color = tuple[float, float, float]


@dataclass(frozen=True)
class Outfit:
    """sRGB colours 0..1 and lengths: sleeves and legs as a share of the limb."""

    skin: Color
    hair: Color
    shirt: Color
    trousers: Color
    shoes: Color
    sleeve: float = 0.5  # of the way from shoulder to elbow; above 1 on to the wrist
    leg: float = 0.92  # of the way from hip to ankle
    long_hair: bool = False


def paint(model: BodyModel, outfit: Outfit, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Albedo (n, 3) sRGB and how much of it is cloth (n,), at points of the template."""
    skin = np.array(outfit.skin) * (1 + 0.05 * (noise(rest * 90) - 0.5))[:, None]
    color = _face(model, outfit, rest, skin)
    cover = _regions(model, outfit, rest)
    color = _lay(color, np.array(outfit.hair) * _strands(rest), cover["hair"])
    color = _lay(color, _weave(outfit.trousers, rest), cover["trousers"])
    color = _lay(color, _weave(outfit.shirt, rest), cover["shirt"])
    color = _lay(color, np.array(outfit.shoes), cover["shoes"])
    color = _lay(color, np.array((0.93, 0.93, 0.91)), cover["soles"])
    return color, np.maximum(cover["shirt"], cover["trousers"])


def padding(model: BodyModel, outfit: Outfit) -> tuple[np.ndarray, np.ndarray]:
    """Thickness (m) of what each vertex wears, and how much (0..1) it hides the shape below."""
    cover = _regions(model, outfit, model.v_template)
    thick = {"shirt": 0.017, "trousers": 0.014, "shoes": 0.016}
    thick["hair"] = 0.022 if outfit.long_hair else 0.014
    thickness = sum(t * cover[name] for name, t in thick.items())
    return thickness, np.clip(
        cover["shirt"] + 0.6 * cover["trousers"] + 0.45 * cover["shoes"], 0, 0.9
    )


def _regions(model: BodyModel, outfit: Outfit, rest: np.ndarray) -> dict[str, np.ndarray]:
    joints = model.J_regressor @ model.v_template
    x, y, z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    shoulder, elbow, wrist = joints[16, 0], joints[18, 0], joints[20, 0]
    sleeve = shoulder + min(outfit.sleeve, 1) * (elbow - shoulder)
    sleeve += max(outfit.sleeve - 1, 0) * (wrist - elbow)
    hem = joints[0, 1] - 0.035 + 0.022 * np.exp(-((x / 0.045) ** 2))
    ankle, neck = joints[7, 1], joints[12]
    cuff = joints[1, 1] + outfit.leg * (ankle - joints[1, 1])
    collar = np.hypot(x / 0.082, (y - neck[1] - 0.040) / (0.058 - 0.10 * (z - neck[2])))
    sole = model.v_template[:, 1].min()
    shirt = _above(y, hem) * _above(sleeve, x) * _above(collar, 1, 0.03) * _above(neck[1] + 0.03, y)
    shoes = _above(ankle - 0.012 + 0.10 * np.clip(joints[7, 2] - z, 0, 0.03), y)
    return {
        "shirt": shirt,
        "trousers": _above(hem, y) * _above(y, cuff),
        "shoes": shoes,
        "soles": _above(sole + 0.008, y),
        "hair": _hair(model, outfit, rest),
    }


def _hair(model: BodyModel, outfit: Outfit, rest: np.ndarray) -> np.ndarray:
    eye, ear = model.v_template[list(_EYES)].mean(axis=0), model.v_template[_EARS[0]]
    x, up, back = np.abs(rest[:, 0]), rest[:, 1] - eye[1], ear[2] - rest[:, 2]
    line = up + 0.60 * back - 0.010 * np.cos(45 * rest[:, 0]) + 0.004 * noise(rest * 150)
    cap = _above(line, 0.0, 0.004) * _above(up, -0.15 if outfit.long_hair else -0.065, 0.006)
    ears = (x > ear[0] - 0.012) & (up < 0.028) & (back < 0.018)
    return cap * ~ears


def _face(model: BodyModel, outfit: Outfit, rest: np.ndarray, skin: np.ndarray) -> np.ndarray:
    eye, nose = model.v_template[list(_EYES)].mean(axis=0), model.v_template[_NOSE]
    half = abs(model.v_template[_EYES[0], 0])
    front = rest[:, 2] > eye[2] - 0.03
    x, y = np.abs(rest[:, 0]) - half, rest[:, 1] - eye[1]
    mouth = rest[:, 1] - (nose[1] - 0.031)
    white, dark = np.array((0.93, 0.92, 0.90)), np.array((0.10, 0.07, 0.06))
    brow = np.array(outfit.hair) * 0.8 if sum(outfit.hair) < 1.5 else np.array((0.36, 0.26, 0.18))
    lips = np.array(outfit.skin) * (0.86, 0.58, 0.58)
    cheek = np.array(outfit.skin) * (1.02, 0.88, 0.86)
    side = np.abs(rest[:, 0])
    smile = mouth - 7.0 * side**2 + 0.002  # the corners of the mouth are up
    nostril = np.hypot((side - 0.008) / 0.0045, (rest[:, 1] - nose[1] + 0.010) / 0.003)
    spots = [
        (cheek, np.hypot((x - 0.010) / 0.020, (y + 0.036) / 0.015), 0.9),
        (lips, np.hypot(side / 0.027, smile / (0.0075 - 0.002 * np.cos(160 * side))), 0.1),
        (lips * 0.45, np.hypot(side / 0.024, smile / 0.0012), 0.4),
        (np.array(outfit.skin) * 0.6, nostril, 0.4),
        (dark, np.hypot(x / 0.0160, (y - 0.0022) / 0.0058), 0.1),
        (white, np.hypot(x / 0.0145, y / 0.0046), 0.1),
        (dark * 2.2, np.hypot(x, np.maximum(y, 1.35 * y)) / 0.0060, 0.1),
        (dark * 0.4, np.hypot(x, y) / 0.0030, 0.1),
        (brow, np.hypot((x - 0.003) / 0.020, (y - 0.0195 + 9 * (x - 0.004) ** 2) / 0.0036), 0.2),
    ]
    for color, distance, blur in spots:
        skin = _lay(skin, color, front * _above(1, distance, blur))
    return skin


def _weave(color: Color, rest: np.ndarray) -> np.ndarray:
    return np.array(color) * (0.92 + 0.16 * noise(rest * 60) * noise(rest * 400))[:, None]


def _strands(rest: np.ndarray) -> np.ndarray:
    return (0.7 + 0.6 * noise(rest * (420, 30, 60)))[:, None]


def _above(value, limit, blur: float = 0.0025) -> np.ndarray:
    """1 where value > limit, 0 where not, soft over `blur`."""
    return np.clip((np.asarray(value) - limit) / blur + 0.5, 0, 1)


def _lay(under: np.ndarray, over: np.ndarray, share: np.ndarray) -> np.ndarray:
    return under + share[:, None] * (over - under)
