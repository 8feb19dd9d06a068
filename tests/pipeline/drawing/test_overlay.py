"""Pictures for people: what is drawn, where, and what stays as it was."""

import numpy as np
import pytest

from fitting.joints import LSP_14
from pipeline.drawing.around import from_the_side
from pipeline.drawing.mesh_renderer import Mesh, Rendering, View
from pipeline.drawing.overlay import (
    compose,
    draw_keypoints,
    draw_residuals,
    overlay,
    side_by_side,
)
from pipeline.drawing.rasterizers import Backend

VIEW = View(300.0, (79.5, 59.5), (160, 120))
RAYS = Backend.raycast


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)


def box(center, size, color=(255, 0, 0)) -> Mesh:
    """A box with its faces counter-clockwise from outside."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
    quads = np.array(
        [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    )
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return Mesh(np.asarray(center) + corners * size, faces, np.array(color, np.uint8))


def changed(image, before) -> np.ndarray:
    """x0, y0, x1, y1 of the pixels that differ."""
    y, x = np.nonzero((image != before).any(axis=2))
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])


def test_compose_mixes_by_coverage_and_opacity():
    photo = np.full((1, 3, 3), 100, np.uint8)
    alpha = np.array([[0, 0.5, 1]], np.float32)
    drawn = Rendering(np.full((1, 3, 3), 200, np.uint8), alpha, alpha)
    assert compose(photo, drawn, 0.8)[0, :, 0].tolist() == [100, 140, 180]
    assert photo.max() == 100  # the caller's photo is untouched


@pytest.mark.parametrize(
    "place", [(0, 0, 0, 0), (0, 700, 0, 60), (3, 600, 11, 40), (690, 700, 5, 6)]
)
def test_compose_mixes_only_what_is_covered_and_gives_the_same(place: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    photo, color = (rng.integers(0, 256, (700, 60, 3), np.uint8) for _ in range(2))
    top, bottom, left, right = place
    alpha = np.zeros((700, 60), np.float32)
    alpha[top:bottom, left:right] = rng.random((bottom - top, right - left), np.float32)
    share = 0.9 * alpha[..., None]
    expected = np.rint(photo * (1 - share) + color * share).astype(np.uint8)
    np.testing.assert_array_equal(compose(photo, Rendering(color, alpha, alpha), 0.9), expected)


def test_compose_refuses_other_sizes(photo):
    depth = np.zeros((4, 5), np.float32)
    blank = Rendering(np.zeros((4, 5, 3), np.uint8), depth, depth)
    with pytest.raises(ValueError, match=r"expected a photo .* \(4, 5, 3\), got \(120, 160, 3\)"):
        compose(photo, blank)
    depth = np.zeros((120, 160), np.float32)
    with pytest.raises(ValueError, match=r"within 0\.\.1, got 2"):
        compose(photo, Rendering(photo, depth, depth), 2)


def test_overlay_changes_the_photo_only_where_the_body_is(photo):
    drawn = overlay(photo, [box((0, 0, 3), 0.4)], VIEW, backend=RAYS)
    half = 300 * 0.2 / 2.8  # the box's near side
    expected = [80 - half, 60 - half, 80 + half, 60 + half]
    assert np.abs(changed(drawn, photo) - expected).max() <= 1


def test_nobody_leaves_the_photo(photo):
    assert (overlay(photo, [], VIEW, backend=RAYS) == photo).all()


def test_side_by_side_is_three_panels(photo):
    people = [box((0.2, 0, 3), 0.4)]
    aside = from_the_side(people, VIEW, RAYS)
    picture = side_by_side(photo, people, VIEW, aside, backend=RAYS)
    gap = (picture.shape[1] - 3 * 160) // 2
    assert picture.shape[0] == 120
    assert 2 <= gap <= 4
    assert (picture[:, :160] == photo).all()
    assert (picture[:, 160 : 160 + gap] == 255).all()
    middle = picture[:, 160 + gap : 320 + gap]
    assert (middle == overlay(photo, people, VIEW, backend=RAYS)).all()
    assert (picture[:, -160:] == aside).all()


def test_limbs_may_have_the_colour_of_the_person():
    image = np.zeros((200, 200, 3), np.uint8)
    xy, confidence = np.zeros((14, 2)), np.zeros(14)
    for joint, y in (("elbow", 50.0), ("wrist", 150.0)):
        row = LSP_14.index(f"left_{joint}")
        xy[row], confidence[row] = (100.0, y), 1.0
    draw_keypoints(image, xy, confidence, np.array([10, 200, 30], np.uint8))
    np.testing.assert_allclose(image[100, 100], (10, 200, 30), rtol=0.15)  # a soft edge
    assert image[50, 100, 0] > image[50, 100, 2] + 50, "joints keep the colour of their side"


def test_keypoints_are_drawn_where_they_are_and_missing_ones_are_not():
    image = np.zeros((200, 200, 3), np.uint8)
    xy, confidence = np.full((14, 2), 20.0), np.zeros(14)
    xy[LSP_14.index("left_wrist")] = (150.0, 60.0)
    confidence[LSP_14.index("left_wrist")] = 1.0
    draw_keypoints(image, xy, confidence)
    assert image[60, 150].any()
    y, x = np.nonzero(image.any(axis=2))
    assert (x.mean(), y.mean()) == pytest.approx((150, 60), abs=0.1)
    assert not image[:50].any()


def test_left_and_right_limbs_differ_in_colour():
    image = np.zeros((200, 200, 3), np.uint8)
    xy, confidence = np.zeros((14, 2)), np.zeros(14)
    for side, x in (("left", 150.0), ("right", 50.0)):
        for joint, y in (("elbow", 50.0), ("wrist", 150.0)):
            row = LSP_14.index(f"{side}_{joint}")
            xy[row], confidence[row] = (x, y), 1.0
    draw_keypoints(image, xy, confidence)
    left, right = image[100, 150].astype(int), image[100, 50].astype(int)
    assert left[0] > left[2] + 50  # orange
    assert right[2] > right[0] + 50  # blue


def test_keypoints_far_outside_and_not_a_number_where_missing_do_not_fail():
    image = np.zeros((20, 20, 3), np.uint8)
    xy, confidence = np.full((14, 2), 1e9), np.ones(14)
    xy[0], confidence[0] = np.nan, 0.0
    draw_keypoints(image, xy, confidence)


def test_residuals_lead_from_what_was_fitted_to_a_ring_at_what_was_seen():
    before = np.full((120, 160, 3), 128, np.uint8)
    fitted = np.array([[20.0, 30.0], [100.0, 90.0], [50.0, 50.0]])
    seen = np.array([[60.0, 30.0], [100.0, 110.0], [np.nan, np.nan]])
    image = before.copy()
    draw_residuals(image, fitted, np.nan_to_num(seen), np.array([1.0, 0.4, 0.0]))
    for x in range(22, 55):
        assert image[30, x].min() > 200, "a white line"
        assert image[28:33, x].min() < 100, "with a dark edge"
    assert np.abs(changed(image, before) - [18, 27, 104, 115]).max() <= 2
    assert (image[40:80, :90] == 128).all(), "nothing of the missing joint"
    ring = image[30, 57:64].max(-1)
    assert ring.min() < 100
    assert ring.max() > 200
