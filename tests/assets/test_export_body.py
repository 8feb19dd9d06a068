"""Any body as a classic SMPL .pkl: what other programs load, and what comes back."""

import pickle
import pickletools
from dataclasses import fields
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from smplx import SMPL

from fitting import BodyModel, load_body_model
from fitting.body.skeleton import SMPL_24
from fitting.capsules.capsules import load_capsules
from tests.conftest import ROOT
from tests.fitting.official import assert_same, fields_of, official, python_2_pickle
from tools.export_body import PROTOCOL, _ClassicPickler, export_body

BODIES = ROOT / "assets/bodies"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "SMPL_NEUTRAL.pkl"
    export_body(BODIES / "neutral.npz", path)
    return path


def test_an_exported_body_comes_back_as_it_was(exported: Path, body: BodyModel) -> None:
    assert_same(load_body_model(exported), body)
    found, expected = load_capsules(exported), load_capsules(BODIES / "neutral.npz")
    for field in fields(expected):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name))
    assert [path.name for path in exported.parent.iterdir()] == [exported.name]


def test_an_exported_body_has_the_names_that_old_loaders_know(exported: Path) -> None:
    operations = list(pickletools.genops(exported.read_bytes()))
    assert max(code.proto for code, _, _ in operations) == 2
    assert {name for code, name, _ in operations if code.name == "GLOBAL"} == {
        "numpy.core.multiarray _reconstruct",
        "numpy ndarray",
        "numpy dtype",
        "_codecs encode",
        "scipy.sparse csc_matrix",
    }
    with exported.open("rb") as file:
        values = pickle.load(file)
    assert (values["bs_style"], values["bs_type"]) == ("lbs", "lrotmin")
    assert values["J_regressor"].format == "csc"
    assert values["kintree_table"].dtype == values["f"].dtype == np.uint32
    assert values["kintree_table"][0, 0] == 2**32 - 1
    assert values["kintree_table"].shape == (2, SMPL_24.n_joints)


def test_numpy_2s_own_names_are_written_as_numpy_1s() -> None:
    moved = type("_reconstruct", (), {"__module__": "numpy._core.multiarray"})
    buffer = BytesIO()
    _ClassicPickler(buffer, PROTOCOL).dump(moved)
    assert b"cnumpy.core.multiarray\n_reconstruct\n" in buffer.getvalue()


def test_smplx_loads_an_exported_body_by_path(exported: Path, body: BodyModel) -> None:
    theirs = SMPL(model_path=str(exported.parent), gender="neutral")
    with torch.no_grad():
        rest = theirs().vertices[0].numpy()
    assert np.abs(rest - body.v_template).max() < 1e-6


def test_chumpy_is_gone_from_an_official_file_that_is_exported(
    body: BodyModel, tmp_path: Path
) -> None:
    source, target = tmp_path / "with.pkl", tmp_path / "SMPL_MALE.pkl"
    source.write_bytes(python_2_pickle(fields_of(official(body))))
    export_body(source, target)
    assert_same(load_body_model(target), official(body))
    SMPL(model_path=str(target))  # it cannot read chumpy's objects without chumpy
    assert b"chumpy" in source.read_bytes()
    assert b"chumpy" not in target.read_bytes()
