"""Capsules from regressors in the layout of SMPLify's release, with made-up numbers."""

from pathlib import Path

import numpy as np
import pytest

from fitting import BodyModel, load_body_model
from fitting.capsules.capsules import load_capsules
from fitting.capsules.release_capsules import load_release_capsules
from tests.conftest import ROOT
from tests.fitting.official import fields_of, python_2_pickle, regressors

BODIES = ROOT / "assets/bodies"


@pytest.fixture(scope="module")
def classic(body: BodyModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("smpl") / "SMPL_NEUTRAL.pkl"
    path.write_bytes(python_2_pickle(fields_of(body)))
    return path


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
