import json
from pathlib import Path

import numpy as np
import pytest

from detectors.base import UnknownClipError
from detectors.keypoint_files.names import Asked
from detectors.mmpose_topdown import MMPoseTopDown
from detectors.person_boxes import read_boxes

CONFIG = "body_2d_keypoint/rtmpose/body8/rtmpose-m_8xb512-700e_body8-halpe26-256x192.py"


def written(folder: Path, content: object) -> Path:
    path = folder / "boxes.json"
    path.write_text(json.dumps(content))
    return path


def test_boxes_by_file_name_of_photos_and_of_a_video(tmp_path):
    content = {
        "a.jpg": [[1, 2, 3, 4.5], [0, 0, 9, 9]],
        "folder/b.png": [],
        "clip.mp4": {"0": [[0, 0, 5, 5]], "12": []},
    }
    boxes = read_boxes(written(tmp_path, content), min_score=0.9)
    assert boxes(Asked("a.jpg"))[0].tolist() == [[1, 2, 3, 4.5], [0, 0, 9, 9]], (
        "in the file's order"
    )
    assert boxes(Asked("b.png"))[0].shape == (0, 4)
    assert {frame: len(found) for frame, found in boxes(Asked("clip.mp4")).items()} == {0: 1, 12: 0}
    with pytest.raises(UnknownClipError, match=r"boxes\.json has no image of that name; it has 3"):
        boxes(Asked("c.jpg"))


def test_coco_results_persons_of_enough_score_best_first(tmp_path):
    def result(image, score, x, category=1):
        box = [x, 0, 10, 20]
        return {"image_id": image, "category_id": category, "bbox": box, "score": score}

    results = [result(7, 0.5, 1), result(7, 0.9, 2), result(7, 0.1, 3), result(7, 0.9, 4, 18)]
    boxes = read_boxes(written(tmp_path, [*results, result(8, 0.1, 0)]), min_score=0.3)
    assert boxes(Asked("im0007.jpg"))[0].tolist() == [[2, 0, 12, 20], [1, 0, 11, 20]]
    assert boxes(Asked("000000000008.jpg"))[0].shape == (0, 4), "looked at, nobody sure enough"
    with pytest.raises(UnknownClipError, match="no image_id 9; it has 2"):
        boxes(Asked("im0009.jpg"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text", "expected an object with boxes by file name, .* got str"),
        ({"a.jpg": [[1, 2, 3]]}, r"a\.jpg: expected a list of x0, y0, x1, y1, got shape \(1, 3\)"),
        ({"a.jpg": [[9, 2, 3, 4]]}, r"a\.jpg: expected x0 < x1 and y0 < y1"),
        ({"a.jpg": [[None, 2, 3, 4]]}, "expected x0 < x1"),
        ({"a.jpg": [["x", 2, 3, 4]]}, "expected numbers"),
        ({"c.mp4": {"first": []}}, "expected the number of a frame, got 'first'"),
        ([{"image_id": 1, "bbox": [1, 2]}], "result 0: expected image_id .* and bbox"),
        ([{"image_id": "x", "bbox": [1, 2, 3, 4]}], "result 0: expected image_id"),
        ([3], "result 0: expected image_id .* got int"),
    ],
    ids=str,
)
def test_what_is_no_file_of_boxes_says_what_was_expected(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_boxes(written(tmp_path, content), 0.3)


def test_a_run_with_stride_meets_the_frames_that_the_file_counts(tmp_path):
    path = written(tmp_path, {"clip.mp4": {"0": [[0, 0, 1, 1]], "3": [], "6": [[0, 0, 2, 2]]}})
    detector = MMPoseTopDown(CONFIG, person_boxes=str(path), stride=6)
    assert detector.files() == {"person_boxes": path}
    known = detector._boxes_of("clip.mp4")
    assert {frame: found.tolist() for frame, found in known.items()} == {
        0: [[0, 0, 1, 1]],
        1: [[0, 0, 2, 2]],
    }


def test_the_file_of_boxes_is_read_before_any_network(tmp_path):
    detector = MMPoseTopDown(CONFIG, "/nowhere.pth", person_boxes=str(tmp_path / "absent.json"))
    from detectors.base import Resources

    with pytest.raises(FileNotFoundError, match=r"absent\.json"):
        detector.detect([np.zeros((9, 9, 3), np.uint8)], Resources(), "a.jpg")
