"""The capsules of the committed bodies."""

import numpy as np
import pytest

from tests.assets.committed_bodies import (
    FLIP,
    GENDERS,
    JOINT_MIRROR,
    Body,
    load,
    random_betas,
    shaped,
)


@pytest.fixture(scope="module", params=GENDERS)
def body(request: pytest.FixtureRequest) -> Body:
    return load(request.param)


def capsules(body: Body, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    one = np.concatenate([[1.0], betas])
    joints = body["J_regressor"] @ shaped(body, betas)
    center = joints[body["capsule_joint"]] + body["capsule_center"] @ one
    return center, body["capsule_radius"] @ one, body["capsule_length"] @ one


def test_capsules_keep_positive_sizes(body: Body) -> None:
    np.testing.assert_allclose(np.linalg.norm(body["capsule_axis"], axis=1), 1, atol=1e-6)
    rng = np.random.default_rng(0)
    for betas in rng.uniform(-3, 3, (200, 10)):
        assert (body["capsule_radius"] @ [1.0, *betas]).min() > 0.005
    for betas in (*random_betas(200), *(3 * np.eye(10)), *(-3 * np.eye(10))):
        assert (body["capsule_length"] @ [1.0, *betas]).min() > 0


def test_capsules_mirror_each_other(body: Body) -> None:
    names = body["capsule_names"].tolist()
    for i, name in enumerate(names):
        if not name.startswith("left_"):
            continue
        j = names.index(name.replace("left", "right"))
        np.testing.assert_array_equal(body["capsule_axis"][i] * FLIP, body["capsule_axis"][j])
        mirrored = body["capsule_center"][i] * FLIP[:, None]
        np.testing.assert_array_equal(mirrored, body["capsule_center"][j])
        np.testing.assert_array_equal(body["capsule_radius"][i], body["capsule_radius"][j])
        assert JOINT_MIRROR[body["capsule_joint"][i]] == body["capsule_joint"][j]


def test_capsules_cover_the_body_closely(body: Body) -> None:
    for betas in (np.zeros(10), *random_betas(5)):
        center, radius, length = capsules(body, betas)
        offset = shaped(body, betas)[:, None] - center
        along = np.einsum("vcx,cx->vc", offset, body["capsule_axis"])
        along = np.clip(along, -length / 2, length / 2)[..., None]
        to_axis = np.linalg.norm(offset - along * body["capsule_axis"], axis=2)
        signed = (to_axis - radius).min(1)  # outside the nearest capsule > 0
        assert np.abs(signed).mean() < 0.02
        assert np.percentile(signed, 95) < 0.03
