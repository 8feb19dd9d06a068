"""The arrays of a body file under SMPL's names, whoever wrote it; refuses other models."""

import logging
import re
from functools import cache
from pathlib import Path

import numpy as np

from fitting.body.skeleton import SMPL_24
from fitting.files.model_files import check_axes, read_arrays

_JOINTS = SMPL_24.n_joints
_WHAT = "body in SMPL's format"
_AXES = {
    "v_template": 2,
    "shapedirs": 3,
    "posedirs": 3,
    "J_regressor": 2,
    "weights": 2,
    "kintree_table": 2,
    "f": 2,
}
_OTHER_NAMES = {
    "f": ("faces", "faces_tensor"),
    "weights": ("lbs_weights",),
    "kintree_table": ("parents",),
}
"""Names that trimesh's users and the layers of the smplx package use for the same fields."""

_EXTRAS = ("head_top", "landmark_names", "landmark_vertices")
_BY_JOINTS = {5: "FLAME", 16: "MANO", 33: "SMAL", 52: "SMPL-H", 55: "SMPL-X", 75: "SUPR"}
_POSE_BLENDS = 9 * SMPL_24.n_turned
_STARS_BLENDS = 93  # STAR blends by quaternions
_BY_FILE_NAME = {
    r"smplx": "SMPL-X",
    r"smplh": "SMPL-H",
    r"mano": "MANO",
    r"flame": "FLAME",
    r"star": "STAR",
    r"supr": "SUPR",
    r"smal": "SMAL",
}
_log = logging.getLogger(__name__)


def read_fields(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a body under SMPL's names, with as many axes as SMPL's.

    Fields may have the names and layout of the smplx package. If pose blend shapes are missing,
    they are zeros, and the log says so.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such a file, lacks a field, or is another model, which is named.
    """
    other = [name for names in _OTHER_NAMES.values() for name in names]
    data = read_arrays(path, _WHAT, (), optional=(*_AXES, *other, *_EXTRAS))
    _rename(data)
    _check_model(path, data)
    if missing := [name for name in _AXES if name not in data and name != "posedirs"]:
        raise ValueError(f"{path} is no {_WHAT}: it lacks {', '.join(missing)}")
    check_axes("body model", data, {name: n for name, n in _AXES.items() if name != "posedirs"})
    vertices = len(data["v_template"])
    if "posedirs" not in data:
        _warn_of_no_blend_shapes(str(path))
        data["posedirs"] = np.zeros((vertices, 3, _POSE_BLENDS))
    elif data["posedirs"].shape == (_POSE_BLENDS, 3 * vertices):  # smplx multiplies by these
        data["posedirs"] = data["posedirs"].T.reshape(vertices, 3, _POSE_BLENDS)
    check_axes("body model", data, {"posedirs": 3})
    return data


def _rename(data: dict[str, np.ndarray]) -> None:
    """Give the fields SMPL's names, and the parents of smplx SMPL's second row."""
    for name, others in _OTHER_NAMES.items():
        given = next((other for other in others if other in data), None)
        if name not in data and given:
            data[name] = data[given]
            if given == "parents" and data[name].ndim == 1:
                data[name] = np.stack([data[name], np.arange(len(data[name]))])


def model_named(path: Path) -> str | None:
    """The model that a file's name mentions, if it is not SMPL."""
    word = re.match(r"[a-z]+", path.name.lower())
    return _BY_FILE_NAME.get(word[0]) if word else None


def _check_model(path: str | Path, data: dict[str, np.ndarray]) -> None:
    """Refuse a body with other joints or blend shapes than SMPL's, and say which model it looks
    like."""
    joints = _joints(data)
    blends = data["posedirs"].shape[-1] if data.get("posedirs", np.zeros(0)).ndim == 3 else 0
    name = "STAR" if (joints, blends) == (_JOINTS, _STARS_BLENDS) else _BY_JOINTS.get(joints)
    if joints in (0, _JOINTS) and name is None:
        return
    said = f"looks like {name} (" if name else "has "
    vertices = len(data["v_template"]) if data.get("v_template", np.zeros(())).ndim else 0
    sizes = f"{joints} joints, {vertices} vertices" + (")" if name else "")
    raise ValueError(
        f"{path} {said}{sizes}: SMPL ({_JOINTS} joints) is needed, e.g. SMPL_NEUTRAL.pkl or "
        "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl; other models cannot be used"
    )


def _joints(data: dict[str, np.ndarray]) -> int:
    """How many joints the body has; 0 if its fields do not say, or disagree."""
    axes = {"kintree_table": 1, "weights": 1, "J_regressor": 0}
    counts = {data[n].shape[at] for n, at in axes.items() if n in data and data[n].ndim == 2}
    return counts.pop() if len(counts) == 1 else 0


@cache  # once per file, because a run loads a body for the fit and for the pictures
def _warn_of_no_blend_shapes(path: str) -> None:
    _log.warning("%s has no posedirs, so its body is posed without pose blend shapes", path)
