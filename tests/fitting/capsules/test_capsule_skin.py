"""How well a capsule fits a skin, and the one that fits best."""

import numpy as np
import pytest
import trimesh

from fitting.capsules.capsule_skin import (
    Placed,
    Skin,
    distance_to_axis,
    first_guess,
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


ROD = Placed(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0]), 0.1, 0.4)


def test_distances_are_to_the_axis_between_the_round_ends():
    points = ROD.center + np.array([[0.3, 0.4, 0.1], [0, 0, 0.2], [0, 0, 0.5], [0.3, 0, -0.6]])
    np.testing.assert_allclose(distance_to_axis(points, ROD), [0.5, 0, 0.3, 0.5], atol=1e-12)


@pytest.mark.parametrize("axis", [[0, 0, 1.0], [1.0, 0, 0], [0.0, 0.6, 0.8]])
def test_points_of_the_surface_are_a_radius_away_and_reach_both_ends(axis):
    capsule = Placed(ROD.center, np.array(axis), 0.1, 0.4)
    points = surface_points(capsule, rings=5, around=8, caps=3)
    assert len(points) == (5 + 2 * 3) * 8
    np.testing.assert_allclose(distance_to_axis(points, capsule), 0.1, atol=1e-12)
    along = (points - capsule.center) @ capsule.axis
    assert along.max() == pytest.approx(-along.min())
    assert 0.2 + 0.09 < along.max() < 0.3


def rod() -> Skin:
    hull = trimesh.convex.convex_hull(surface_points(ROD, rings=20, around=40, caps=8))
    return Skin(np.asarray(hull.vertices), np.asarray(hull.faces))


def test_the_first_guess_goes_through_the_middle_along_the_given_axis():
    skin = rod()
    straight = np.flatnonzero(np.abs(skin.vertices[:, 2] - 3) < 0.2 + 1e-9)
    found = first_guess(skin, straight, 5 * ROD.axis)
    np.testing.assert_allclose(found.center, ROD.center, atol=1e-3)
    assert found.axis.tolist() == [0, 0, 1]
    assert found.radius == pytest.approx(0.1, abs=0.003)
    assert found.length == pytest.approx(0.75 * 0.4, abs=1e-6)


def test_area_adds_up_to_that_of_the_surface():
    box = trimesh.creation.box((1, 2, 3))
    skin = Skin(np.asarray(box.vertices), np.asarray(box.faces))
    assert skin.area.sum() == pytest.approx(2 * (2 + 3 + 6))


def test_what_is_not_free_stays():
    """A rod that is asked for with another axis and length keeps what it was told to keep."""
    skin, start = rod(), Placed(ROD.center + 0.03, np.array([0.0, 0.1, 0.995]), 0.07, 0.3)
    start = Placed(start.center, start.axis / np.linalg.norm(start.axis), 0.07, 0.3)
    segment = np.arange(len(skin.vertices))
    kept, longer, turned = (
        fit_capsule(skin, segment, start, f) for f in ("none", "length", "axis")
    )
    assert kept.length == pytest.approx(0.3)
    np.testing.assert_allclose(kept.axis, start.axis)
    np.testing.assert_allclose(longer.axis, start.axis)
    assert abs(longer.length - 0.4) < abs(kept.length - 0.4) / 2
    assert turned.axis @ ROD.axis > longer.axis @ ROD.axis
    for found in (kept, longer, turned):
        assert np.linalg.norm(found.center - ROD.center) < 0.01, "each finds the middle"
