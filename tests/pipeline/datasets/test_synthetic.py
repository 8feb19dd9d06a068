"""Drawn people: their truth, and the errors that a detector makes on them."""

from pathlib import Path

import numpy as np
import pytest

from fitting import BodyModel
from fitting.joints import EXTRA, LSP_14
from pipeline.datasets.synthetic import IMAGE_SIDE, Cases, Errors, draw_cases, load_errors, torso_px


@pytest.fixture(scope="module")
def clean(body: BodyModel, poses: np.ndarray) -> Cases:
    return draw_cases(40, body, poses)


def pixels(cases: Cases) -> np.ndarray:
    flat = cases.joints[..., :2] / cases.joints[..., 2:]
    return cases.camera.focal_length[:, None, None] * flat + cases.camera.center[:, None]


def test_the_truth_is_of_one_piece(clean: Cases, body: BodyModel) -> None:
    """Parameters give the joints, joints and camera the keypoints; the person fills the image."""
    head = body.vertices(clean.params)[:, body.head_top]
    np.testing.assert_allclose(head, clean.joints[:, LSP_14.index("head_top")], atol=1e-6)
    np.testing.assert_allclose(clean.keypoints.xy, pixels(clean), atol=1e-3)
    assert (clean.keypoints.confidence == 1).all()
    assert (clean.keypoints.extra_confidence == 1).all()
    size = np.ptp(pixels(clean), axis=1).max(1)
    assert 0.6 * IMAGE_SIDE < size.min() <= size.max() < 0.95 * IMAGE_SIDE
    assert (torso_px(clean) >= 40).all()
    ratio = clean.camera.focal_length / IMAGE_SIDE
    assert 0.8 <= ratio.min() < 1.0 < 1.6 < ratio.max() <= 1.8


def test_a_seed_means_the_same_people_for_any_number_and_any_errors(
    clean: Cases, body: BodyModel, poses: np.ndarray
) -> None:
    errors = Errors(np.full((2, 14, 2), 0.1), np.full((2, 14), 0.5))
    for other in (draw_cases(70, body, poses), draw_cases(40, body, poses, errors)):
        np.testing.assert_array_equal(other.joints[:40], clean.joints)
        np.testing.assert_array_equal(other.camera.focal_length[:40], clean.camera.focal_length)
    assert np.abs(draw_cases(40, body, poses, seed=1).joints - clean.joints).max() > 0.1


def test_a_camera_that_looks_down_sees_heads_nearer_than_feet(
    body: BodyModel, poses: np.ndarray
) -> None:
    neck = LSP_14.index("neck")

    def lean(cases: Cases) -> float:
        """How far trunks lean towards the camera on average, degrees."""
        trunk = cases.joints[:, neck] - cases.joints[:, 2:4].mean(1)
        return float(np.degrees(np.arctan2(-trunk[:, 2], -trunk[:, 1])).mean())

    level, above = (draw_cases(64, body, poses, pitch=pitch) for pitch in (0.0, 25.0))
    assert 20 < lean(above) - lean(level) < 30
    np.testing.assert_allclose(above.keypoints.xy, pixels(above), atol=1e-3)


def test_keypoints_carry_whole_error_patterns(
    clean: Cases, body: BodyModel, poses: np.ndarray
) -> None:
    rng = np.random.default_rng(0)
    errors = Errors(rng.normal(0, 0.2, (5, 14, 2)), rng.uniform(0, 1, (5, 14)))
    seen = draw_cases(40, body, poses, errors).keypoints
    offsets = (seen.xy - pixels(clean)) / torso_px(clean)[:, None, None]
    apart = np.abs(offsets[:, None] - errors.offsets[None]).max((2, 3))
    chosen = apart.argmin(1)
    assert apart.min(1).max() < 1e-4, "each is one of the patterns, all its joints together"
    assert set(chosen) == set(range(5))
    np.testing.assert_allclose(seen.confidence, errors.confidence[chosen], rtol=1e-6)
    nose, toe = EXTRA.index("nose"), EXTRA.index("left_big_toe")
    for extra, joint in ((nose, "head_top"), (toe, "left_ankle")):
        column = LSP_14.index(joint)
        own = (seen.extra_xy - clean.keypoints.extra_xy)[:, extra] / torso_px(clean)[:, None]
        assert np.abs(own - errors.offsets[chosen, column]).max() < 0.15
        sure = errors.confidence[chosen, column]
        np.testing.assert_allclose(seen.extra_confidence[:, extra], 0.9 * sure, rtol=1e-6)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"offsets": np.zeros((2, 14, 2))}, "lacks confidence"),
        ({"offsets": np.zeros((2, 13, 2)), "confidence": np.zeros((2, 14))}, "expected .M, 14, 2."),
        (
            {"offsets": np.zeros((0, 14, 2)), "confidence": np.zeros((0, 14))},
            "to draw from, got none",
        ),
        ({"offsets": np.zeros((2, 14, 2)), "confidence": np.full((2, 14), 2)}, "confidence 0..1"),
    ],
    ids=["lacks one", "other shape", "empty", "out of range"],
)
def test_other_files_are_no_errors(arrays: dict, message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "e.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        load_errors(tmp_path / "e.npz")


def test_errors_that_others_learn_from_are_left_out(tmp_path: Path) -> None:
    offsets = np.arange(4)[:, None, None] * np.ones((4, 14, 2))
    arrays = {"offsets": offsets, "confidence": np.ones((4, 14))}
    np.savez(tmp_path / "all.npz", **arrays)
    np.savez(tmp_path / "numbered.npz", **arrays, image=np.array([2, 5, 8, 9], np.int16))
    assert load_errors(tmp_path / "all.npz").offsets[:, 0, 0].tolist() == [0, 1, 2, 3]
    assert load_errors(tmp_path / "numbered.npz").offsets[:, 0, 0].tolist() == [1, 3]
