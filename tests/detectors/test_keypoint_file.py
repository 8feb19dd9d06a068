"""Keypoints from files of arrays, and which files are refused."""

import re

import numpy as np
import pytest
from scipy.io import savemat

from detectors.base import Resources, UnknownClipError
from detectors.keypoint_file import KeypointFile
from detectors.keypoint_files.rows import people_of
from detectors.skeletons import COCO_17, LSP_14

FRAME = np.zeros((400, 400, 3), np.uint8)


def detect(path, name="im0002.jpg", frames=1, **options):
    return KeypointFile(str(path), **options).detect([FRAME] * frames, Resources(), name)


@pytest.fixture
def joints():
    values = np.random.default_rng(0).uniform(1, 90, (5, 14, 3))
    values[2] = np.linspace(0.1, 1, 14)[:, None]
    return values


def test_lsp_annotations_count_fully_even_where_occluded(tmp_path, joints):
    annotated = joints[:3].copy()
    annotated[2] = np.arange(14)[:, None] % 2
    savemat(tmp_path / "joints.mat", {"joints": annotated})
    found = detect(tmp_path / "joints.mat")
    assert found.joint_names == LSP_14
    np.testing.assert_allclose(found.keypoints[0], annotated[:2, :, 1].T, rtol=1e-6)
    assert (found.scores == 1).all()
    np.testing.assert_allclose(found.boxes[0, :2], annotated[:2, :, 1].min(axis=1), rtol=1e-6)


@pytest.mark.parametrize("rows", [3, 5])
def test_detections_keep_their_scores_and_nan_is_missing(tmp_path, joints, rows):
    joints[0, 4, 1] = np.nan
    np.savez(tmp_path / "est_joints.npz", est_joints=joints[:rows])
    found = detect(tmp_path / "est_joints.npz")
    expected = np.linspace(0.1, 1, 14)
    expected[4] = 0
    np.testing.assert_allclose(found.scores[0], expected, rtol=1e-6)
    np.testing.assert_allclose(found.keypoints[0, 0], joints[:2, 0, 1], rtol=1e-6)


def test_image_without_joints_has_nobody(tmp_path, joints):
    joints[:, :, 1] = np.nan
    np.savez(tmp_path / "est_joints.npz", est_joints=joints)
    assert len(detect(tmp_path / "est_joints.npz")) == 0
    assert len(detect(tmp_path / "est_joints.npz", "im0001.jpg")) == 1
    assert len(detect(tmp_path / "est_joints.npz", "0003.png")) == 1


@pytest.mark.parametrize("shape", [(4, 14, 3), (3, 17, 3), (3, 14), (14, 3, 10)])
def test_wrong_shape_is_refused(tmp_path, shape):
    np.savez(tmp_path / "est_joints.npz", est_joints=np.ones(shape))
    with pytest.raises(ValueError, match=r"expected est_joints of shape .*\(5, 14, N\), got") as e:
        detect(tmp_path / "est_joints.npz")
    assert str(shape) in str(e.value)


def test_wrong_shape_of_lsp_is_refused(tmp_path):
    savemat(tmp_path / "joints.mat", {"joints": np.ones((14, 3, 10))})
    with pytest.raises(ValueError, match=r"expected joints of shape \(3, 14, N\), got \(14, 3, 10"):
        detect(tmp_path / "joints.mat")


@pytest.mark.parametrize("name", ["im0000.jpg", "im0004.jpg", "photo.jpg"])
def test_nothing_is_known_about_an_image_that_the_file_does_not_hold(tmp_path, joints, name):
    np.savez(tmp_path / "est_joints.npz", est_joints=joints)
    reason = "expected e.g. im0001.jpg" if name == "photo.jpg" else r"has the images 1\.\.3"
    with pytest.raises(UnknownClipError, match=reason):
        detect(tmp_path / "est_joints.npz", name)


def own(n=3, **changed):
    """Our own npz: two people of a.jpg, one of b.jpg."""
    rng = np.random.default_rng(1)
    return {
        "image": np.array(["a.jpg", "b.jpg", "a.jpg"]),
        "keypoints": rng.uniform(1, 90, (n, 17, 2)),
        "scores": rng.uniform(0.1, 1, (n, 17)),
        "joint_names": np.array(COCO_17),
        **changed,
    }


def test_our_own_npz_has_many_people_per_image_in_any_joints(tmp_path):
    arrays = own()
    np.savez(tmp_path / "k.npz", **arrays)
    found = detect(tmp_path / "k.npz", "a.jpg")
    assert found.joint_names == COCO_17
    assert found.track.tolist() == [0, 1]
    np.testing.assert_allclose(found.keypoints, arrays["keypoints"][[0, 2]], rtol=1e-6)
    np.testing.assert_allclose(found.scores, arrays["scores"][[0, 2]], rtol=1e-6)
    np.testing.assert_allclose(found.boxes[1, 2:], arrays["keypoints"][2].max(0), rtol=1e-6)
    assert len(detect(tmp_path / "k.npz", "b.png")) == 1, "by the name up to the suffix"
    with pytest.raises(UnknownClipError, match=r"k\.npz has no image of that name; it has 2, e\.g"):
        detect(tmp_path / "k.npz", "c.jpg")


def test_our_own_npz_of_a_video_counts_all_its_frames(tmp_path):
    boxes = np.array([[1, 2, 30, 40], [0, 0, 9, 9], [5, 5, 5, 9]])
    np.savez(tmp_path / "k.npz", **own(image=["a.mp4"] * 3, frame=np.array([0, 2, 4]), boxes=boxes))
    found = detect(tmp_path / "k.npz", "a.mp4", frames=6)
    assert found.frame.tolist() == [0, 2, 4]
    np.testing.assert_array_equal(found.boxes[:2], boxes[:2])
    assert found.boxes[2, 2] > found.boxes[2, 0], "a box without width is not used"
    assert detect(tmp_path / "k.npz", "a.mp4", frames=3, stride=2).frame.tolist() == [0, 1, 2]
    assert detect(tmp_path / "k.npz", "a.mp4", frames=2, stride=3).frame.tolist() == [0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scores": np.ones((3, 16))}, r"expected scores to be numbers of shape \(3, 17\), got"),
        ({"keypoints": np.ones((3, 17, 3))}, r"keypoints to be numbers of shape \(3, 17, 2\), got"),
        ({"image": np.array([1, 2, 3])}, r"expected image to be text of shape \(3,\), got int64"),
        ({"frame": np.ones(3)}, r"expected frame to be integers of shape \(3,\), got float64"),
    ],
)
def test_wrong_arrays_of_our_own_npz_are_refused(tmp_path, changed, message):
    np.savez(tmp_path / "k.npz", **own(**changed))
    with pytest.raises(ValueError, match=message):
        detect(tmp_path / "k.npz", "a.jpg")


def write(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [b"1 2 3", b"", b"\x89PNG\r\n\x1a\n", b"<xml/>", b'"text"', b"{}", b"[1, 2]", b'[{"a": 1}]'],
)
def test_other_content_is_refused_whatever_its_name(tmp_path, content):
    for name in ("k.npz", "k.mat", "k.json", "k"):
        with pytest.raises(ValueError, match=r"expected LSP's joints\.mat, an npz .*, got"):
            detect(write(tmp_path / name, content))


def test_a_damaged_file_is_one_clear_error(tmp_path, joints):
    np.savez(tmp_path / "est_joints.npz", est_joints=joints)
    whole = (tmp_path / "est_joints.npz").read_bytes()
    with pytest.raises(ValueError, match=r"cut\.npz: not an npz of arrays, or damaged"):
        detect(write(tmp_path / "cut.npz", whole[:200]))
    with pytest.raises(ValueError, match=r"cut\.mat: not a MATLAB 5 file, or damaged"):
        detect(write(tmp_path / "cut.mat", b"MATLAB 5.0 MAT-file" + b"x" * 200))
    np.savez(tmp_path / "pickle.npz", est_joints=np.array([{}], object))
    with pytest.raises(ValueError, match="not an npz of arrays"):
        detect(tmp_path / "pickle.npz")
    np.savez(tmp_path / "other.npz", something=np.ones(3))
    with pytest.raises(
        ValueError,
        match="the arrays image, keypoints, scores, joint_names; it lacks image and has something",
    ):
        detect(tmp_path / "other.npz")
    with pytest.raises(FileNotFoundError, match=r"none\.mat"):
        detect(tmp_path / "none.mat")


def test_a_format_that_is_asked_for_is_not_guessed(tmp_path, joints):
    np.savez(tmp_path / "both.npz", est_joints=joints, **own())
    assert detect(tmp_path / "both.npz").joint_names == LSP_14
    assert detect(tmp_path / "both.npz", "a.jpg", format="npz").joint_names == COCO_17
    with pytest.raises(ValueError, match="not a MATLAB 5 file"):
        detect(tmp_path / "both.npz", format="lsp_mat")


@pytest.mark.parametrize(
    ("option", "value"), [("format", "xml"), ("skeleton", "coco"), ("stride", 0)]
)
def test_bad_option_is_named(option, value):
    with pytest.raises(ValueError, match=rf"^KeypointFile\.{option}: expected .* got {value}"):
        KeypointFile("x.npz", **{option: value})


def test_the_file_keys_the_cache(tmp_path):
    assert KeypointFile(str(tmp_path / "x.npz")).files() == {"path": tmp_path / "x.npz"}


@pytest.mark.parametrize(
    ("point", "score"),
    [
        ((5, 6, 0.5), 0.5),
        ((5, 6, 1.7), 1),
        ((5, 6, 0), 0),
        ((5, 6, -0.2), 0),
        ((5, 6, np.nan), 0),
        ((5, 6, np.inf), 0),
        ((np.nan, 6, 0.5), 0),
        ((5, -np.inf, 0.5), 0),
        ((1e300, 6, 0.5), 0),
    ],
)
def test_what_a_broken_number_counts(point, score):
    people = people_of(np.array([[point, (1, 2, 0.9)]]), np.array([[0, 0, np.inf, np.nan]]))
    np.testing.assert_allclose(people.scores, [[score, 0.9]], rtol=1e-6)
    expected = point[:2] if score else (0, 0)
    np.testing.assert_allclose(people.keypoints[0, 0], expected)
    assert np.isfinite(people.boxes).all()


def test_who_has_no_joint_is_left_out():
    points = np.array([[[5, 6, 0.0]], [[7, 8, 1.0]]])
    people = people_of(points, np.array([[0, 0, 9, 9], [1, 1, 8, 9]]))
    np.testing.assert_array_equal(people.boxes, [[1, 1, 8, 9]])
    assert people.keypoints.shape == (1, 1, 2)


def test_the_message_names_the_file(tmp_path):
    path = write(tmp_path / "k.json", b"{")
    with pytest.raises(ValueError, match=re.escape(str(path))):
        detect(path)
