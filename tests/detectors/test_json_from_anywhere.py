"""Keypoint files in JSON that are broken, hostile, or about something else."""

import contextlib
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import json_values
from detectors.base import UnknownClipError
from tests.detectors.test_keypoint_file import detect
from tests.detectors.test_keypoint_json import flat, openpose, place, save


@pytest.mark.parametrize("opening", ["[", '{"people":'])
@pytest.mark.parametrize("depth", [950, 10**6])
def test_json_nested_without_end_is_refused(tmp_path, opening, depth):
    closing = "]" if opening == "[" else "}"
    for text in (opening * depth + "0" + closing * depth, opening * depth):
        (tmp_path / "k.json").write_text(text)
        with pytest.raises(ValueError, match=r"k\.json: expected"):
            detect(tmp_path / "k.json", "k.jpg")


def test_numbers_nested_or_out_of_range_are_refused(tmp_path):
    deep = json.loads("[" * 900 + "]" * 900)
    for wrong in (deep, [10**400] * 51, ["x"] * 51, [{}] * 51):
        path = save(tmp_path / "k.json", [{"image_id": 1, "keypoints": wrong}])
        with pytest.raises(
            ValueError, match=r"expected numbers, got|expected points with x and y, got"
        ):
            detect(path, "im1.jpg")


def test_nan_infinity_and_null_are_missing(tmp_path):
    broken = flat(17)
    broken[0], broken[4], broken[6], broken[11] = np.nan, np.inf, None, -3
    box = [np.inf, -np.inf, -np.inf, 3]
    path = save(tmp_path / "k.json", [{"image_id": 1, "keypoints": broken, "bbox": box}])
    found = detect(path, "im1.jpg")
    assert np.flatnonzero(found.scores[0] == 0).tolist() == [0, 1, 2, 3]
    assert found.boxes[0].tolist() == [*place(4), *place(16)]


@pytest.mark.parametrize("content", [b"{", b'{"people": [', b"[\xff\xfe]", b"[" + b"1" * 5000])
def test_broken_json_is_one_clear_error(tmp_path, content):
    (tmp_path / "k.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"k\.json: expected JSON in UTF-8"):
        detect(tmp_path / "k.json")


def test_a_byte_order_mark_is_read_over(tmp_path):
    text = json.dumps(openpose(flat(25)))
    (tmp_path / "p_keypoints.json").write_text(text, "utf-8-sig")
    assert len(detect(tmp_path / "p_keypoints.json", "p.jpg")) == 1


def test_a_huge_file_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(json_values, "_MAX_BYTES", 10)
    path = save(tmp_path / "k.json", openpose())
    with pytest.raises(ValueError, match="expected at most 10 bytes of JSON, got 30"):
        detect(path)


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"expected a folder with JSON of OpenPose, .* found nothing"
    ):
        detect(tmp_path)
    save(tmp_path / "k.json", [])
    with pytest.raises(ValueError, match="expected a file of format coco, got a folder"):
        detect(tmp_path, format="coco")


@pytest.mark.parametrize("kind", ["openpose", "coco"])
def test_json_of_another_format_than_asked_for_is_refused(tmp_path, kind):
    path = save(tmp_path / "k.json", [])
    with pytest.raises(ValueError, match=rf"expected {kind} JSON, a dict, got list"):
        detect(path, format=kind)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "p.jpg"])
KEYS = st.sampled_from(
    [
        "people",
        "pose_keypoints_2d",
        "annotations",
        "images",
        "categories",
        "image_id",
        "id",
        "file_name",
        "keypoints",
        "keypoint_scores",
        "bbox",
        "instances",
        "frame_id",
        "instance_info",
        "meta_info",
        "keypoint_id2name",
        "dataset_name",
        "iscrowd",
        "0",
        "7",
        "p.jpg",
        "x",
        "y",
        "z",
        "landmarks",
        "pose_landmarks",
        "visibility",
        "scores",
        "frame",
        "frames",
        "9" * 5000,
    ]
)
ANYTHING = st.recursive(
    LEAVES
    | st.lists(st.floats(), min_size=51, max_size=51)
    | st.lists(st.lists(st.floats(), min_size=2, max_size=5), min_size=17, max_size=17),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    content=ANYTHING,
    kind=st.sampled_from(
        ("auto", "openpose", "coco", "coco_results", "mmpose", "landmarks", "by_name")
    ),
    frames=st.integers(1, 3),
    alone=st.booleans(),
)
def test_any_json_gives_people_or_one_of_the_two_errors(content, kind, frames, alone):
    with tempfile.TemporaryDirectory() as folder:
        path = save(Path(folder) / "p.json", content)
        with contextlib.suppress(ValueError, UnknownClipError):
            found = detect(path, "p.jpg", frames, format=kind, alone=alone)
            assert found.keypoints.ndim == 3
