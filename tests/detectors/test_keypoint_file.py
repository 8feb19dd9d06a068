import numpy as np
import pytest
from scipy.io import savemat

from detectors.base import Resources
from detectors.keypoint_file import KeypointFile
from detectors.skeletons import LSP_14

FRAME = np.zeros((4, 4, 3), np.uint8)


def detect(path, name="im0002.jpg"):
    return KeypointFile(str(path)).detect([FRAME], Resources(), name)


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


@pytest.mark.parametrize("shape", [(4, 14, 3), (3, 17, 3), (3, 14)])
def test_wrong_shape_is_refused(tmp_path, shape):
    np.savez(tmp_path / "est_joints.npz", est_joints=np.ones(shape))
    with pytest.raises(ValueError, match=r"expected est_joints of shape .*\(5, 14, N\), got") as e:
        detect(tmp_path / "est_joints.npz")
    assert str(shape) in str(e.value)


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", something=np.ones(3))
    with pytest.raises(ValueError, match="expected an array named est_joints"):
        detect(tmp_path / "other.npz")
    with pytest.raises(FileNotFoundError, match=r"none\.mat"):
        detect(tmp_path / "none.mat")
    (tmp_path / "joints.txt").write_text("1 2 3")
    with pytest.raises(ValueError, match=r"expected a \.mat or \.npz file, got \.txt"):
        detect(tmp_path / "joints.txt")


@pytest.mark.parametrize("name", ["im0000.jpg", "im0004.jpg", "photo.jpg"])
def test_image_that_the_file_does_not_hold_is_refused(tmp_path, joints, name):
    np.savez(tmp_path / "est_joints.npz", est_joints=joints)
    with pytest.raises(ValueError, match=rf"{name}"):
        detect(tmp_path / "est_joints.npz", name)


def test_the_file_keys_the_cache(tmp_path):
    assert KeypointFile(str(tmp_path / "x.npz")).files() == {"path": tmp_path / "x.npz"}
