"""Hand-made files in the layout of the official ones, with numbers of our own."""

import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from scipy.sparse import csc_matrix

from fitting import BodyModel


class Ch:
    """Looks as chumpy's class does to pickle: an object whose state has its array under x; and
    to smplx, which asks for shape and slices."""

    def __init__(self, x: np.ndarray) -> None:
        self.x, self._dirty_vars, self._itr, self._depends_on_deps = x, {"x"}, None, {}

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape

    def __getitem__(self, places: Any) -> np.ndarray:
        return self.x[places]


Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"


@contextmanager
def fake_chumpy() -> Iterator[None]:
    """chumpy as a module that pickle finds the class in; no such package is installed."""
    package, module = ModuleType("chumpy"), ModuleType("chumpy.ch")
    module.Ch = Ch  # pyright: ignore[reportAttributeAccessIssue]
    sys.modules |= {"chumpy": package, "chumpy.ch": module}
    try:
        yield
    finally:
        del sys.modules["chumpy"], sys.modules["chumpy.ch"]


class Python2Pickler(pickle._Pickler):
    """Writes texts and bytes as Python 2 wrote its strings."""

    def _string(self, value: Any) -> None:
        raw = value if isinstance(value, bytes) else value.encode("latin1")
        if self.bin:
            self.write(pickle.BINSTRING + len(raw).to_bytes(4, "little") + raw)
        else:
            # repr of bytes is b'...': Python 2's had no b
            self.write(pickle.STRING + repr(raw)[1:].encode() + b"\n")
        self.memoize(value)

    dispatch = pickle._Pickler.dispatch | {str: _string, bytes: _string}


def python_2_pickle(value: Any, protocol: int = 2) -> bytes:
    """What cPickle of Python 2 would have written."""
    buffer = BytesIO()
    with fake_chumpy():
        Python2Pickler(buffer, protocol).dump(value)
    return buffer.getvalue()


def fields_of(body: BodyModel, **changes: Any) -> dict[str, Any]:
    """The body as the fields of basicModel_*_lbs_10_207_0_v1.0.0.pkl."""
    kintree = np.stack([body.parents, np.arange(24)])
    kintree[0, 0] = 2**32 - 1
    return {
        "J_regressor_prior": csc_matrix(body.J_regressor),
        "f": body.faces.astype(np.uint32),
        "J_regressor": csc_matrix(body.J_regressor),
        "kintree_table": kintree.astype(np.uint32),
        "J": body.J_regressor @ body.v_template,
        "weights_prior": body.weights,
        "weights": body.weights,
        "vert_sym_idxs": np.arange(len(body.v_template)),
        "posedirs": body.posedirs,
        "pose_training_info": {"gender": "f", "scans": ["a", "b"], "count": 2},
        "bs_style": "lbs",
        "v_template": body.v_template,
        "shapedirs": Ch(body.shapedirs),
        "bs_type": "lrotmin",
    } | changes


def official(body: BodyModel) -> BodyModel:
    """The body as official ones are: landmarks where SMPL has them, and pose blend shapes."""
    rng = np.random.default_rng(0)
    return replace(body, posedirs=rng.normal(0, 0.002, body.posedirs.shape))


def assert_same(found: BodyModel, expected: BodyModel) -> None:
    for field in fields(BodyModel):
        values = getattr(found, field.name), getattr(expected, field.name)
        np.testing.assert_array_equal(*values, err_msg=field.name)


def regressors(path: Path, rows: int = 301) -> tuple[np.ndarray, np.ndarray]:
    """Made up in the release's layout: constants in the last row."""
    rng = np.random.default_rng(0)
    lengths, radii = rng.normal(0, 0.003, (2, rows, 20))
    lengths[-1], radii[-1] = rng.uniform(0.1, 0.3, 20), rng.uniform(0.04, 0.1, 20)
    np.savez(path, betas2lens=lengths, betas2rads=radii, v2lens=np.zeros(3), v2rads=np.zeros(3))
    return lengths, radii
