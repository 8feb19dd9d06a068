"""The fields of a body as other tools write them, and files of other models than SMPL."""

import logging
import pickle
from pathlib import Path

import numpy as np
import pytest

from fitting import BodyModel, load_body_model
from fitting.joints import EXTRA
from tests.toy_body import toy_body

FOREIGN = {"SMPL-H": 52, "SMPL-X": 55, "MANO": 16, "FLAME": 5, "SMAL": 33, "SUPR": 75}


def fields_of(body: BodyModel) -> dict[str, np.ndarray]:
    return {
        "v_template": body.v_template,
        "shapedirs": body.shapedirs,
        "posedirs": body.posedirs,
        "J_regressor": body.J_regressor,
        "weights": body.weights,
        "f": body.faces,
        "kintree_table": np.stack([body.parents, np.arange(24)]),
        "head_top": np.array(7),
        "landmark_names": np.array(EXTRA),
        "landmark_vertices": body.landmarks,
    }


def foreign(joints: int, poses: int | None = None) -> dict[str, np.ndarray]:
    """A body of another model: the same fields, another number of joints."""
    parents = np.arange(joints) - 1
    return {
        "v_template": np.ones((40, 3)),
        "shapedirs": np.ones((40, 3, 10)),
        "posedirs": np.ones((40, 3, 9 * (joints - 1) if poses is None else poses)),
        "J_regressor": np.full((joints, 40), 1 / 40),
        "weights": np.full((40, joints), 1 / joints),
        "kintree_table": np.stack([parents, np.arange(joints)]),
        "f": np.zeros((2, 3), int),
    }


def save(path: Path, fields: dict[str, np.ndarray]) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **fields)
    else:
        path.write_bytes(pickle.dumps(fields, 2))
    return path


@pytest.mark.parametrize("suffix", [".npz", ".pkl"])
def test_fields_under_smplxs_names(suffix: str, tmp_path: Path) -> None:
    """What the layers of the package smplx call their buffers."""
    body, fields = toy_body(), fields_of(toy_body())
    fields["faces_tensor"] = fields.pop("f")
    fields["lbs_weights"] = fields.pop("weights")
    fields["parents"] = fields.pop("kintree_table")[0]
    fields["posedirs"] = fields["posedirs"].reshape(-1, 207).T
    found = load_body_model(save(tmp_path / f"body{suffix}", fields))
    for name in ("faces", "weights", "parents", "posedirs"):
        np.testing.assert_array_equal(getattr(found, name), getattr(body, name), err_msg=name)


def test_triangles_are_called_faces_too(tmp_path: Path) -> None:
    fields = fields_of(toy_body())
    fields["faces"] = fields.pop("f")
    found = load_body_model(save(tmp_path / "body.npz", fields))
    np.testing.assert_array_equal(found.faces, toy_body().faces)


def test_pose_blend_shapes_may_be_missing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fields = fields_of(toy_body())
    del fields["posedirs"]
    path = save(tmp_path / "body.npz", fields)
    with caplog.at_level(logging.WARNING):
        assert not load_body_model(path).posedirs.any()
        load_body_model(path)  # a run loads it once for the fit and once for the picture
    assert [record.message for record in caplog.records] == [
        f"{path} has no posedirs, so its body is posed without pose blend shapes"
    ]


@pytest.mark.parametrize("suffix", [".npz", ".pkl"])
@pytest.mark.parametrize("model", FOREIGN)
def test_another_model_is_called_by_its_name(model: str, suffix: str, tmp_path: Path) -> None:
    path = save(tmp_path / f"body{suffix}", foreign(FOREIGN[model]))
    expected = rf"body{suffix} looks like {model} \({FOREIGN[model]} joints, 40 vertices\).*SMPL "
    with pytest.raises(ValueError, match=expected + r"\(24 joints\) is needed"):
        load_body_model(path)


@pytest.mark.parametrize("lost", ["posedirs", "kintree_table", "weights", "f"])
def test_it_is_so_called_though_a_field_is_missing(lost: str, tmp_path: Path) -> None:
    fields = foreign(55)
    del fields[lost]
    with pytest.raises(ValueError, match="looks like SMPL-X"):
        load_body_model(save(tmp_path / "body.npz", fields))


def test_star_has_the_joints_of_smpl_and_other_blend_shapes(tmp_path: Path) -> None:
    path = save(tmp_path / "body.npz", foreign(24, poses=93))
    with pytest.raises(ValueError, match=r"looks like STAR .*SMPL .* is needed"):
        load_body_model(path)


def test_an_unknown_model_says_its_joints(tmp_path: Path) -> None:
    path = save(tmp_path / "body.npz", foreign(77))
    with pytest.raises(ValueError, match=r"has 77 joints, 40 vertices.*SMPL .* is needed"):
        load_body_model(path)
