"""Keypoint files as other people's tools write and name them."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.base import Detections, Resources, UnknownClipError
from detectors.keypoint_file import KeypointFile
from detectors.skeletons import BLAZEPOSE_33, COCO_17, LSP_14, OPENPOSE_18

WIDTH, HEIGHT = 640, 480
XY = np.random.default_rng(0).uniform((60, 40), (580, 440), (33, 2)).round(2)


def detect(
    path: Path, name: str = "photo.jpg", frames: int = 1, alone: bool = False, **options: Any
) -> Detections:
    pictures = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * frames
    detector = KeypointFile(str(path), **options)
    return (detector.when_alone() if alone else detector).detect(pictures, Resources(), name)


def save(path: Path, content: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def flat(k: int = 17, shift: float = 0, score: float = 0.5) -> list[float]:
    return [n for x, y in (XY[:k] + shift).tolist() for n in (x, y, score)]


def nested(k: int = 17, shift: float = 0, score: float = 0.5) -> list[list[float]]:
    return [[x, y, score] for x, y in (XY[:k] + shift).tolist()]


def openpose(*people: list[float], key: str = "pose_keypoints_2d") -> dict[str, Any]:
    return {"people": [{key: person} for person in people]}


def instance(shift: float = 0) -> dict[str, Any]:
    return {"keypoints": (XY[:17] + shift).tolist(), "keypoint_scores": [0.5] * 17}


def landmarks(xy: np.ndarray = XY, score: float = 0.9) -> list[dict[str, float]]:
    """As mediapipe's, in fractions from edge to edge."""
    inside = (xy + 0.5) / (WIDTH, HEIGHT)
    return [{"x": x, "y": y, "z": -0.1, "visibility": score} for x, y in inside.tolist()]


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


def annotations(width: int, height: int, xy: np.ndarray) -> dict[str, Any]:
    keypoints = np.column_stack([xy, np.full(17, 2)]).ravel().tolist()
    return {
        "images": [{"id": 1, "file_name": "photo.jpg", "width": width, "height": height}],
        "annotations": [{"image_id": 1, "keypoints": keypoints, "bbox": [10, 10, 100, 50]}],
    }


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


# Names


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("000000000001_keypoints.json", "1.jpg"),
        ("000000000001_keypoints.json", "000001.png"),
        ("000000000001_keypoints.json", "IMG_0001.jpg"),
        ("1_keypoints.json", "000000000001.jpg"),
        ("img_000007.json", "img_7.jpg"),
        ("Photo_Keypoints.json", "photo.JPG"),
        ("results_photo.json", "photo.jpg"),
        ("photo_pose.json", "photo.jpg"),
        ("photo_landmarks.json", "photo.jpg"),
        ("keypoints_photo.json", "photo.jpg"),
        ("predictions_photo.json", "photo.jpg"),
    ],
)
def test_names_that_tools_make(file: str, name: str, tmp_path: Path) -> None:
    save(tmp_path / "all" / file, openpose(flat(25)))
    save(tmp_path / "all/other_keypoints.json", openpose(flat(25), flat(25, shift=50)))
    assert len(detect(tmp_path / "all", name)) == 1


@pytest.mark.parametrize("name", ["photo (1).jpg", "photo_2.jpg", "aphoto.jpg", "photo_pose.jpg"])
def test_names_of_other_photos(name: str, tmp_path: Path) -> None:
    save(tmp_path / "all/photo_keypoints.json", openpose(flat(25)))
    save(tmp_path / "all/other_keypoints.json", openpose(flat(25)))
    with pytest.raises(UnknownClipError, match=r"it has 2 files, e\.g\. other_keypoints\.json"):
        detect(tmp_path / "all", name)


def test_two_files_that_could_be_meant_are_an_error(tmp_path: Path) -> None:
    for name in ("007", "0007"):
        save(tmp_path / f"{name}.json", [instance()])
    expected = r"one entry for 7\.jpg, got two: 0007\.json and 007\.json"
    with pytest.raises(ValueError, match=expected):
        detect(tmp_path, "7.jpg")
    assert len(detect(tmp_path, "007.jpg")) == 1


SINGLES = {
    "openpose": openpose(flat(25)),
    "mmpose": [instance()],
    "landmarks": landmarks(),
    "coco": annotations(WIDTH, HEIGHT, XY[:17]) | {"images": [{"id": 1, "file_name": "x.jpg"}]},
    "coco_results by number": [{"image_id": 42, "keypoints": flat()}],
    "coco_results by name": [{"image_id": "x.jpg", "keypoints": flat()}],
    "by_name": {"x.jpg": [nested()]},
}


@pytest.mark.parametrize("kind", SINGLES)
def test_one_file_for_the_only_photo(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / "out.json", SINGLES[kind])
    with pytest.raises(UnknownClipError):
        detect(path, "photo.jpg")
    with caplog.at_level(logging.WARNING):
        assert len(detect(path, "photo.jpg", alone=True)) == 1
    assert "its only entry is used for the only input, photo.jpg" in caplog.text


def test_the_only_photo_gets_no_file_of_several(tmp_path: Path) -> None:
    several = {f"{name}.jpg": [nested()] for name in "abc"}
    path = save(tmp_path / "k.json", several)
    with pytest.raises(UnknownClipError, match="has no image of that name; it has 3"):
        detect(path, "photo.jpg", alone=True)


def test_one_array_for_the_only_photo(tmp_path: Path) -> None:
    joints = np.concatenate([XY[:14].T, np.ones((1, 14))])[..., None]
    np.savez(tmp_path / "est_joints.npz", est_joints=joints)
    found = detect(tmp_path / "est_joints.npz", "photo.jpg", alone=True)
    assert found.joint_names == LSP_14
    np.savez(
        tmp_path / "k.npz",
        image=np.array(["x.png"]),
        keypoints=XY[None, :17],
        scores=np.ones((1, 17)),
        joint_names=np.array(COCO_17),
    )
    assert len(detect(tmp_path / "k.npz", "photo.jpg", alone=True)) == 1


# Videos


def test_mmposes_frames_onto_a_clip(tmp_path: Path) -> None:
    """Frames without anybody may be missing in the list."""
    frames = [{"frame_id": i, "instances": [instance(shift=i)]} for i in (0, 2, 5)]
    path = save(tmp_path / "out.json", frames)
    found = detect(path, "clip.mp4", frames=6, alone=True)
    assert found.frame.tolist() == [0, 2, 5]
    np.testing.assert_allclose(found.keypoints[1], XY[:17] + 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        ("clip_{:012d}_keypoints.json", 0),
        ("clip_{:06d}.json", 1),
        ("{:012d}_keypoints.json", 0),
        ("{:06d}.json", 1),
        ("frame_{:04d}.json", 1),
        ("frame{:d}.json", 0),
        ("{:06d}.json", 120),
    ],
)
def test_one_file_per_frame_with_missing_frames(pattern: str, first: int, tmp_path: Path) -> None:
    for at in (0, 1, 3, 4, 6):
        save(tmp_path / "all" / pattern.format(first + at), openpose(flat(25, shift=at)))
    alone = "clip" not in pattern
    found = detect(tmp_path / "all", "clip.mp4", frames=7, alone=alone)
    if first == 0 or "clip" in pattern or first > 1:
        assert found.frame.tolist() == [0, 1, 3, 4, 6]
    np.testing.assert_allclose(found.keypoints[2], XY[:25] + 3, rtol=1e-6)
    assert detect(
        tmp_path / "all", "clip.mp4", frames=4, alone=alone, stride=2, first_frame=first
    ).frame.tolist() == [0, 2, 3]


def test_files_of_all_frames_follow_each_other(tmp_path: Path) -> None:
    """A folder of frames may begin anywhere and have gaps, and so do its files."""
    for number in (17, 18, 20, 25):
        save(tmp_path / f"all/{number:06d}_keypoints.json", openpose(flat(25, shift=number)))
    found = detect(tmp_path / "all", "frames", frames=4, alone=True)
    assert found.frame.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(found.keypoints[3], XY[:25] + 25, rtol=1e-6)


@pytest.mark.parametrize("first", [0, 1])
def test_alphaposes_results_of_a_video(first: int, tmp_path: Path) -> None:
    people = [{"image_id": f"{first + at}.jpg", "keypoints": flat(shift=at)} for at in (0, 1, 1, 3)]
    people[2]["keypoints"] = flat(shift=40)
    found = detect(save(tmp_path / "k.json", people), "clip.mp4", frames=4, alone=True)
    assert found.frame.tolist() == [0, 1, 1, 3]
    for person in people:
        person["image_id"] = int(person["image_id"].removesuffix(".jpg"))
    found = detect(save(tmp_path / "k.json", people), "clip.mp4", frames=4, alone=True)
    assert found.frame.tolist() == [0, 1, 1, 3]


@pytest.mark.parametrize(
    "content",
    [
        [landmarks(XY + i) if i != 1 else None for i in range(4)],
        [{"frame": i, "landmarks": landmarks(XY + i)} for i in (0, 2, 3)],
        {str(i): [landmarks(XY + i)] for i in (0, 2, 3)},
        {"frames": [{"pose_landmarks": [landmarks(XY + i)] if i != 1 else []} for i in range(4)]},
    ],
)
def test_landmarks_of_a_video(content: Any, tmp_path: Path) -> None:
    found = detect(save(tmp_path / "clip.json", content), "clip.mp4", frames=4)
    assert found.frame.tolist() == [0, 2, 3]
    np.testing.assert_allclose(found.keypoints[1], XY + 2, atol=1e-3)


def test_an_array_of_a_video_of_lsp_joints(tmp_path: Path) -> None:
    joints = np.stack([np.concatenate([XY[:14].T + i, np.ones((1, 14))]) for i in range(3)], -1)
    np.savez(tmp_path / "est_joints.npz", est_joints=joints)
    found = detect(tmp_path / "est_joints.npz", "clip.mp4", frames=3, alone=True)
    assert found.frame.tolist() == [0, 1, 2]
    np.testing.assert_allclose(found.keypoints[2], XY[:14] + 2, rtol=1e-6)


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


# Refusals


@pytest.mark.parametrize(
    ("content", "seen", "nearest"),
    [
        (
            [{"kpts": nested(), "box": [1, 2, 3, 4]}],
            "a list of 1 objects with the keys kpts, box",
            None,
        ),
        (
            [{"image": "a.jpg", "keypoint": flat()}],
            "objects with the keys image, keypoint",
            "coco_results|mmpose",
        ),
        ({"data": {"pose_keypoints2d": flat()}}, "an object with the keys data", "openpose"),
        ({"image": [], "annotation": []}, "an object with the keys image, annotation", "coco"),
        ({"pose_world_landmarks": landmarks()}, "the keys pose_world_landmarks", "landmarks"),
        ([["a", "b"]], "a list of 1 lists of 2", "landmarks"),
        ([1, 2], "a list of 2 numbers", None),
        ({}, "an empty object", None),
    ],
)
def test_the_layout_that_was_seen_is_named_and_the_nearest(
    content: Any, seen: str, nearest: str | None, tmp_path: Path
) -> None:
    path = save(tmp_path / "k.json", content)
    with pytest.raises(ValueError, match=rf"k\.json: expected .* got JSON: .*{seen}") as caught:
        detect(path)
    near = rf"the nearest that can be read is ({nearest}): [\[{{]" if nearest else "docs"
    assert caught.match(near)


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b"0 0.5 0.5 0.2 0.7 0.41 0.33 2\n", "a table of numbers"),
        (b"1.5,2.5,0.9\n3,4,1\n", "a table of numbers .* nearest .* is the npz"),
        (b"<annotations>", "an XML file"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x80\x04\x95", "a Python pickle"),
        (b"frame,x,y\n", "a file that starts with"),
    ],
)
def test_other_files_are_named(content: bytes, seen: str, tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(content)
    with pytest.raises(ValueError, match=rf"expected LSP's joints\.mat.*, got {seen}"):
        detect(tmp_path / "k")


def test_a_folder_says_what_it_has_instead(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.jpg"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"expected a folder with JSON .* found 2 \.txt, 1 \.jpg"):
        detect(tmp_path)
    save(tmp_path / "photo.json", annotations(WIDTH, HEIGHT, XY[:17]))
    with pytest.raises(ValueError, match=r"got the format coco about many: give it"):
        detect(tmp_path)


def test_a_key_that_is_missing_is_said_with_those_there(tmp_path: Path) -> None:
    path = save(tmp_path / "photo.json", {"people": [{"face_keypoints_2d": [], "id": 3}]})
    with pytest.raises(ValueError, match=r"pose_keypoints_2d .* there are face_keypoints_2d, id"):
        detect(path)


def test_mmposes_3d_keypoints_are_told_apart(tmp_path: Path) -> None:
    xyz = np.column_stack([XY[:17], XY[:17, 0]]).tolist()
    path = save(tmp_path / "photo.json", [{**instance(), "keypoints": xyz}])
    with pytest.raises(ValueError, match="3-D keypoints are not read"):
        detect(path)
