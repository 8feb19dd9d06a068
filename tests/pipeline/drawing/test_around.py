"""Bodies from elsewhere: which way they are turned, and that they fit."""

import numpy as np
import pytest

from pipeline.drawing.around import from_around, from_the_side, region_of_clip
from tests.pipeline.drawing.test_overlay import RAYS, VIEW, box, changed


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


def red_and_blue(picture: np.ndarray) -> tuple[float, float]:
    """Mean column of the pixels that are more red, and of those more blue."""
    colors = picture.astype(int)
    red = np.nonzero(colors[..., 0] > colors[..., 2] + 60)[1]
    blue = np.nonzero(colors[..., 2] > colors[..., 0] + 60)[1]
    return red.mean(), blue.mean()


def test_a_turn_of_0_looks_as_the_photo_does_and_a_quarter_from_its_right():
    left, right = box((-0.5, 0, 4), 0.3, (255, 0, 0)), box((0.5, 0, 4), 0.3, (0, 0, 255))
    red, blue = red_and_blue(from_around([left, right], VIEW, 0.0, backend=RAYS))
    assert red < 60 < 100 < blue
    red, blue = red_and_blue(from_around([left, right], VIEW, np.pi, backend=RAYS))
    assert blue < 60 < 100 < red
    near, far = box((0, 0, 2.6), 0.2, (255, 0, 0)), box((0, 0, 3.4), 0.2, (0, 0, 255))
    red, blue = red_and_blue(from_around([near, far], VIEW, np.pi / 2, backend=RAYS))
    assert red < 80 < blue


def test_bodies_keep_their_size_and_fit_at_every_turn():
    people = [box((0, 0, 2), 0.5), box((0.4, 0, 6), 0.5)]
    empty = from_around([], VIEW, 0, backend=RAYS)
    heights = []
    for turn in np.linspace(0, 2 * np.pi, 9):
        x0, y0, x1, y1 = changed(from_around(people, VIEW, turn, backend=RAYS), empty)
        assert x0 > 2
        assert x1 < 158
        heights.append(y1 - y0)
    assert np.ptp(heights) <= 4


def test_a_clips_side_view_stands_still() -> None:
    """Somebody goes away from the camera: in the side view to the right, no larger or smaller."""
    places = np.array([(0.1, 0.0, z) for z in (3.0, 3.5, 4.0)])
    joints = (places[:, None] + np.array([(0, -0.5, 0), (0, 0.5, 0)])).reshape(-1, 3)
    region = region_of_clip(joints)
    empty = from_the_side([], VIEW, RAYS)
    seen = [
        changed(from_the_side([box(place, (0.2, 1.0, 0.2))], VIEW, RAYS, region), empty)
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


def test_a_body_that_is_far_off_in_one_frame_does_not_make_the_others_small() -> None:
    joints = np.random.default_rng(0).normal((0, 0, 4), 0.3, (100 * 14, 3))
    off = joints.copy()
    off[:14] += (0, 5, 40)
    one, other = region_of_clip(joints), region_of_clip(off)
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(other.middle, one.middle, atol=0.1)
    np.testing.assert_allclose(other.half, one.half, atol=0.2)
    assert region_of_clip(joints[:0]) is None
