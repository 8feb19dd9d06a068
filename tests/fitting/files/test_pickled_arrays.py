"""Arrays in a pickle are what they claim, or refused before memory is taken for them."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csc_matrix

from fitting import load_body_model
from fitting.files.pickled_arrays import array_of
from fitting.files.safe_pickle import read_pickle


def written(folder: Path, content: bytes) -> Path:
    path = folder / "body.pkl"
    path.write_bytes(content)
    return path


class Array:
    """Pickles as a numpy array with whatever contents."""

    def __init__(self, *state: Any) -> None:
        self.state = state

    def __reduce__(self) -> Any:
        return np.core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), self.state


F8 = np.dtype("f8")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            Array(1, (2**27,), F8, False, b"\0" * 16),
            r"claims \(134217728,\) of float64, 1073741824",
        ),
        (Array(1, (2**62, 4), F8, False, b"\0" * 16), "expected a shape of whole numbers"),
        (Array(1, (-1, -2), F8, False, b"\0" * 16), "expected a shape of whole numbers"),
        (Array(1, ("2",), F8, False, b"\0" * 16), "expected a shape of whole numbers"),
        (Array(1, (1,) * 9, F8, False, b"\0" * 8), "at most 4 axes"),
        (Array(1, (2,), np.dtype(object), False, [1, 2]), "another type of element"),
        (Array(1, (2,), F8, False, [1.0, 2.0]), "one of Python objects"),
        (Array(1, (2**39,), np.dtype("S0"), False, b""), "another type of element"),
        (Array(1, (2,), "f8", False, b"\0" * 16), "another type of element"),
        (Array(1, (1,), np.dtype([("a", "f8")]), False, b"\0" * 8), "another type of element"),
        (Array(1, (2,)), "expected an array with contents"),
    ],
    ids=range(11),
)
def test_arrays_are_what_they_claim(array: Any, message: str, tmp_path: Path) -> None:
    for protocol in (2, 4):
        path = written(tmp_path, pickle.dumps({"v_template": array}, protocol))
        with pytest.raises(ValueError, match=rf"body\.pkl is no body .*: v_template: .*{message}"):
            load_body_model(path)


def sparse(**state: Any) -> csc_matrix:
    """Pickles with whatever state."""
    matrix = csc_matrix(np.ones((2, 1)))
    matrix.__dict__ |= state
    return matrix


ONE, TWO = np.array([0], np.int32), np.array([0, 1], np.int32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"_shape": (2**20, 2**10)}, r"claims \(1048576, 1024\), expected one not larger than its"),
        ({"indices": np.array([7], np.int32)}, "entries outside its shape"),
        ({"indices": np.array([-1], np.int32)}, "entries outside its shape"),
        ({"indices": np.array([0.5])}, "places that are no whole numbers"),
        ({"indptr": np.array([0, 2], np.int32)}, "entries outside its shape"),
        ({"indptr": np.array([1, 1], np.int32)}, "entries outside its shape"),
        ({"indptr": ONE}, "parts whose sizes disagree"),
        ({"data": "text"}, "parts whose sizes disagree"),
        ({"data": None}, "expected an array, got NoneType"),
    ],
    ids=range(9),
)
def test_sparse_matrices_are_what_they_claim(changes: Any, message: str, tmp_path: Path) -> None:
    state = {"_shape": (2, 1), "data": np.ones(1), "indices": ONE, "indptr": TWO}
    whole = {"J_regressor": sparse(**state), "padding": "x" * 100}
    values = read_pickle(written(tmp_path, pickle.dumps(whole, 2)), "body")
    np.testing.assert_array_equal(array_of(values["J_regressor"], 100), [[1], [0]])
    broken = {"J_regressor": sparse(**state | changes), "padding": "x" * 100}
    path = written(tmp_path, pickle.dumps(broken, 2))
    with pytest.raises(ValueError, match=message):
        array_of(read_pickle(path, "body")["J_regressor"], path.stat().st_size)


def test_chumpy_that_holds_itself_is_no_array(tmp_path: Path) -> None:
    content = b"\x80\x02}U\nv_templatecchumpy.ch\nCh\n)\x81q\x01}U\x01xh\x01sbs."
    with pytest.raises(ValueError, match="v_template: expected an array, got Chumpy"):
        load_body_model(written(tmp_path, content))
