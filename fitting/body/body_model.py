"""A body in SMPL's format (Loper et al., SIGGRAPH Asia 2015): loading, checking, meshing."""

import contextlib
import io
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float64, Int

from fitting.body.body_fields import read_fields
from fitting.body.skeleton import SMPL_24, Skeleton
from fitting.joints import EXTRA
from fitting.rows import Rows

_FEW_BETAS, _MOST_BETAS = 10, 300  # the numbers that smplx knows
# SMPL's vertices for the head top and the points EXTRA, unless a body file names others
_SMPL_HEAD_TOP = 411
_SMPL_LANDMARKS = (332, 2800, 6260, 583, 4071, 3216, 3226, 3387, 6617, 6624, 6787)


@dataclass(frozen=True)
class BodyParams(Rows):
    """Parameters of N bodies under smplx's names. A camera frame in OpenCV axes is assumed.

    Args:
        betas: shape coefficients of unit variance.
        global_orient: axis-angle of the pelvis, rad.
        body_pose: axis-angle of joints 1..23 relative to their parents, rad.
        transl: added to the posed body, m.
    """

    betas: Float64[np.ndarray, "N n_betas"]
    global_orient: Float64[np.ndarray, "N 3"]
    body_pose: Float64[np.ndarray, "N 69"]
    transl: Float64[np.ndarray, "N 3"]

    def __post_init__(self) -> None:
        n = len(self.betas)
        for name, width in (("global_orient", 3), ("body_pose", SMPL_24.n_pose), ("transl", 3)):
            found = getattr(self, name).shape
            if found != (n, width):
                raise ValueError(f"BodyParams.{name}: expected shape {(n, width)}, got {found}")


@dataclass(frozen=True)
class BodyModel:
    """Template, blend shapes, joint regressor and skin weights of one gender's body.

    Args:
        v_template: rest-pose vertices, m, y up, facing +z, the body's left at +x.
        shapedirs: vertex displacement per unit of beta, m.
        posedirs: vertex displacement per element of the rotation matrices minus identity, m.
        J_regressor: joints from rest-pose vertices; rows sum to 1.
        weights: skin weights; rows sum to 1.
        parents: parent joint of each joint, -1 for the pelvis.
        faces: vertex indices of the triangles.
        head_top: index of the vertex that is LSP's head top.
        landmarks: indices of the vertices that are fitting.joints.EXTRA.
    """

    v_template: Float64[np.ndarray, "V 3"]
    shapedirs: Float64[np.ndarray, "V 3 n_betas"]
    posedirs: Float64[np.ndarray, "V 3 207"]
    J_regressor: Float64[np.ndarray, "24 V"]
    weights: Float64[np.ndarray, "V 24"]
    parents: Int[np.ndarray, "24"]
    faces: Int[np.ndarray, "F 3"]
    head_top: int
    landmarks: Int[np.ndarray, "11"]

    def __post_init__(self) -> None:
        v, joints, blends = len(self.v_template), SMPL_24.n_joints, 9 * SMPL_24.n_turned
        shapes = {
            "v_template": (v, 3),
            "shapedirs": (v, 3, self.n_betas),
            "posedirs": (v, 3, blends),
            "J_regressor": (joints, v),
            "weights": (v, joints),
            "parents": (joints,),
            "landmarks": (len(EXTRA),),
            "faces": (len(self.faces), 3),
        }
        for name, shape in shapes.items():
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"body model {name}: expected shape {shape}, got {found}")
        if not np.allclose(self.weights.sum(1), 1, atol=1e-4):
            raise ValueError("body model weights: expected rows that sum to 1")
        if not np.allclose(self.J_regressor.sum(1), 1, atol=1e-3):
            raise ValueError("body model J_regressor: expected rows that sum to 1")
        if not (self.parents[1:] < np.arange(1, joints)).all():
            raise ValueError("body model kintree_table: expected every parent before its children")
        for name in ("head_top", "landmarks", "faces"):
            vertices = getattr(self, name)
            if np.min(vertices) < 0 or np.max(vertices) >= v:
                raise ValueError(f"body model {name}: expected vertices below {v}")

    @property
    def n_betas(self) -> int:
        return self.shapedirs.shape[2]

    @property
    def skeleton(self) -> Skeleton:
        """SMPL's, with this body's own parents."""
        return Skeleton(SMPL_24.names, tuple(self.parents.tolist()))

    def vertices(self, params: BodyParams) -> Float[np.ndarray, "N V 3"]:
        """Posed meshes in the frame of `params.transl`, m; smplx does the skinning."""
        import torch

        if not len(params):  # smplx fails on zero bodies
            return np.zeros((0, *self.v_template.shape))
        unused = self._smplx_layer.num_betas - params.betas.shape[1]
        values = {f.name: getattr(params, f.name) for f in fields(params)}
        values["betas"] = np.pad(params.betas, ((0, 0), (0, unused)))
        with torch.no_grad():
            posed = self._smplx_layer(**{n: torch.as_tensor(v) for n, v in values.items()})
        return posed.vertices.numpy()

    @cached_property
    def _smplx_layer(self):
        import torch
        from smplx import SMPL
        from smplx.utils import Struct

        # between the two numbers of betas of official files, smplx would take the lower one
        missing = _MOST_BETAS - self.n_betas if _FEW_BETAS < self.n_betas < _MOST_BETAS else 0
        shapedirs = np.pad(self.shapedirs, ((0, 0), (0, 0), (0, missing)))
        data = Struct(
            v_template=self.v_template,
            shapedirs=shapedirs,
            posedirs=self.posedirs,
            J_regressor=self.J_regressor,
            weights=self.weights,
            f=self.faces,
            kintree_table=np.stack([self.parents, np.arange(SMPL_24.n_joints)]),
        )
        with contextlib.redirect_stdout(io.StringIO()):  # smplx prints that 10 betas are not 300
            return SMPL(
                model_path="",
                data_struct=data,
                num_betas=shapedirs.shape[2],
                create_betas=False,
                create_body_pose=False,
                create_global_orient=False,
                create_transl=False,
                dtype=torch.float64,
            )


def load_body_model(path: str | Path) -> BodyModel:
    """Read a body from a file; nothing in the file is executed.

    Args:
        path: this project's assets/bodies/*.npz, an official SMPL .pkl with any number of betas, or
            an npz without pickles; its fields have the names of SMPL or of the package smplx.
            fitting.body.body_files.find_body finds one in a folder.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such a file, lacks a field, is a different model than SMPL, or a field
            has a wrong shape.
    """
    data = read_fields(path)
    parents = data["kintree_table"][0].astype(np.int64)
    parents[0] = -1  # classic files store 2^32 - 1
    return BodyModel(
        v_template=data["v_template"].astype(np.float64),
        shapedirs=data["shapedirs"].astype(np.float64),
        posedirs=data["posedirs"].astype(np.float64),
        J_regressor=data["J_regressor"].astype(np.float64),
        weights=data["weights"].astype(np.float64),
        parents=parents,
        faces=data["f"].astype(np.int64),
        head_top=int(data.get("head_top", _SMPL_HEAD_TOP)),
        landmarks=_landmarks(data),
    )


def _landmarks(data: dict[str, np.ndarray]) -> np.ndarray:
    """Vertices of EXTRA, by the names in the file, or SMPL's."""
    if "landmark_names" not in data or "landmark_vertices" not in data:
        return np.array(_SMPL_LANDMARKS)
    named = dict(zip(data["landmark_names"].tolist(), data["landmark_vertices"], strict=True))
    lacking = [name for name in EXTRA if name not in named]
    if lacking:
        raise ValueError(f"body model landmark_names: lacks {', '.join(lacking)}")
    return np.array([int(named[name]) for name in EXTRA])
