"""Keypoints from JSON: hand-written files of every format."""

import json

import numpy as np
import pytest

from detectors.base import UnknownClipError
from detectors.skeletons import AIC_14, COCO_17, HALPE_26, OPENPOSE_18, OPENPOSE_25, WHOLEBODY_133
from tests.detectors.test_keypoint_file import detect


def save(path, content):
    path.write_text(json.dumps(content))
    return path


def flat(joints, start=10.0, score=0.5):
    """x, y, score of every joint: (start, start + 1), (start + 2, start + 3), ..."""
    return [n for i in range(joints) for n in (start + 2 * i, start + 2 * i + 1, score)]


def place(joint, start=10.0):
    return [start + 2 * joint, start + 2 * joint + 1]


# COCO

ANNOTATIONS = {
    "images": [
        {"id": 7, "file_name": "val2017/000000000139.jpg", "width": 400, "height": 400},
        {"id": 8, "file_name": "empty.jpg"},
    ],
    "annotations": [
        {
            "id": 1,
            "image_id": 7,
            "category_id": 1,
            "bbox": [5, 6, 100, 50],
            "iscrowd": 0,
            "keypoints": [0, 0, 0, *flat(16, score=1)],
        },
        {"id": 2, "image_id": 7, "category_id": 1, "keypoints": flat(17, 50, score=2)},
        {"id": 3, "image_id": 7, "category_id": 1, "keypoints": [0] * 51},
        {"id": 4, "image_id": 7, "iscrowd": 1, "keypoints": flat(17)},
        {"id": 5, "image_id": 7, "category_id": 2, "bbox": [1, 1, 2, 2]},
    ],
    "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17)}],
}


def test_coco_annotations_by_file_name(tmp_path):
    path = save(tmp_path / "person_keypoints.json", ANNOTATIONS)
    found = detect(path, "000000000139.jpg")
    assert found.joint_names == COCO_17
    assert len(found) == 2, "not the one without joints, the crowd, and the dog"
    assert found.scores[0].tolist() == [0] + [1] * 16, "occluded joints count fully"
    assert found.keypoints[0, 1].tolist() == place(0)
    assert found.boxes[0].tolist() == [5, 6, 105, 56]
    assert found.boxes[1].tolist() == [50, 51, 82, 83], "around the joints"
    assert len(detect(path, "empty.jpg")) == 0
    with pytest.raises(UnknownClipError, match=r"has no image of that name; it has 2, e\.g\. 0000"):
        detect(path, "000000000140.jpg")


def test_the_names_of_coco_annotations_are_those_of_the_file(tmp_path):
    names = ["tail", *COCO_17[1:]]
    content = ANNOTATIONS | {"categories": [{"id": 2}, {"id": 1, "keypoints": names}]}
    path = save(tmp_path / "k.json", content)
    assert detect(path, "000000000139.png").joint_names == tuple(names)
    assert detect(path, "000000000139.png", skeleton="coco17").joint_names == COCO_17


def test_coco_results_by_number(tmp_path):
    people = [
        {"image_id": 139, "category_id": 1, "keypoints": flat(17), "score": 0.9},
        {"image_id": 139, "category_id": 1, "keypoints": flat(17, 40, 3.7), "score": 0.8},
        {"image_id": 2, "category_id": 1, "keypoints": flat(17)},
    ]
    path = save(tmp_path / "results.json", people)
    found = detect(path, "COCO_val2014_000000000139.jpg")
    assert found.scores[:, 3].tolist() == [0.5, 1]
    assert found.keypoints[1, 3].tolist() == place(3, 40)
    assert len(detect(path, "im0002.jpg")) == 1
    with pytest.raises(UnknownClipError, match=r"results\.json has no image_id 3; it has 2"):
        detect(path, "im0003.jpg")
    with pytest.raises(UnknownClipError, match="this name has no number"):
        detect(path, "photo.jpg")


def test_coco_results_by_name_as_alphapose_writes_them(tmp_path):
    path = save(tmp_path / "alphapose.json", [{"image_id": "b/p.jpg", "keypoints": flat(26)}])
    assert detect(path, "p.jpg").joint_names == HALPE_26
    with pytest.raises(UnknownClipError, match="has no image of that name"):
        detect(path, "139.jpg")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"annotations": [{"image_id": 7, "keypoints": flat(17)[:-1]}]},
            r"139\.jpg: expected a flat list x, y, score, x, y, score, \.\.\..*, got 50 numbers",
        ),
        ({"annotations": [{"image_id": 7, "keypoints": flat(16)}]}, "expected 17 joints, got 16"),
        ({"annotations": [{"image_id": 7, "keypoints": "no"}]}, "expected numbers, got 'no'"),
        ({"annotations": [{"image_id": 7, "keypoints": [[1, 2, 3]]}]}, "17 joints, got 1"),
        (
            {"annotations": [{"image_id": 7, "keypoints": flat(17), "bbox": [1, 2]}]},
            "expected a bbox of 4 numbers",
        ),
        ({"annotations": [{"keypoints": []}]}, "annotation 0: expected image_id to be int or str"),
        ({"annotations": 3}, "expected annotations to be list, got int"),
        ({"images": [{"id": 7}]}, "image 0: expected file_name to be str, got none"),
        (
            {"images": [{"id": 7, "file_name": "a/0.jpg"}, {"id": 8, "file_name": "b/0.jpg"}]},
            "image 1: expected names that differ, got two images called 0.jpg",
        ),
        ({"images": [3]}, "image 0: expected an object, got int"),
    ],
)
def test_wrong_coco_annotations_are_refused(tmp_path, change, message):
    path = save(tmp_path / "k.json", ANNOTATIONS | change)
    with pytest.raises(ValueError, match=message):
        detect(path, "000000000139.jpg")


# OpenPose


def openpose(*people):
    return {"version": 1.3, "people": [{"pose_keypoints_2d": list(p)} for p in people]}


@pytest.mark.parametrize("names", [OPENPOSE_25, OPENPOSE_18])
def test_an_openpose_folder_of_photos(tmp_path, names):
    k = len(names)
    missing = [0, 0, 0, *flat(k, 50)[3:]]
    save(tmp_path / "photo_keypoints.json", openpose(flat(k), missing))
    save(tmp_path / "alone_keypoints.json", openpose())
    found = detect(tmp_path, "photo.jpg")
    assert found.joint_names == names
    assert found.scores[1].tolist() == [0] + [0.5] * (k - 1)
    assert found.keypoints[0, 4].tolist() == place(4)
    assert found.boxes[1].tolist() == [*place(1, 50), *place(k - 1, 50)]
    assert len(detect(tmp_path, "alone.png")) == 0
    with pytest.raises(UnknownClipError, match=r"has no other_keypoints\.json \(OpenPose\) or "):
        detect(tmp_path, "other.jpg")
    assert len(detect(tmp_path / "photo_keypoints.json", "photo.jpg")) == 2
    with pytest.raises(UnknownClipError, match=r"expected a file called other_keypoints\.json"):
        detect(tmp_path / "photo_keypoints.json", "other.jpg")


def test_an_openpose_folder_of_a_video(tmp_path):
    for frame, people in ((0, 1), (2, 2), (3, 0), (4, 1)):
        everybody = [flat(25, start=10 + frame + 50 * person) for person in range(people)]
        save(tmp_path / f"clip_{frame:012d}_keypoints.json", openpose(*everybody))
    save(tmp_path / "clip_2_000000000001_keypoints.json", openpose(flat(25)))
    found = detect(tmp_path, "clip.mp4", frames=6)
    assert found.frame.tolist() == [0, 2, 2, 4]
    assert found.track.tolist() == [0, 0, 1, 0]
    assert found.keypoints[3, 0].tolist() == place(0, 14)
    assert detect(tmp_path, "clip.mp4", frames=3, stride=2).frame.tolist() == [0, 1, 1, 2]
    assert detect(tmp_path, "clip_2.mp4", frames=2).frame.tolist() == [1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (openpose(flat(15)), "15 joints fit no known skeleton; the nearest are lsp14"),
        (openpose(flat(25), flat(18)), "expected 25 joints, got 18"),
        (openpose([]), "person 0: expected a flat list .* got 0 numbers"),
        ({"people": [{}]}, "expected pose_keypoints_2d to be list, got none"),
        ({"people": {}}, "expected people to be list, got dict"),
        ([1], "got JSON: a list of 1 numbers"),
    ],
)
def test_wrong_openpose_files_are_refused(tmp_path, content, message):
    save(tmp_path / "p_keypoints.json", content)
    with pytest.raises(ValueError, match=message):
        detect(tmp_path, "p.jpg")


# mmpose


def instance(joints, start=10.0):
    xy = np.array(flat(joints, start)).reshape(-1, 3)[:, :2].tolist()
    return {
        "keypoints": xy,
        "keypoint_scores": [0.5] * joints,
        "bbox": [[1, 2, 30, 40]],
        "bbox_score": 0.9,
    }


@pytest.mark.parametrize("names", [COCO_17, HALPE_26, WHOLEBODY_133])
def test_mmpose_inferencer_of_photos(tmp_path, names):
    path = save(tmp_path / "photo.json", [instance(len(names)), instance(len(names), 50)])
    save(tmp_path / "alone.json", [])
    for source in (tmp_path, path):
        found = detect(source, "photo.jpg")
        assert found.joint_names == names
        assert found.keypoints[1, 16].tolist() == place(16, 50)
        assert (found.scores == 0.5).all()
        with pytest.raises(UnknownClipError, match=r"other\.json"):
            detect(source, "other.jpg")
    assert len(detect(tmp_path, "alone.jpg")) == len(detect(tmp_path / "alone.json", "alone.jpg"))


def test_mmpose_inferencer_of_a_video_counts_from_0(tmp_path):
    frames = [
        {"frame_id": i, "instances": [instance(17, 10 + i + 50 * k) for k in range(i % 3)]}
        for i in range(5)
    ]
    found = detect(save(tmp_path / "clip.json", frames), "clip.mp4", frames=5)
    assert found.frame.tolist() == [1, 2, 2, 4]
    assert found.keypoints[0, 0].tolist() == place(0, 11)


def test_mmpose_demo_says_its_joints_and_counts_from_1(tmp_path):
    theirs = [name if name != "head_top" else "top_head" for name in AIC_14]
    meta = {"dataset_name": "crowdpose", "keypoint_id2name": dict(enumerate(theirs))}
    people = [{"frame_id": i, "instances": [instance(14)]} for i in (1, 3)]
    path = save(tmp_path / "results_clip.json", {"meta_info": meta, "instance_info": people})
    found = detect(path, "clip.mp4", frames=3)
    assert found.joint_names == AIC_14
    assert found.frame.tolist() == [0, 2]
    assert detect(tmp_path, "clip.mp4", frames=3).frame.tolist() == [0, 2]
    photo = {"meta_info": meta, "instance_info": [instance(14)]}
    assert len(detect(save(tmp_path / "results_p.json", photo), "p.jpg")) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            [instance(17) | {"keypoint_scores": [1] * 16}],
            r"expected keypoints \(K, 2\) and their scores \(K\), got \(17, 2\) and \(16,\)",
        ),
        ([instance(17) | {"keypoints": [[1, 2, 3]] * 17}], r"got \(17, 3\)"),
        ([instance(14)], r"14 joints fit several: expected detector\.skeleton=lsp14 or aic14"),
        ([{"frame_id": "1", "instances": []}], "expected frame_id to be int, got str"),
        ({"instance_info": [3]}, "expected an object, got int"),
        (
            {"instance_info": [], "meta_info": {"keypoint_id2name": {"1": "a"}}},
            "keypoint_id2name: expected the joint '0'",
        ),
    ],
)
def test_wrong_mmpose_files_are_refused(tmp_path, content, message):
    path = save(tmp_path / "p.json", content)
    with pytest.raises(ValueError, match=message):
        detect(path, "p.jpg")


def test_a_skeleton_can_be_named(tmp_path):
    path = save(tmp_path / "p.json", [instance(14)])
    assert detect(path, "p.jpg", skeleton="aic14").joint_names == AIC_14
    with pytest.raises(ValueError, match="expected the 17 joints of coco17, got 14"):
        detect(path, "p.jpg", skeleton="coco17")
