"""Keypoint files under the names that tools give them, for photos and for the frames of videos."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.base import UnknownClipError
from detectors.skeletons import COCO_17, LSP_14
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
