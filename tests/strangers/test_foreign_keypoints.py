"""Keypoint files as other people's tools write them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.base import UnknownClipError
from detectors.keypoint_file import KeypointFile
from detectors.skeletons import BLAZEPOSE_33, COCO_17, OPENPOSE_18
from tests.strangers.foreign_keypoints import (
    HEIGHT,
    WIDTH,
    XY,
    annotations,
    detect,
    flat,
    instance,
    landmarks,
    nested,
    openpose,
    save,
)

# One person in many spellings


@pytest.mark.parametrize(
    ("content", "joints"),
    [
        (openpose(flat(18), key="pose_keypoints"), OPENPOSE_18),
        (openpose(nested(18)), OPENPOSE_18),  # pyright: ignore[reportArgumentType]
        ([{"image_id": "photo.jpg", "keypoints": nested()}], COCO_17),
        ([{"bbox": [1, 2, 3, 4, 0.9], "keypoints": nested()}], COCO_17),  # mmpose 0
        ([{"keypoints": XY[:17].tolist(), "scores": [0.5] * 17}], COCO_17),  # transformers
        (
            [{"score": 1, "keypoints": [{"x": x, "y": y, "score": 0.5} for x, y in XY[:17]]}],
            COCO_17,
        ),  # tfjs
        (
            [
                {
                    "name": "person",
                    "keypoints": {
                        "x": XY[:17, 0].tolist(),
                        "y": XY[:17, 1].tolist(),
                        "visible": [0.5] * 17,
                    },
                }
            ],
            COCO_17,
        ),  # ultralytics
        ({"photo.jpg": [nested()]}, COCO_17),
        ({"photo.jpg": openpose(flat(18))}, OPENPOSE_18),  # AlphaPose for OpenPose
        (nested(), COCO_17),
        ({"keypoints": nested()}, COCO_17),
    ],
)
def test_spellings_of_one_person(content: Any, joints: tuple[str, ...], tmp_path: Path) -> None:
    found = detect(save(tmp_path / "photo.json", content))
    assert found.joint_names == joints
    assert len(found) == 1
    np.testing.assert_allclose(found.keypoints[0], XY[: len(joints)], rtol=1e-6)
    np.testing.assert_allclose(found.scores[0], 0.5)


def test_coco_annotations_may_be_nested(tmp_path: Path) -> None:
    content = {
        "images": [{"id": 1, "file_name": "photo.jpg"}],
        "annotations": [{"image_id": 1, "keypoints": nested(score=2)}],
    }
    found = detect(save(tmp_path / "k.json", content))
    np.testing.assert_allclose(found.keypoints[0], XY[:17], rtol=1e-6)
    assert (found.scores == 1).all()


def test_points_without_scores_count_but_for_those_at_zero(tmp_path: Path) -> None:
    points = XY[:17].tolist()
    points[3] = [0, 0]
    found = detect(save(tmp_path / "photo.json", points))
    assert np.flatnonzero(found.scores[0] == 0).tolist() == [3]
    assert found.scores[0].sum() == 16


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_arrays(columns: int, tmp_path: Path) -> None:
    """x, y; x, y, z as mediapipe's z goes below 0; x, y, z, visibility."""
    depth, seen = np.linspace(-1, 1, 33), np.full(33, 0.5)
    rows = np.column_stack([XY, depth, seen])[:, :columns]
    np.save(tmp_path / "photo.npy", rows)
    found = detect(tmp_path / "photo.npy")
    np.testing.assert_allclose(found.keypoints[0], XY, rtol=1e-6)
    np.testing.assert_allclose(found.scores, 0.5 if columns == 4 else 1)
    np.save(tmp_path / "clip.npy", np.stack([rows, rows + 0.01, rows]))
    assert detect(tmp_path / "clip.npy", "clip.mp4", frames=3).frame.tolist() == [0, 1, 2]


def test_a_damaged_array_is_one_clear_error(tmp_path: Path) -> None:
    np.save(tmp_path / "k.npy", np.zeros((17, 3)))
    whole = (tmp_path / "k.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:150])
    (tmp_path / "claims.npy").write_bytes(whole.replace(b"(17, 3)", b"(9999999999, 3)"))
    np.save(tmp_path / "pickle.npy", np.array([{}], object), allow_pickle=True)
    np.save(tmp_path / "text.npy", np.array(["a"]))
    for name in ("cut", "claims", "pickle", "text"):
        with pytest.raises(ValueError, match=rf"{name}\.npy: not an npy of numbers, or damaged"):
            detect(tmp_path / f"{name}.npy")


# mediapipe: fractions of the image


@pytest.mark.parametrize(
    "content",
    [
        landmarks(),
        [landmarks()],
        {"landmarks": landmarks()},
        {"pose_landmarks": [landmarks()], "face_landmarks": [], "pose_world_landmarks": [[]]},
        {"poseLandmarks": landmarks(), "poseWorldLandmarks": landmarks(XY / 1000)},
        {"landmark": landmarks()},
        [{"landmarks": landmarks()}],
    ],
)
def test_mediapipes_landmarks(content: Any, tmp_path: Path) -> None:
    found = detect(save(tmp_path / "photo.json", content))
    assert found.joint_names == BLAZEPOSE_33
    np.testing.assert_allclose(found.keypoints[0], XY, atol=1e-3)
    np.testing.assert_allclose(found.scores, 0.9)
    np.testing.assert_allclose(found.boxes[0], [*XY.min(0), *XY.max(0)], atol=1e-3)


def test_landmarks_outside_of_the_image_are_fractions_still(tmp_path: Path) -> None:
    legs = XY.copy()
    legs[25:, 1] += 800  # a half body, whose legs mediapipe makes up
    found = detect(save(tmp_path / "photo.json", landmarks(legs)))
    np.testing.assert_allclose(found.keypoints[0], legs, atol=1e-3)


def test_what_the_numbers_are_can_be_told(tmp_path: Path) -> None:
    fractions = (XY[:25] + 0.5) / (WIDTH, HEIGHT)
    for kind, xy in {"fractions": fractions, "centered": fractions * 2 - 1}.items():
        person = np.column_stack([xy, np.ones(25)]).ravel().tolist()
        path = save(tmp_path / "photo_keypoints.json", openpose(person))
        found = detect(path, units=kind)
        np.testing.assert_allclose(found.keypoints[0], XY[:25], atol=1e-3)
    with pytest.raises(UnknownClipError, match=r"below 0: set detector\.units=centered"):
        detect(path)
    assert np.abs(detect(path, units="pixels").keypoints).max() <= 1


def test_openposes_fractions_are_told_by_their_range(tmp_path: Path) -> None:
    person = np.column_stack([(XY[:25] + 0.5) / (WIDTH, HEIGHT), np.ones(25)]).ravel().tolist()
    found = detect(save(tmp_path / "photo_keypoints.json", openpose(person)))
    np.testing.assert_allclose(found.keypoints[0], XY[:25], atol=1e-3)


# Keypoints of a resized image


@pytest.mark.parametrize("scale", [0.5, 2, [2, 0.5]])
def test_keypoints_of_a_resized_image(scale: Any, tmp_path: Path) -> None:
    smaller = (XY[:17] + 0.5) / scale - 0.5
    path = save(tmp_path / "photo.json", [{**instance(), "keypoints": smaller.tolist()}])
    np.testing.assert_allclose(detect(path, scale=scale).keypoints[0], XY[:17], atol=1e-3)


@pytest.mark.parametrize("scale", [0, -1, "big", [1, 2, 3], float("nan"), float("inf")])
def test_a_scale_that_is_none_is_refused(scale: Any) -> None:
    with pytest.raises(ValueError, match=r"^KeypointFile\.scale: expected a number, or \[x, y\]"):
        KeypointFile("k.json", scale=scale)


def test_fractions_have_no_scale(tmp_path: Path) -> None:
    path = save(tmp_path / "photo.json", landmarks())
    with pytest.raises(ValueError, match=r"scale: photo\.jpg has keypoints in fractions"):
        detect(path, scale=2)


def test_the_size_that_a_file_says_is_used(tmp_path: Path) -> None:
    """COCO's files know the size of their images; the photo may have been resized since."""
    half = (XY[:17] + 0.5) / 2 - 0.5
    path = save(tmp_path / "k.json", annotations(WIDTH // 2, HEIGHT // 2, half))
    found = detect(path)
    np.testing.assert_allclose(found.keypoints[0], XY[:17], atol=1e-3)
    np.testing.assert_allclose(found.boxes[0], [20.5, 20.5, 220.5, 120.5])
    np.testing.assert_allclose(detect(path, scale=1).keypoints[0], half, atol=1e-3)
    save(path, annotations(HEIGHT, WIDTH, half))
    with pytest.raises(
        UnknownClipError, match=r"for an image of 480 x 640, this one has 640 x 480"
    ):
        detect(path)


def test_keypoints_of_a_larger_image_are_not_believed(tmp_path: Path) -> None:
    path = save(tmp_path / "photo.json", [instance(shift=700)])
    with pytest.raises(UnknownClipError, match=r"outside the image of 640 x 480: .*scale=0\.4"):
        detect(path)
    assert len(detect(path, units="pixels")) == len(detect(path, scale=1)) == 1


# The same person twice


def test_who_is_in_a_file_twice_is_one_person(tmp_path: Path) -> None:
    """As OpenPose did: the same again, or with part of the joints, moved by a little."""
    part = np.array(flat(25, shift=2, score=0.4)).reshape(25, 3)
    part[8:] = 0
    people = [flat(25, score=0.6), flat(25), part.ravel().tolist(), flat(25, shift=60)]
    found = detect(save(tmp_path / "photo_keypoints.json", openpose(*people)))
    assert len(found) == 2
    np.testing.assert_allclose(found.scores[0], 0.6)


def test_two_people_who_share_a_limb_stay_two(tmp_path: Path) -> None:
    """OpenPose gives legs to both of two people who stand close."""
    other = np.array(flat(25, shift=45)).reshape(25, 3)
    other[10:15] = np.array(flat(25)).reshape(25, 3)[10:15]
    people = [flat(25), other.ravel().tolist()]
    assert len(detect(save(tmp_path / "photo_keypoints.json", openpose(*people)))) == 2
