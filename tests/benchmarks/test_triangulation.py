"""Joints from views that see them exactly, wrongly, as somebody else, or not at all."""

import numpy as np
import pytest

from benchmarks.triangulation import (
    Seen,
    people_in,
    plausible,
    residuals,
    robust_points,
    smoothed,
    triangulate,
)
from fitting.joints import LSP_14

RNG = np.random.default_rng(3)
FRAMES = 40
ELBOW, WRIST = LSP_14.index("left_elbow"), LSP_14.index("left_wrist")


def cameras() -> np.ndarray:
    """Four around the origin, 4 m away, that look at it."""
    from scipy.spatial.transform import Rotation

    turns = Rotation.from_euler("y", np.radians([0, 80, 170, 260])).as_matrix()
    return np.concatenate([turns, np.tile([[[0.0], [0], [4]]], (4, 1, 1))], 2)


PROJECTIONS = cameras()


def walk(place: tuple[float, float, float], shape: np.ndarray) -> np.ndarray:
    """A stiff figure (14, 3) that moves by 2 cm a frame."""
    steps = np.arange(FRAMES)[:, None, None] * np.array([0.02, 0, 0.005])
    return shape + np.array(place) + steps


def rays_of(points: np.ndarray) -> np.ndarray:
    """As the four cameras see points (..., 3)."""
    seen = np.einsum("vab,...b->v...a", PROJECTIONS[:, :, :3], points)
    seen = seen + PROJECTIONS[:, :, 3].reshape(4, *[1] * (points.ndim - 1), 3)
    return seen[..., :2] / seen[..., 2:]


def view_of(people: list[np.ndarray], view: int, swap_at: int | None = None) -> Seen:
    """Rows of some people; from `swap_at` on the tracker takes them for each other."""
    rows = []
    for frame in range(FRAMES):
        for number, joints in enumerate(people):
            track = 1 - number if swap_at is not None and frame >= swap_at else number
            rows.append((frame, track, rays_of(joints[frame])[view]))
    return Seen(
        np.array([r[0] for r in rows]),
        np.array([r[1] for r in rows]),
        np.array([r[2] for r in rows]),
        np.ones((len(rows), 14)),
    )


def test_exact_views_give_exact_points() -> None:
    points = RNG.normal(0, 0.5, (3, 5, 3))
    found = triangulate(rays_of(points), np.ones((4, 3, 5)), PROJECTIONS)
    np.testing.assert_allclose(found, points, atol=1e-9)
    assert residuals(points, rays_of(points), PROJECTIONS).max() < 1e-12
    weights = np.ones((4, 3, 5))
    weights[1:, 0, 0] = 0  # one view alone
    weights[2:, 1, 1] = 0  # two views
    found = triangulate(rays_of(points), weights, PROJECTIONS)
    assert np.isnan(found[0, 0]).all()
    np.testing.assert_allclose(found[1, 1], points[1, 1], atol=1e-9)


def test_a_point_behind_a_camera_is_not_seen_by_it() -> None:
    behind = np.array([[0.0, 0, -6]])
    assert residuals(behind, np.zeros((4, 1, 2)), PROJECTIONS)[0] == np.inf


def test_a_view_that_errs_is_left_out() -> None:
    points = RNG.normal(0, 0.5, (6, 14, 3))
    rays, confidence = rays_of(points), np.full((4, 6, 14), 0.8)
    rays[2] += 0.2
    confidence[2] = 1.0
    np.testing.assert_allclose(robust_points(rays, confidence, PROJECTIONS), points, atol=1e-9)
    rays[1, 0] -= 0.3  # of this frame two views are left
    assert np.isfinite(robust_points(rays, confidence, PROJECTIONS)).all()
    assert np.isnan(robust_points(rays, confidence, PROJECTIONS, fewest=3)[0]).all()
    confidence[:, 3, 7] = 0.05
    assert np.isnan(robust_points(rays, confidence, PROJECTIONS)[3, 7]).all()


def test_bones_of_a_wrong_length_lose_their_end() -> None:
    joints = np.tile(RNG.normal(0, 0.4, (14, 3)), (9, 1, 1))
    joints[4, WRIST] += joints[4, WRIST] - joints[4, ELBOW]  # a forearm twice as long
    found = plausible(joints)
    assert np.isnan(found[4, WRIST]).all()
    assert np.isfinite(np.delete(found.reshape(-1, 3), 4 * 14 + WRIST, axis=0)).all()
    left, right = LSP_14.index("left_hip"), LSP_14.index("right_hip")
    joints[2, left] += joints[2, left] - joints[2, right]
    assert np.isnan(plausible(joints)[2, [left, right]]).all(), "which one is not known"


def test_smoothing_keeps_parabolas_and_fills_short_gaps() -> None:
    t = np.arange(30.0)[:, None, None]
    path = np.concatenate([0.01 * t, 0.001 * t**2, 1 + 0 * t], 2)
    shaky = path + RNG.normal(0, 0.01, path.shape)
    shaky[10:13] = np.nan
    found = smoothed(shaky)
    assert np.isfinite(found).all()
    inside = np.r_[3:8, 16:27]
    assert np.abs(found - path)[inside].mean() < 0.6 * np.abs(shaky - path)[inside].mean()
    np.testing.assert_allclose(smoothed(path)[:, 0], path[:, 0], atol=1e-9)
    long = path.copy()
    long[10:19] = np.nan
    assert np.isnan(smoothed(long)[10:19]).all()


@pytest.mark.parametrize("swap_at", [None, 15])
def test_people_are_told_apart_also_where_a_tracker_mixes_them_up(swap_at: int | None) -> None:
    shapes = RNG.normal(0, 0.3, (2, 14, 3))
    one, other = walk((-0.8, 0, 0), shapes[0]), walk((0.5, 0, 0.3), shapes[1])
    views = [view_of([one, other], view, swap_at if view == 2 else None) for view in range(4)]
    people = people_in(views, PROJECTIONS, FRAMES, fewest=3)
    assert len(people) == 2
    for truth in (one, other):
        best = min(people, key=lambda person: np.abs(person.joints - truth).max())
        np.testing.assert_allclose(best.joints, truth, atol=1e-6)
        assert (best.rows >= 0).all(), "every view follows both"


def test_who_is_seen_by_one_view_alone_is_nobody() -> None:
    one = walk((0, 0, 0), RNG.normal(0, 0.3, (14, 3)))
    other = walk((1.5, 0, 1), RNG.normal(0, 0.3, (14, 3)))
    views = [view_of([one, other] if view == 0 else [one], view) for view in range(4)]
    (person,) = people_in(views, PROJECTIONS, FRAMES, fewest=2)
    np.testing.assert_allclose(person.joints, one, atol=1e-6)
