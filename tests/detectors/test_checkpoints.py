import hashlib

import pytest

from detectors import checkpoints

CONTENT = b"weights" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()[:8]
HALPE = "body_2d_keypoint/rtmpose/body8/rtmpose-m_8xb512-700e_body8-halpe26-256x192.py"


@pytest.mark.parametrize(
    ("config", "file"),
    [
        (HALPE, "rtmpose-m_simcc-body7_pt-body7-halpe26_700e-256x192-4d3e73dd_20230605.pth"),
        (
            "body_2d_keypoint/rtmpose/body8/rtmpose-m_8xb256-420e_body8-256x192.py",
            "rtmpose-m_simcc-body7_pt-body7_420e-256x192-e48f03d0_20230504.pth",
        ),
        (
            "rtmdet_nano_320-8xb32_coco-person.py",
            "rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth",
        ),
    ],
)
def test_published_weights_of_the_shipped_configs(config, file):
    url = checkpoints.published_url(config)
    assert url.startswith("https://download.openmmlab.com/mmpose/v1/projects/")
    assert url.endswith(f"/{file}")
    assert checkpoints.find_config(config).is_file()
    assert not checkpoints.is_local(config)


def test_own_files(tmp_path):
    (tmp_path / "mine.py").write_text("model = {}")
    (tmp_path / "mine.pth").write_bytes(CONTENT)
    config = str(tmp_path / "mine.py")
    assert checkpoints.is_local(config)
    found = checkpoints.find_checkpoint(str(tmp_path / "mine.pth"), config, tmp_path)
    assert found == tmp_path / "mine.pth"
    (tmp_path / "copy-0123abcd.pth").write_bytes(CONTENT)
    with pytest.raises(ValueError, match=f"starts with 0123abcd, got {DIGEST}"):
        checkpoints.find_checkpoint(str(tmp_path / "copy-0123abcd.pth"), config, tmp_path)
    assert (tmp_path / "copy-0123abcd.pth").exists(), "a user's file is not removed"
    with pytest.raises(FileNotFoundError, match="name its checkpoint's file"):
        checkpoints.find_checkpoint(None, config, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"expected a checkpoint at .*absent\.pth"):
        checkpoints.find_checkpoint(str(tmp_path / "absent.pth"), config, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"expected the mmpose config nowhere\.py"):
        checkpoints.find_config("nowhere.py")
