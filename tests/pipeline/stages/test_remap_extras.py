"""Points of face and feet, and 3-D keypoints, from any detector's joints."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.base import Detections
from detectors.skeletons import BLAZEPOSE_33, HALPE_26, SKELETONS
from fitting.joints import EXTRA, POINTS
from pipeline.inputs.clips import PeopleChoice
from pipeline.stages.remap import select, to_lsp
from tests.pipeline.stages.detected import FACE, LIMBS, MOUTH, SIZE, crowd, person


def extra(found: Detections, name: str, min_confidence: float = 0.0) -> tuple[np.ndarray, float]:
    """Place and confidence of a point of EXTRA of the first row."""
    remapped = to_lsp(found, SIZE, min_confidence)
    column = EXTRA.index(name)
    return remapped.extra_xy[0, column], float(remapped.extra_confidence[0, column])


@pytest.mark.parametrize(
    ("skeleton", "lacking"),
    [
        ("halpe26", set()),
        ("wholebody133", set()),
        ("openpose25", set()),
        ("blazepose33", {"left_small_toe", "right_small_toe"}),
        ("coco17", {name for name in EXTRA if "toe" in name or "heel" in name}),
        ("lsp14", set(EXTRA)),
        ("mpii16", set(EXTRA)),
    ],
)
def test_face_and_feet_ride_beside_by_name(skeleton: str, lacking: set[str]) -> None:
    found = person(SKELETONS[skeleton])
    for name in EXTRA:
        xy, confidence = extra(found, name)
        if name in lacking:
            assert confidence == 0, name
        else:
            column = found.joint_names.index(name)
            np.testing.assert_array_equal(xy, found.keypoints[0, column], err_msg=name)
            assert confidence == found.scores[0, column]


def test_a_doubtful_point_of_face_or_feet_and_one_outside_are_missing() -> None:
    found = person(HALPE_26, {"left_heel": (100, 480)}, {"nose": 0.29, "left_eye": 0.31})
    assert extra(found, "left_heel")[1] == 0
    assert extra(found, "right_heel")[1] > 0
    assert extra(found, "nose", 0.3)[1] == 0
    assert extra(found, "left_eye", 0.3)[1] == pytest.approx(0.31)


def lifted(found: Detections) -> Detections:
    """With 3-D keypoints: those of the picture as metres, and a depth of their own."""
    depth = np.arange(len(found.joint_names), dtype=np.float32) ** 2
    flat = found.keypoints / 100
    third = np.broadcast_to(depth, flat.shape[:2])[..., None]
    return replace(found, keypoints_3d=np.concatenate([flat, third], -1).astype(np.float32))


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_3d_keypoints_are_made_as_the_2d_ones_are(skeleton: str) -> None:
    """Also of points that are missing in the picture, because they lie outside."""
    found = person(SKELETONS[skeleton], FACE | MOUTH if skeleton == "blazepose33" else None)
    remapped = to_lsp(lifted(found), SIZE, 0.0)
    xy = np.concatenate([remapped.xy, remapped.extra_xy], 1)
    known = np.concatenate([remapped.confidence, remapped.extra_confidence], 1) > 0
    np.testing.assert_allclose(remapped.points_3d[known][:, :2], xy[known] / 100, atol=1e-4)
    assert np.isnan(remapped.points_3d[~known]).all()
    for name in (*LIMBS, *EXTRA):
        if name in found.joint_names:
            depth = remapped.points_3d[0, POINTS.index(name), 2]
            assert depth == found.joint_names.index(name) ** 2, name
    small = to_lsp(lifted(found), (1, 1), 0.0)
    assert not small.confidence.any()
    np.testing.assert_array_equal(small.points_3d, remapped.points_3d)


def test_without_3d_keypoints_every_point_is_unknown_in_3d() -> None:
    remapped = to_lsp(person(BLAZEPOSE_33, n=2), SIZE, 0.0)
    assert remapped.points_3d.shape == (2, 25, 3)
    assert np.isnan(remapped.points_3d).all()


def test_whoever_is_chosen_keeps_its_own_3d_keypoints() -> None:
    everybody = lifted(crowd())
    chosen = select(everybody, PeopleChoice.largest)
    np.testing.assert_array_equal(chosen.keypoints_3d, everybody.keypoints_3d[[1, 4]])


def test_the_score_of_a_person_rides_along() -> None:
    found = person(BLAZEPOSE_33)
    assert np.isnan(to_lsp(found, SIZE, 0.0).person_score).all()
    scored = replace(found, person_score=np.full(len(found), 0.75, np.float32))
    assert to_lsp(scored, SIZE, 0.0).person_score.tolist() == [0.75] * len(found)
