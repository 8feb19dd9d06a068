"""Capsules for any body: fitted, regressed on the betas, mirrored."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fitting import BodyModel
from fitting.capsules.capsule_fit import (
    _PARTS,
    _regress,
    _segment,
    _with_right_side,
    fit_capsules,
)
from fitting.capsules.capsules import (
    incompatible,
    load_capsules,
)
from tests.fitting.capsules.test_capsules import BODIES
from tests.toy_body import toy_body


def test_a_body_whose_skin_follows_no_hand_is_refused(body):
    weights = body.weights.copy()
    for wrist, elbow in ((20, 18), (22, 18)):
        weights[:, elbow] += weights[:, wrist]
        weights[:, wrist] = 0
    with pytest.raises(ValueError, match="left_hand: expected skin that follows joint 20, got 0"):
        fit_capsules(replace(body, weights=weights), n_bodies=1)


def test_more_betas_than_the_body_has_are_refused():
    with pytest.raises(ValueError, match=r"n_betas: expected 0\.\.4, got 5"):
        fit_capsules(toy_body(), n_betas=5)


def other_body(body: BodyModel) -> BodyModel:
    """The same person from another file: 0.9 as tall, vertices in another order, six betas."""
    order = np.random.default_rng(0).permutation(len(body.v_template))
    return replace(
        body,
        v_template=0.9 * body.v_template[order],
        shapedirs=0.9 * body.shapedirs[order, :, :6],
        posedirs=body.posedirs[order],
        J_regressor=body.J_regressor[:, order],
        weights=body.weights[order],
        faces=np.argsort(order)[body.faces],
    )


@pytest.mark.slow
def test_any_body_can_be_fitted(body):
    fitted = fit_capsules(other_body(body), n_bodies=16)
    known = load_capsules(BODIES / "neutral.npz")
    assert fitted.names == known.names
    assert fitted.n_betas == 6
    np.testing.assert_array_equal(fitted.joint, known.joint)
    # head and neck are near to spheres: a centimetre of length fits as well, and no pair asks them
    used = np.unique(np.concatenate(incompatible(known)))
    np.testing.assert_allclose(fitted.axis[used], known.axis[used], atol=0.02)
    for name in ("center", "radius", "length"):  # 0.9 times the size, up to the bodies drawn
        expected = 0.9 * getattr(known, name)[used, ..., 0]
        np.testing.assert_allclose(getattr(fitted, name)[used, ..., 0], expected, atol=6e-3)


@pytest.mark.slow
@pytest.mark.timeout(1200)  # a minute on a free core
def test_the_committed_capsules_come_out_of_this_code(tmp_path: Path, body):
    found, stored = fit_capsules(body), load_capsules(BODIES / "neutral.npz")
    for name in ("axis", "center", "radius", "length"):
        # nearest points switch: on another machine the fit repeats to a millimetre only
        np.testing.assert_allclose(getattr(found, name), getattr(stored, name), atol=1e-3)


def test_sizes_follow_the_betas_by_ridge_regression():
    """Linear values are found but for the ridge, which leaves the constant free."""
    rng = np.random.default_rng(0)
    betas = rng.normal(size=(50, 3))
    truth = np.array([[2.0, -1.0], [0.5, 0.0], [0.0, 0.3], [-0.2, 0.1]])
    values = np.concatenate([np.ones((50, 1)), betas], 1) @ truth
    found = _regress(betas, values)
    X = np.concatenate([np.ones((50, 1)), betas], 1)
    pull = X.T @ (values - X @ found)  # what the ridge, of weight 1, holds against
    np.testing.assert_allclose(pull, found * [[0.0], [1], [1], [1]], atol=1e-9)
    assert np.abs(found - truth).max() < 0.03
    np.testing.assert_allclose(_regress(betas, values + 100)[0], found[0] + 100)


def test_right_capsules_mirror_the_left_ones():
    rng = np.random.default_rng(1)
    n = len(_PARTS)
    axes = rng.normal(size=(n, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    found = _with_right_side(axes, rng.uniform(0.1, 1, (n, 5, 4)))
    assert len(found.names) == 20
    left_and_middle = dict(zip(found.names, found.joint.tolist(), strict=True))
    assert (left_and_middle["belly"], left_and_middle["left_foot"]) == (3, 7)
    for i, name in enumerate(found.names):
        if not name.startswith("left_"):
            continue
        j = found.names.index(name.replace("left", "right"))
        assert found.joint[j] == found.joint[i] + 1
        np.testing.assert_array_equal(found.axis[j], found.axis[i] * (-1, 1, 1))
        np.testing.assert_array_equal(found.center[j, 0], -found.center[i, 0])
        np.testing.assert_array_equal(found.center[j, 1:], found.center[i, 1:])
        for size in ("radius", "length"):
            np.testing.assert_array_equal(getattr(found, size)[j], getattr(found, size)[i])


def test_a_segment_is_the_skin_that_follows_the_parts_joints(body):
    parts = {part.name: part for part in _PARTS}
    hand = _segment(parts["left_hand"], body.weights)
    assert np.isin(body.weights[hand].argmax(1), (20, 22)).all()
    assert len(hand) == np.isin(body.weights.argmax(1), (20, 22)).sum()
    collar = _segment(parts["left_collar"], body.weights)
    assert body.weights[collar, 13].min() > 0.2, "few follow it most: a share is enough"
    assert (body.v_template[collar, 0] > 0).mean() > 0.95
