"""How well a capsule fits a skin, and the one that fits best."""

import numpy as np
import pytest
import trimesh

from fitting.capsules.capsule_skin import (
    Placed,
    Skin,
    distance_to_axis,
    fit_capsule,
    surface_points,
)


def test_a_capsule_is_fitted_to_skin_of_that_very_shape():
    truth = Placed(np.array([0.1, 0.2, -0.1]), np.array([0.0, 0.6, 0.8]), 0.05, 0.3)
    hull = trimesh.convex.convex_hull(surface_points(truth, rings=20, around=40, caps=8))
    skin = Skin(np.asarray(hull.vertices), np.asarray(hull.faces))
    assert np.abs(distance_to_axis(skin.vertices, truth) - 0.05).max() < 1e-9
    start = Placed(truth.center + 0.02, np.array([0.0, 0.8, 0.6]), 0.08, 0.2)
    found = fit_capsule(skin, np.arange(len(skin.vertices)), start, "axis")
    # the ends are caught loosely: what moves the result by 2 mm ends the search
    np.testing.assert_allclose(found.center, truth.center, atol=2e-3)
    np.testing.assert_allclose(np.abs(found.axis @ truth.axis), 1, atol=1e-4)
    assert found.radius == pytest.approx(0.05, abs=1e-3)
    assert found.length == pytest.approx(0.3, abs=4e-3)


def test_points_inside_the_skin_count_little():
    box = trimesh.creation.box((2, 2, 2)).subdivide().subdivide()
    skin = Skin(np.asarray(box.vertices), np.asarray(box.faces))
    corner = skin.vertices[np.linalg.norm(skin.vertices - [1, 0.5, 0.5], axis=1).argmin()]
    out, inside = skin.gap(corner + np.array([[0.1, 0, 0], [-0.1, 0, 0]]))
    assert out == pytest.approx(0.1)
    assert inside == pytest.approx(0.015)
