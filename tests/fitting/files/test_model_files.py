"""Arrays of model files: npz or pickle, whole, named, and of the right axes."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_matrix

from fitting import load_body_model
from fitting.files import model_files
from fitting.files.model_files import check_axes, read_arrays, read_npz


def test_an_npz_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(model_files, "_MAX_UNPACKED", 2**20)
    path = tmp_path / "body.npz"
    np.savez_compressed(path, v_template=np.zeros(2**18))
    assert path.stat().st_size < 2**14
    with pytest.raises(ValueError, match="it unpacks to 2097280 bytes, expected 1048576 at most"):
        load_body_model(path)


ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(["x", "yz"]), "c": np.float64(2.5)}


def written(folder: Path, suffix: str, **values: Any) -> Path:
    path = folder / f"model{suffix}"
    if suffix == ".npz":
        np.savez(path, **values)
    else:
        path.write_bytes(pickle.dumps(values, 2))
    return path


@pytest.mark.parametrize("suffix", [".npz", ".pkl", ".PICKLE"])
def test_the_named_arrays_are_read_and_no_others(suffix: str, tmp_path: Path) -> None:
    path = written(tmp_path, suffix, **ARRAYS, unused=np.zeros(3))
    found = read_arrays(path, "model", ("a", "b"), optional=("c", "d"))
    assert found.keys() == {"a", "b", "c"}
    for name, expected in ARRAYS.items():
        np.testing.assert_array_equal(found[name], expected)


def test_sparse_matrices_of_a_pickle_become_dense(tmp_path: Path) -> None:
    dense = np.array([[0.0, 2, 0], [0, 0, 5], [7, 0, 0], [0, 0, 0]])
    for sparse in (csc_matrix, csr_matrix):
        path = written(tmp_path, ".pkl", a=sparse(dense), padding=np.zeros(50))
        np.testing.assert_array_equal(read_arrays(path, "model", ("a",))["a"], dense)


@pytest.mark.parametrize("suffix", [".npz", ".pkl"])
def test_a_file_says_what_it_lacks_and_where_it_is_not(suffix: str, tmp_path: Path) -> None:
    path = written(tmp_path, suffix, a=np.zeros(2))
    with pytest.raises(ValueError, match=rf"model\{suffix} is no model: it lacks b, c$"):
        read_arrays(path, "model", ("a", "b", "c"))
    with pytest.raises(FileNotFoundError, match=r"^no model at .*gone\.pkl: expected an \.npz or"):
        read_arrays(tmp_path / "gone.pkl", "model", ("a",))
    with pytest.raises(FileNotFoundError, match=r"^no table at .*gone\.npz: expected an \.npz$"):
        read_npz(tmp_path / "gone.npz", "table", ("a",))


def test_an_npz_with_pickles_or_cut_short_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, ".npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"is no model \.npz without pickles"):
        read_npz(path, "model", ("a",))
    whole = written(tmp_path, ".npz", **ARRAYS).read_bytes()
    for end in (0, 3, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match=r"is no model \.npz"):
            read_npz(path, "model", ("a",))


def test_arrays_with_other_axes_are_named_with_their_shape() -> None:
    check_axes("model", ARRAYS, {"a": 2, "c": 0})
    with pytest.raises(ValueError, match=r"^model a: expected 3 axes, got shape \(2, 3\)$"):
        check_axes("model", ARRAYS, {"c": 0, "a": 3})
