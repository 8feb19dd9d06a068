"""SMPL's and SMPLify's own files: read as they are, posed as smplx does, fitted like any body."""

import pickle
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csc_matrix, csr_matrix
from smplx import SMPL

from fitting import Assets, BodyModel, BodyParams, fit, load_body_model, load_pose_prior
from fitting.body.kinematics import Kinematics
from fitting.capsules.capsules import load_capsules
from fitting.joints import EXTRA, SMPL_JOINT_OF_LSP
from fitting.rotations import rotation_and_left_jacobian
from tests.conftest import ROOT
from tests.fitting.official import (
    Ch,
    assert_same,
    fake_chumpy,
    fields_of,
    official,
    python_2_pickle,
)
from tests.fitting.test_smplify import people, seen
from tests.toy_body import toy_body

BODIES = ROOT / "assets/bodies"


@pytest.fixture(scope="module")
def classic(body: BodyModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("smpl") / "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl"
    path.write_bytes(python_2_pickle(fields_of(official(body))))
    return path


def toy_fields(body: BodyModel, **changes: object) -> dict[str, object]:
    """Of a toy, which has its landmarks where SMPL has none: names and vertices are given."""
    landmarks = {"landmark_names": np.array(EXTRA), "landmark_vertices": body.landmarks}
    plain = {"shapedirs": body.shapedirs, "head_top": body.head_top, **landmarks}
    return fields_of(body, **plain | changes)


def test_a_classic_pickle_is_the_body_it_was_made_of(classic: Path, body: BodyModel) -> None:
    found = load_body_model(classic)
    assert_same(found, official(body))
    assert found.parents.dtype == np.int64
    assert found.parents[0] == -1


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_pickles_of_python_2_are_read_in_all_its_protocols(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "body.pkl"
    path.write_bytes(
        python_2_pickle(toy_fields(toy_body(), shapedirs=Ch(toy_body().shapedirs)), protocol)
    )
    assert_same(load_body_model(path), toy_body())


@pytest.mark.parametrize("protocol", range(6))
def test_cleaned_copies_of_python_3_are_read_in_all_its_protocols(
    protocol: int, tmp_path: Path
) -> None:
    path = tmp_path / "body.pkl"
    path.write_bytes(pickle.dumps(toy_fields(toy_body()), protocol))
    assert_same(load_body_model(path), toy_body())


@pytest.mark.parametrize("n_betas", [10, 300])
@pytest.mark.parametrize("sparse", [csc_matrix, csr_matrix, np.asarray])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f8"])
def test_layouts_of_official_bodies(n_betas: int, sparse, dtype, tmp_path: Path) -> None:
    """Any number of betas, a joint regressor sparse or dense, either precision and byte order."""
    body = toy_body(n_betas=n_betas)
    kinds = ("v_template", "posedirs", "weights")
    changes = {name: np.asfortranarray(getattr(body, name)).astype(dtype) for name in kinds}
    shapedirs, regressor = body.shapedirs.astype(dtype), sparse(body.J_regressor)
    values = toy_fields(body, **changes, shapedirs=shapedirs, J_regressor=regressor)
    path = tmp_path / "SMPL_MALE.pkl"
    path.write_bytes(pickle.dumps(values, 2))
    found = load_body_model(path)
    assert found.n_betas == n_betas
    assert found.head_top == 7
    for field in fields(BodyModel):
        values = getattr(found, field.name), getattr(body, field.name)
        np.testing.assert_allclose(*values, rtol=1e-6, atol=1e-9, err_msg=field.name)


def test_an_official_npz_is_read(tmp_path: Path) -> None:
    regressor = toy_body().J_regressor
    values = toy_fields(toy_body(), J_regressor=regressor)
    del values["J_regressor_prior"]
    path = tmp_path / "SMPL_NEUTRAL.npz"
    np.savez(path, **{name: np.asanyarray(value) for name, value in values.items()})
    assert_same(load_body_model(path), toy_body())


def test_gmm_08_is_read(prior, tmp_path: Path) -> None:
    values = {"means": prior.means, "covars": prior.covars, "weights": prior.weights}
    path = tmp_path / "gmm_08.pkl"
    path.write_bytes(python_2_pickle(values, protocol=0))
    found = load_pose_prior(path)
    for name, value in values.items():
        np.testing.assert_array_equal(getattr(found, name), value)


def test_a_pickle_that_lacks_a_field_says_which(tmp_path: Path) -> None:
    values = fields_of(toy_body())
    del values["weights"], values["f"]
    path = tmp_path / "half.pkl"
    path.write_bytes(python_2_pickle(values))
    with pytest.raises(
        ValueError, match=r"half\.pkl is no body in SMPL's format: it lacks weights, f"
    ):
        load_body_model(path)


def test_smplx_poses_the_same_file_alike(classic: Path, body: BodyModel) -> None:
    """To 1e-5 m, pose blend shapes included; smplx reads the file itself, by path."""
    rng = np.random.default_rng(1)
    params = BodyParams(
        betas=rng.normal(size=(3, 10)),
        global_orient=rng.normal(size=(3, 3)),
        body_pose=rng.normal(0, 0.4, (3, 69)),
        transl=rng.normal(size=(3, 3)),
    )
    with fake_chumpy():
        theirs = SMPL(model_path=str(classic), dtype=torch.float64)
    tensors = {f.name: torch.as_tensor(getattr(params, f.name)) for f in fields(params)}
    with torch.no_grad():
        expected = theirs(**tensors)
    ours = load_body_model(classic)
    assert np.abs(ours.vertices(params) - expected.vertices.numpy()).max() < 1e-5
    root = rotation_and_left_jacobian(tensors["global_orient"])[0]
    points = Kinematics(ours).points(root, tensors["body_pose"], tensors["betas"]).points
    of_smplx = expected.joints[:, list(SMPL_JOINT_OF_LSP)] - tensors["transl"][:, None]
    assert (points[:, :12] - of_smplx[:, :12]).abs().max() < 1e-5
    assert np.abs(ours.vertices(params) - body.vertices(params)).max() > 0.005, "posedirs count"


@pytest.mark.parametrize("n_betas", [16, 300])
def test_betas_beyond_the_tenth_shape_the_mesh(n_betas: int, body: BodyModel) -> None:
    rng = np.random.default_rng(2)
    more = rng.normal(0, 0.003, (len(body.v_template), 3, n_betas - 10))
    longer = replace(body, shapedirs=np.concatenate([body.shapedirs, more], 2))
    betas, still = rng.normal(size=(1, n_betas)), {"body_pose": np.zeros((1, 69))}
    still |= {"global_orient": np.zeros((1, 3)), "transl": np.zeros((1, 3))}
    expected = body.v_template + longer.shapedirs @ betas[0]
    found = longer.vertices(BodyParams(betas=betas, **still))[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    first = longer.vertices(BodyParams(betas=betas[:, :10], **still))
    np.testing.assert_allclose(first, body.vertices(BodyParams(betas=betas[:, :10], **still)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shapedirs": np.zeros((40, 30))}, r"shapedirs: expected 3 axes, got shape \(40, 30\)"),
        ({"kintree_table": np.zeros(0)}, r"kintree_table: expected 2 axes, got shape \(0,\)"),
        ({"kintree_table": np.zeros((2, 52))}, r"parents: expected shape \(24,\), got \(52,\)"),
        ({"J_regressor": np.ones((52, 40))}, r"J_regressor: expected shape \(24, 40\), got"),
        ({"f": np.zeros((5, 4), int)}, r"faces: expected shape \(5, 3\), got \(5, 4\)"),
        ({"f": np.full((5, 3), 40)}, "faces: expected vertices below 40"),
        ({"v_template": "text"}, "v_template: expected 2 axes"),
    ],
)
def test_bodies_of_another_shape_are_refused(changes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "body.pkl"
    path.write_bytes(pickle.dumps(toy_fields(toy_body(), **changes), 2))
    with pytest.raises(ValueError, match=rf"body model {message}"):
        load_body_model(path)


def test_an_official_body_is_fitted(classic: Path, prior, preset) -> None:
    """With the priors all but off at last, keypoints drawn from it are met, blend shapes too."""
    body = load_body_model(classic)
    keypoints, camera, _ = seen(body, people(prior, n=6, spread=0.2))
    assets = Assets(body, prior, capsules=load_capsules(BODIES / "neutral.npz"))
    config = preset("smplify", starts=0, side_view_threshold=50)
    weak = replace(
        config.stages[-1],
        weights={"pose_prior": 0.05, "shape": 0.5, "interpenetration": 1000},
        max_iterations=300,
        tolerance=1e-9,
    )
    result = fit(keypoints, camera, assets, replace(config, stages=[*config.stages, weak]))
    assert result.fitted.all()
    assert np.median(result.reprojection_error) < 1
    head_tops = body.vertices(result.params)[:, body.head_top]
    assert np.abs(head_tops - result.joints[:, 13]).max() < 1e-5, "smplx has the head there, too"
