"""Pictures for people: what is drawn, where, and what stays as it was."""

import numpy as np
import pytest

from fitting.joints import LSP_14
from pipeline.drawing.mesh_renderer import Mesh, Rendering, View
from pipeline.drawing.overlay import (
    compose,
    draw_keypoints,
    draw_residuals,
    framing_of_clip,
    from_the_side,
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
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])  # fmt: skip  # noqa: E501
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


def test_compose_refuses_other_sizes(photo):
    blank = Rendering(np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5)), np.zeros((4, 5)))
    with pytest.raises(ValueError, match=r"expected a photo .* \(4, 5, 3\), got \(120, 160, 3\)"):
        compose(photo, blank)
    with pytest.raises(ValueError, match=r"within 0\.\.1, got 2"):
        compose(photo, Rendering(photo, np.zeros((120, 160)), np.zeros((120, 160))), 2)


def test_overlay_changes_the_photo_only_where_the_body_is(photo):
    drawn = overlay(photo, [box((0, 0, 3), 0.4)], VIEW, backend=RAYS)
    half = 300 * 0.2 / 2.8  # the box's near side
    expected = [80 - half, 60 - half, 80 + half, 60 + half]
    assert np.abs(changed(drawn, photo) - expected).max() <= 1


def test_nobody_leaves_the_photo(photo):
    assert (overlay(photo, [], VIEW, backend=RAYS) == photo).all()


def test_side_by_side_is_three_panels(photo):
    picture = side_by_side(photo, [box((0.2, 0, 3), 0.4)], VIEW, backend=RAYS)
    gap = (picture.shape[1] - 3 * 160) // 2
    assert picture.shape[0] == 120
    assert 2 <= gap <= 4
    assert (picture[:, :160] == photo).all()
    assert (picture[:, 160 : 160 + gap] == 255).all()
    middle = picture[:, 160 + gap : 320 + gap]
    assert (middle == overlay(photo, [box((0.2, 0, 3), 0.4)], VIEW, backend=RAYS)).all()
    side = picture[:, -160:]
    assert (side == from_the_side([box((0.2, 0, 3), 0.4)], VIEW, RAYS)).all()


def test_a_large_photo_is_made_smaller():
    photo = np.zeros((400, 600, 3), np.uint8)
    view = View(700.0, (299.5, 199.5), (600, 400))
    picture = side_by_side(photo, [box((0, 0, 3), 0.4)], view, max_side=300, backend=RAYS)
    assert picture.shape[0] == 200
    assert picture.shape[1] in range(904, 912)


def test_the_side_view_shows_depth_as_width_at_the_photo_scale():
    slab = box((0.3, 0.1, 3), (0.2, 0.5, 0.9))
    empty = from_the_side([], VIEW, RAYS)
    x0, y0, x1, y1 = changed(from_the_side([slab], VIEW, RAYS), empty)
    assert x1 - x0 == pytest.approx(300 * 0.9 / 3, abs=4)  # px of the slab's depth
    assert y1 - y0 == pytest.approx(300 * 0.5 / 3, abs=4)
    assert (x0 + x1) / 2 == pytest.approx(80, abs=1)
    assert (y0 + y1) / 2 == pytest.approx(60, abs=1)


def test_the_side_view_looks_from_the_right_of_the_photo():
    """What was nearer to the photo's camera is on the left."""
    near, far = box((0, 0, 2.6), 0.2, (255, 0, 0)), box((0, 0, 3.4), 0.2, (0, 0, 255))
    picture = from_the_side([near, far], VIEW, RAYS).astype(int)
    red = np.nonzero(picture[..., 0] > picture[..., 2] + 60)[1]
    blue = np.nonzero(picture[..., 2] > picture[..., 0] + 60)[1]
    assert red.max() < 80 < blue.min()


def test_the_side_view_fits_people_far_apart():
    people = [box((0, 0, 2), 0.5), box((0.4, 0, 9), 0.5)]
    empty = from_the_side([], VIEW, RAYS)
    x0, _, x1, _ = changed(from_the_side(people, VIEW, RAYS), empty)
    assert x0 > 2
    assert x1 < 158
    assert x1 - x0 > 130


def test_a_clips_side_view_stands_still() -> None:
    """Somebody goes away from the camera: in the side view to the right, no larger or smaller."""
    places = np.array([(0.1, 0.0, z) for z in (3.0, 3.5, 4.0)])
    joints = (places[:, None] + np.array([(0, -0.5, 0), (0, 0.5, 0)])).reshape(-1, 3)
    framing = framing_of_clip(joints)
    empty = from_the_side([], VIEW, RAYS)
    seen = [
        changed(from_the_side([box(place, (0.2, 1.0, 0.2))], VIEW, RAYS, framing), empty)
        for place in places
    ]
    left, top, right, bottom = np.array(seen).T
    middles = (left + right) / 2
    assert np.diff(middles) == pytest.approx(np.diff(middles)[0], abs=1.5)
    assert middles[0] < 80 - 20
    assert middles[2] > 80 + 20
    assert np.ptp(right - left) <= 2
    assert np.ptp(top) <= 1
    assert np.ptp(bottom) <= 1
    whole = side_by_side(
        np.zeros((120, 160, 3), np.uint8), [box(places[2], (0.2, 1.0, 0.2))], VIEW,
        backend=RAYS, framing=framing,
    )  # fmt: skip
    assert (changed(whole[:, -160:], empty) == seen[2]).all()


def test_a_body_that_is_far_off_in_one_frame_does_not_make_the_others_small() -> None:
    joints = np.random.default_rng(0).normal((0, 0, 4), 0.3, (100 * 14, 3))
    off = joints.copy()
    off[:14] += (0, 5, 40)
    one, other = framing_of_clip(joints), framing_of_clip(off)
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(other.middle, one.middle, atol=0.1)
    np.testing.assert_allclose(other.half, one.half, atol=0.2)
    assert framing_of_clip(joints[:0]) is None


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
