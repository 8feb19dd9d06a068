"""Keypoint files that cannot be read: the message names what was seen, and the nearest format."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
    save,
)


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
