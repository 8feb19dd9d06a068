"""What the fit refuses: nouns with wrong shapes, files that are no models."""

import numpy as np
import pytest

from fitting import Camera, Keypoints, focal_length_px, load_body_model, load_pose_prior
from fitting.priors import PosePrior


def test_focal_length_comes_from_exif_else_the_diagonal_else_the_user():
    # 36 x 24 mm film has a diagonal of 43.27 mm
    assert focal_length_px("auto", (3600, 2400), 50.0) == pytest.approx(5000.0)
    assert focal_length_px("auto", (300, 400), None) == pytest.approx(500.0)
    assert focal_length_px("5000", (300, 400), 28.0) == 5000.0


def test_millimetres_as_on_35_mm_film():
    # 25 mm on film of 43.27 mm across, an image of 1500 px across
    for setting in ("25mm", "25 mm", "25.0MM"):
        assert focal_length_px(setting, (1200, 900), None) == pytest.approx(866.7, abs=0.1)
    assert focal_length_px("25mm", (1200, 900), 50.0) == pytest.approx(866.7, abs=0.1)


@pytest.mark.parametrize("setting", ["4.9mm", "2001mm", "1e300mm"])
def test_millimetres_of_no_lens_are_refused(setting):
    with pytest.raises(ValueError, match=r"focal_length: expected 5mm\.\.2000mm as on 35-mm film"):
        focal_length_px(setting, (1200, 900), None)


def test_millimetres_typed_as_pixels_are_told_from_pixels():
    with pytest.raises(
        ValueError,
        match=r"25 px is not possible for 1200 x 900 px, expected "
        r"173\.\.693375 px; .* say 25mm, which is 867 px",
    ):
        focal_length_px("25", (1200, 900), None)
    with pytest.raises(ValueError, match=r"1e\+06 px is not possible .*173\.\.693375 px$"):
        focal_length_px("1e6", (1200, 900), None)
    assert focal_length_px("174", (1200, 900), None) == 174
    assert focal_length_px("5000", (80, 80), None) == 5000, "nearly parallel rays are allowed"


@pytest.mark.parametrize("setting", ["wide", "-3", "nan", "0", "inf", "mm", "35cm"])
def test_other_focal_lengths_are_refused_by_name(setting):
    with pytest.raises(ValueError, match=f"focal_length: expected 'auto'.*{setting}"):
        focal_length_px(setting, (300, 400), None)


def keypoints(**changes):
    fields = {
        "frame": np.zeros(2, np.int32),
        "track": np.arange(2, dtype=np.int32),
        "xy": np.zeros((2, 14, 2), np.float32),
        "confidence": np.ones((2, 14), np.float32),
    }
    return Keypoints(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xy": np.zeros((2, 13, 2))}, r"xy: expected shape \(2, 14, 2\), got \(2, 13, 2\)"),
        ({"confidence": np.full((2, 14), 1.5)}, r"confidence: expected 0\.\.1"),
        ({"confidence": np.full((2, 14), -0.1)}, r"confidence: expected 0\.\.1"),
        ({"points_3d": np.zeros((2, 14, 3))}, r"points_3d: expected shape \(2, 25, 3\)"),
        ({"track": np.zeros(3, np.int32)}, r"track: expected shape \(2,\), got \(3,\)"),
    ],
)
def test_keypoints_say_what_is_wrong(changes, message):
    with pytest.raises(ValueError, match=message):
        keypoints(**changes)


def test_rows_keep_their_3d_points_and_those_without_know_none():
    points = np.arange(2 * 25 * 3, dtype=np.float32).reshape(2, 25, 3)
    both = Keypoints.concatenate([keypoints(points_3d=points), keypoints()])
    np.testing.assert_array_equal(both.points_3d[:2], points)
    assert np.isnan(both.points_3d[2:]).all()
    np.testing.assert_array_equal(both[1:2].points_3d, points[1:])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_point_that_is_no_number_is_missing(value):
    xy, sure = np.ones((2, 14, 2), np.float32), np.ones((2, 14), np.float32)
    xy[0, 3, 1], sure[1, 5] = value, value
    found = keypoints(xy=xy, confidence=sure)
    assert found.confidence[0, 3] == found.confidence[1, 5] == 0
    assert found.confidence.sum() == 26
    assert sure[0, 3] == 1, "the caller's array is left alone"


def test_a_camera_needs_a_positive_focal_length():
    with pytest.raises(ValueError, match="focal_length: expected positive"):
        Camera(np.array([100.0, -1.0]), np.zeros((2, 2)))


def test_a_missing_body_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no body .* at .*nobody\.npz"):
        load_body_model(tmp_path / "nobody.npz")


def test_a_body_that_carries_pickles_is_refused_unread(tmp_path, body):
    class Bomb:
        def __reduce__(self):
            return (print, ("executed",))

    path = tmp_path / "bomb.npz"
    np.savez(path, v_template=np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match="without pickles"):
        load_body_model(path)


def test_a_body_that_lacks_a_field_says_which(tmp_path):
    np.savez(tmp_path / "half.npz", v_template=np.zeros((5, 3)), f=np.zeros((1, 3)))
    with pytest.raises(ValueError, match="lacks shapedirs, J_regressor, weights, kintree"):
        load_body_model(tmp_path / "half.npz")


def test_a_prior_must_be_a_mixture(prior, tmp_path):
    with pytest.raises(ValueError, match=r"weights sum to 0\.5"):
        PosePrior(prior.means, prior.covars, prior.weights / 2)
    with pytest.raises(ValueError, match="not positive definite"):
        PosePrior(prior.means, -prior.covars, prior.weights)
    np.savez(tmp_path / "no.npz", means=prior.means)
    with pytest.raises(ValueError, match="no pose prior: it lacks covars"):
        load_pose_prior(tmp_path / "no.npz")


@pytest.mark.parametrize("damage", [b"", b"PK", b"not an npz at all"])
def test_a_damaged_model_is_told_from_a_missing_one(tmp_path, damage):
    path = tmp_path / "body.npz"
    path.write_bytes(damage)
    with pytest.raises(ValueError, match=r"body\.npz is no body"):
        load_body_model(path)


def test_a_model_cut_short_is_refused(tmp_path, body):
    path = tmp_path / "prior.npz"
    np.savez(path, means=np.zeros((8, 69)))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="is no pose prior"):
        load_pose_prior(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_betas": 11}, r"fit\.n_betas: expected 1\.\.10, got 11"),
        ({"robust_sigma": 0}, r"fit\.robust_sigma: expected a number above 0, got 0"),
        ({"camera": {"tolerance": -1}}, r"fit\.camera\.tolerance: expected a number above 0"),
        ({"joint_weights": {"left_hop": 1}}, r"fit\.joint_weights: .*, got \['left_hop'\]"),
        ({"camera": {"weights": {"depth": -3}}}, r"fit\.camera\.weights\.depth: .* 0 or more"),
        ({"stages": []}, r"fit\.stages: expected at least one stage"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(preset, changes, message):
    with pytest.raises(ValueError, match=message):
        preset("smplify", **changes)
