"""SMPL's and SMPLify's own files: read as they are, found by their names, fitted like any body."""

import pickle
import pickletools
from dataclasses import fields, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csc_matrix, csr_matrix
from smplx import SMPL

from fitting import Assets, BodyModel, BodyParams, fit, load_body_model, load_pose_prior
from fitting.body_files import find_body, find_regressors, matching_bodies
from fitting.body_model import N_JOINTS
from fitting.capsules import load_capsules
from fitting.joints import EXTRA, SMPL_JOINT_OF_LSP
from fitting.kinematics import Kinematics
from fitting.release_capsules import load_release_capsules
from fitting.rotations import rotation_and_left_jacobian
from tests.conftest import ROOT
from tests.fitting.official import Ch, fake_chumpy, fields_of, python_2_pickle
from tests.fitting.test_smplify import people, seen
from tests.toy_body import toy_body
from tools.export_body import PROTOCOL, _ClassicPickler, export_body

BODIES = ROOT / "assets/bodies"


def official(body: BodyModel) -> BodyModel:
    """The body as official ones are: landmarks where SMPL has them, and pose blend shapes."""
    rng = np.random.default_rng(0)
    return replace(body, posedirs=rng.normal(0, 0.002, body.posedirs.shape))


@pytest.fixture(scope="module")
def classic(body: BodyModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("smpl") / "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl"
    path.write_bytes(python_2_pickle(fields_of(official(body))))
    return path


def assert_same(found: BodyModel, expected: BodyModel) -> None:
    for field in fields(BodyModel):
        values = getattr(found, field.name), getattr(expected, field.name)
        np.testing.assert_array_equal(*values, err_msg=field.name)


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
    del values["posedirs"], values["f"]
    path = tmp_path / "half.pkl"
    path.write_bytes(python_2_pickle(values))
    with pytest.raises(
        ValueError, match=r"half\.pkl is no body in SMPL's format: it lacks posedirs, f"
    ):
        load_body_model(path)


def test_smplx_poses_the_same_file_alike(classic: Path, body: BodyModel) -> None:
    """To 1e-5 m, pose blend shapes included; smplx reads the file itself, by path."""
    rng = np.random.default_rng(1)
    params = BodyParams(
        betas=rng.normal(size=(3, 10)), global_orient=rng.normal(size=(3, 3)),
        body_pose=rng.normal(0, 0.4, (3, 69)), transl=rng.normal(size=(3, 3)),
    )  # fmt: skip
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
    config = preset("smplify")
    weak = replace(
        config.stages[-1], pose_prior=0.05, bending=0.0, shape=0.5, depth=0.0,
        max_iterations=300, tolerance=1e-9,
    )  # fmt: skip
    result = fit(keypoints, camera, assets, replace(config, stages=[*config.stages, weak]))
    assert result.fitted.all()
    assert np.median(result.reprojection_error) < 1
    head_tops = body.vertices(result.params)[:, body.head_top]
    assert np.abs(head_tops - result.joints[:, 13]).max() < 1e-5, "smplx has the head there, too"


OFFICIAL_NAMES = {
    "neutral": ("basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", "SMPL_NEUTRAL.pkl", "neutral.npz"),
    "female": ("basicModel_f_lbs_10_207_0_v1.0.0.pkl", "SMPL_FEMALE.npz", "female.npz"),
    "male": ("basicmodel_m_lbs_10_207_0_v1.1.0.pkl", "SMPL_MALE.pkl", "male.pkl"),
}


@pytest.mark.parametrize("folder", ["", "smpl", "models", "smpl/models"])
@pytest.mark.parametrize("gender", OFFICIAL_NAMES)
def test_bodies_are_found_by_their_names(gender: str, folder: str, tmp_path: Path) -> None:
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for names in OFFICIAL_NAMES.values():  # other genders' files lie beside it
        (tmp_path / folder / names[0]).touch()
    expected = tmp_path / folder / OFFICIAL_NAMES[gender][0]
    assert matching_bodies(tmp_path, gender) == [expected]
    for name in OFFICIAL_NAMES[gender][1:]:  # each is preferred to those before it
        expected = tmp_path / folder / name
        expected.touch()
        assert find_body(tmp_path, gender) == expected


def test_of_several_the_order_is_fixed(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    stem = "basicmodel_f_lbs_10_207_0"
    for name in (f"models/{stem}_v1.0.0.pkl", f"{stem}_v1.0.0.pkl", f"{stem}_v1.1.0.pkl"):
        (tmp_path / name).touch()
    names = [str(path.relative_to(tmp_path)) for path in matching_bodies(tmp_path, "female")]
    assert names == [f"{stem}_v1.1.0.pkl", f"{stem}_v1.0.0.pkl", f"models/{stem}_v1.0.0.pkl"]


def test_a_file_is_the_body_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.pkl"
    path.touch()
    assert find_body(path, "female") == path


def test_what_was_looked_for_is_listed(tmp_path: Path) -> None:
    (tmp_path / "SMPL_MALE.pkl").touch()
    expected = (
        r"no female body in .*: expected female\.npz, female\.pkl, SMPL_FEMALE\.npz, "
        r"SMPL_FEMALE\.pkl, basicmodel_f_lbs_10_207_0_v\*\.pkl; there or in smpl, models"
    )
    with pytest.raises(FileNotFoundError, match=expected):
        find_body(tmp_path, "female")
    with pytest.raises(FileNotFoundError, match=r"no file or folder at .*nowhere"):
        find_body(tmp_path / "nowhere", "female")


def regressors(path: Path, rows: int = 301) -> tuple[np.ndarray, np.ndarray]:
    """Made up in the release's layout: constants in the last row."""
    rng = np.random.default_rng(0)
    lengths, radii = rng.normal(0, 0.003, (2, rows, 20))
    lengths[-1], radii[-1] = rng.uniform(0.1, 0.3, 20), rng.uniform(0.04, 0.1, 20)
    np.savez(path, betas2lens=lengths, betas2rads=radii, v2lens=np.zeros(3), v2rads=np.zeros(3))
    return lengths, radii


def test_the_releases_capsules_lie_where_the_release_has_them(
    classic: Path, tmp_path: Path
) -> None:
    lengths, radii = regressors(tmp_path / "r.npz")
    body = load_body_model(classic)
    capsules = load_release_capsules(tmp_path / "r.npz", body, classic)
    assert capsules is not None
    assert set(capsules.names) == set(load_capsules(BODIES / "neutral.npz").names)
    betas = np.random.default_rng(1).normal(size=10)
    one, padded = np.concatenate([[1], betas]), np.concatenate([betas, np.zeros(290), [1]])
    # here the prior regressor is the regressor: both name one joint
    joints = body.J_regressor @ (body.v_template + body.shapedirs @ betas)
    for column, name in ((16, "left_forearm"), (5, "right_shin"), (7, "left_foot"), (3, "belly")):
        c = capsules.names.index(name)
        length, center = padded @ lengths[:, column], joints[capsules.joint[c]]
        start = center + capsules.center[c] @ one - length / 2 * capsules.axis[c]
        assert capsules.length[c] @ one == pytest.approx(length)
        assert capsules.radius[c] @ one == pytest.approx(padded @ radii[:, column])
        if name == "belly":
            expected = center - length / 2 * capsules.axis[c]
        elif name == "left_foot":  # a tenth of the shin below the ankle
            expected = center + np.array([0, 0.1, 0]) * (joints[7] - joints[4])
        else:
            expected = center
        np.testing.assert_allclose(start, expected, atol=1e-12, err_msg=name)
    directions = {n: a.tolist() for n, a in zip(capsules.names, capsules.axis, strict=True)}
    assert directions["left_hand"] == [1, 0, 0], "the body's left is at +x"
    assert directions["right_hand"] == [-1, 0, 0]
    assert directions["left_shin"] == [0, -1, 0]
    assert directions["right_foot"] == [0, 0, 1]
    pelvis = capsules.center[capsules.names.index("pelvis"), :, 0] + mean_joints(body)[0]
    rest = mean_joints(body)
    assert pelvis[1] == pytest.approx(rest[[0, 0, 0, 1, 2], 1].mean())
    assert pelvis[2] == pytest.approx(rest[9, 2])


def mean_joints(body: BodyModel) -> np.ndarray:
    return body.J_regressor @ body.v_template


def test_regressors_of_eleven_rows_are_the_same(classic: Path, tmp_path: Path) -> None:
    lengths, radii = regressors(tmp_path / "all.npz")
    short = [np.concatenate([array[:10], array[-1:]]) for array in (lengths, radii)]
    np.savez(tmp_path / "ten.npz", betas2lens=short[0], betas2rads=short[1])
    body = load_body_model(classic)
    one, other = (
        load_release_capsules(tmp_path / n, body, classic) for n in ("all.npz", "ten.npz")
    )
    for name in ("center", "radius", "length"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_regressors_of_another_shape_are_refused(classic: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", betas2lens=np.ones((11, 19)), betas2rads=np.ones((11, 20)))
    with pytest.raises(ValueError, match=r"betas2lens: expected shape \(11 or more, 20\), got"):
        load_release_capsules(tmp_path / "r.npz", load_body_model(classic), classic)


def test_without_the_prior_regressor_there_are_no_release_capsules(
    body: BodyModel, tmp_path: Path
) -> None:
    regressors(tmp_path / "r.npz")
    assert load_release_capsules(tmp_path / "r.npz", body, BODIES / "neutral.npz") is None


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", "hybrid"),
        ("basicModel_f_lbs_10_207_0_v1.0.0.pkl", "female"),
        ("SMPL_MALE.pkl", "male"),
    ],
)
def test_regressors_are_those_of_the_bodys_gender(body: str, word: str, tmp_path: Path) -> None:
    assert find_regressors(tmp_path / body) is None
    for other in ("hybrid", "female", "male"):
        (tmp_path / f"regressors_locked_normalized_{other}.npz").touch()
    expected = tmp_path / f"regressors_locked_normalized_{word}.npz"
    assert find_regressors(tmp_path / body) == expected
    assert find_regressors(tmp_path / "mine.pkl") is None


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
        "numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype", "_codecs encode",
        "scipy.sparse csc_matrix",
    }  # fmt: skip
    with exported.open("rb") as file:
        values = pickle.load(file)
    assert (values["bs_style"], values["bs_type"]) == ("lbs", "lrotmin")
    assert values["J_regressor"].format == "csc"
    assert values["kintree_table"].dtype == values["f"].dtype == np.uint32
    assert values["kintree_table"][0, 0] == 2**32 - 1
    assert values["kintree_table"].shape == (2, N_JOINTS)


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
