"""Up and the floor from feet that stand."""

import numpy as np
import pytest

from fitting.sequence.world import World, world_of


def scene(tilt: float, height: float, spread: float, seed: int = 0):
    """Soles on a floor, seen by a camera `height` above it that looks down by `tilt` (rad), with
    noise; true up."""
    rng = np.random.default_rng(seed)
    up = np.array([0.0, -np.cos(tilt), -np.sin(tilt)])
    ahead = np.array([0.0, -np.sin(tilt), np.cos(tilt)])
    places = rng.uniform(-spread, spread, (60, 2))
    soles = places[:, :1] * [1, 0, 0] + (4 + places[:, 1:]) * ahead - height * up
    return soles + rng.normal(0, 0.02, soles.shape), np.full(60, 0.1), up


def test_who_walks_to_and_fro_tells_up_and_floor() -> None:
    soles, seconds, up = scene(tilt=0.2, height=1.5, spread=1.5)
    leaning = up + np.array([0.1, 0.05, 0])
    world = world_of(soles, seconds, leaning / np.linalg.norm(leaning), 0.33)
    assert world is not None
    matrix = world.world_from_camera[0]
    assert np.degrees(np.arccos(matrix[1, :3] @ up)) < 1
    np.testing.assert_allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)
    assert matrix[1, 3] == pytest.approx(1.5, abs=0.05)  # the camera's own place in the world
    assert abs((soles @ matrix[1, :3] + matrix[1, 3]).mean()) < 0.01
    assert matrix[0, 0] > 0.95  # x to the camera's right
    assert world.tilt[0] < np.radians(2)
    assert world.floor[0] < 0.02


def test_a_step_up_that_few_stand_on_does_not_lift_the_floor() -> None:
    soles, seconds, up = scene(tilt=0.1, height=1.2, spread=1.5)
    soles[:6] += 0.4 * up
    world = world_of(soles, seconds, up, 0.33)
    assert world is not None
    assert world.world_from_camera[0, 1, 3] == pytest.approx(1.2, abs=0.06)


def test_who_stays_in_one_place_leaves_up_to_the_body_and_says_so() -> None:
    soles, seconds, up = scene(tilt=0.15, height=1.5, spread=0.1)
    near, far = world_of(soles, seconds, up, 0.33), scene(0.15, 1.5, 2.0)
    wide = world_of(far[0], far[1], up, 0.33)
    assert near is not None
    assert wide is not None
    assert near.tilt[0] > 3 * wide.tilt[0]
    assert np.degrees(np.arccos(near.world_from_camera[0, 1, :3] @ up)) < 5


def test_without_feet_that_stand_there_is_no_floor() -> None:
    soles, seconds, up = scene(tilt=0.1, height=1.2, spread=1.0)
    assert world_of(soles, 0.01 * seconds, up, 0.33) is None
    assert np.isnan(World.unknown(3).world_from_camera).all()
