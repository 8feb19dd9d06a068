"""What every detector gives back: rows, and 3-D keypoints where it has them."""

import numpy as np
import pytest

from detectors.base import Detections, People
from detectors.skeletons import COCO_17


def people(count: int, lifted: bool = True, seed: int = 0) -> People:
    rng = np.random.default_rng(seed)
    return People(
        boxes=rng.uniform(0, 100, (count, 4)).astype(np.float32),
        keypoints=rng.uniform(0, 100, (count, 17, 2)).astype(np.float32),
        scores=rng.uniform(0, 1, (count, 17)).astype(np.float32),
        keypoints_3d=rng.normal(size=(count, 17, 3)).astype(np.float32) if lifted else None,
    )


def test_3d_keypoints_are_stacked_like_the_others():
    frames = [people(2), people(0), people(1, seed=1)]
    found = Detections.from_frames(frames, COCO_17)
    assert found.lifted
    assert found.frame.tolist() == [0, 0, 2]
    np.testing.assert_array_equal(found.keypoints_3d[:2], frames[0].keypoints_3d)
    np.testing.assert_array_equal(found.keypoints_3d[2:], frames[2].keypoints_3d)


@pytest.mark.parametrize("counts", [[], [0, 0], [2, 0, 1]])
def test_without_3d_keypoints_there_are_rows_but_no_columns(counts):
    found = Detections.from_frames([people(count, lifted=False) for count in counts], COCO_17)
    assert not found.lifted
    assert found.keypoints_3d.shape == (sum(counts), 0, 3)


def test_nobody_in_any_frame_of_a_detector_that_lifts():
    found = Detections.from_frames([people(0), people(0)], COCO_17)
    assert found.lifted
    assert found.keypoints_3d.shape == (0, 17, 3)


@pytest.mark.parametrize("rows", [np.array([2, 3]), np.array([False, False, True, True])])
def test_taking_rows_takes_them_of_every_field(rows):
    found = Detections.from_frames([people(2), people(2, seed=1)], COCO_17)
    taken = found[rows]
    assert taken.joint_names == COCO_17
    for name in ("frame", "track", "boxes", "keypoints", "scores", "keypoints_3d"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(found, name)[2:], name)


@pytest.mark.parametrize("shape", [(1, 16, 3), (1, 17, 2), (2, 17, 3), (17, 3)])
def test_3d_keypoints_of_another_shape_are_refused(shape):
    one = people(1)
    with pytest.raises(ValueError, match=r"Detections\.keypoints_3d: expected shape \(1, 17, 3\)"):
        Detections(
            np.zeros(1, np.int32),
            np.zeros(1, np.int32),
            one.boxes,
            one.keypoints,
            one.scores,
            COCO_17,
            np.zeros(shape, np.float32),
        )


def test_scores_of_people_are_stacked_and_unknown_ones_are_nan():
    scored = People(**vars(people(2)) | {"person_score": np.array([0.9, 0.6], np.float32)})
    found = Detections.from_frames([scored, people(1)], COCO_17)
    assert found.person_score.tolist()[:2] == pytest.approx([0.9, 0.6])
    assert np.isnan(found.person_score[2])
    assert found[np.array([1])].person_score.tolist() == pytest.approx([0.6])
    with pytest.raises(ValueError, match=r"Detections\.person_score: expected 0\.\.1, got"):
        Detections(**vars(found) | {"person_score": np.array([0.5, 1.5, np.nan], np.float32)})
    with pytest.raises(ValueError, match=r"Detections\.scores: expected finite"):
        Detections(**vars(found) | {"scores": np.full_like(found.scores, np.nan)})
