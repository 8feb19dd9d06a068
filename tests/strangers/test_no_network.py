"""What the default detector says where nothing can be downloaded."""

import re
import urllib.error
from pathlib import Path

import pytest

from detectors.base import Resources
from detectors.mmpose_topdown import MMPoseTopDown
from detectors.onnx_topdown import OnnxTopDown
from tools.checks.finding import settings

POSE = "rtmpose-m_simcc-body7_pt-body7-halpe26_700e-256x192-4d3e73dd_20230605.pth"
PERSON = "rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth"
CONFIG = "body_2d_keypoint/rtmpose/body8/rtmpose-m_8xb512-700e_body8-halpe26-256x192.py"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_answers(*_: object, **__: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", nothing_answers)


def said_by(detector: MMPoseTopDown | OnnxTopDown, weights_dir: Path) -> str:
    with pytest.raises(ConnectionError) as caught:
        detector.detect([], Resources(weights_dir=weights_dir), "photo.jpg")
    return str(caught.value)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("own", "lacks"),
    [
        ({}, [PERSON, POSE]),
        ({"person_boxes": "whole_image"}, [POSE]),
        ({"person_checkpoint": "mine.pth"}, [POSE]),
        ({"checkpoint": "mine.pth"}, [PERSON]),
    ],
)
def test_every_missing_file_is_in_the_one_message(
    own: dict[str, str], lacks: list[str], tmp_path: Path
) -> None:
    text = said_by(MMPoseTopDown(CONFIG, **own), tmp_path)
    command = re.search(r"curl -fL --remote-name-all (https://\S+ )+", text)
    assert command
    assert [url.rsplit("/", 1)[1] for url in command[0].split()[3:]] == lacks
    for name in (PERSON, POSE):
        assert (f"{name} (" in text) == (name in lacks)
    assert f"into {tmp_path}, or run with detector=blazepose" in text


@pytest.mark.usefixtures("offline")
def test_the_file_that_is_there_is_not_asked_for_again(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / PERSON).touch()
    monkeypatch.setattr("detectors.downloads.verify", lambda *_: None)
    text = said_by(MMPoseTopDown(CONFIG), tmp_path)
    assert f"Missing: {POSE} (pose). Fetch it" in text
    assert PERSON not in text


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("own", "lacks"),
    [
        ({}, ["person_checkpoint", "checkpoint"]),
        ({"person_boxes": "whole_image"}, ["checkpoint"]),
        ({"person_checkpoint": "mine.onnx"}, ["checkpoint"]),
        ({"checkpoint": "mine.onnx"}, ["person_checkpoint"]),
    ],
)
def test_every_missing_onnx_file_is_in_the_one_message(
    own: dict[str, str], lacks: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    published = settings("detector/rtmlib.yaml")
    text = said_by(OnnxTopDown(**{"checkpoint": published["checkpoint"], **own}), tmp_path)
    command = re.search(r"curl -fL --remote-name-all (https://\S+ )+", text)
    assert command
    assert command[0].split()[3:] == [published[option] for option in lacks]
    assert f"into {tmp_path}, or run with detector=blazepose" in text
