from pathlib import Path

import numpy as np
import pytest

from detectors.base import DetectorError
from detectors.onnx_models import OnnxModel
from detectors.onnx_people import PersonNetwork
from tests.detectors.test_onnx_topdown import Session

FOUND = np.array([[[10, 20, 50, 100, 0.9], [0, 0, 30, 30, 0.8], [60, 10, 90, 50, 0.1]]], np.float32)


def finder(session, name="rtmdet_nano.zip", kind="auto", size=None, label=0):
    return PersonNetwork(OnnxModel(Path(name), session, "detector.p"), kind, size, label)


def session(boxes=FOUND, labels=((0, 7, 0),), shape=(1, 3, 64, 64)):
    answer = [boxes, *([np.array(labels)] if labels else [])]
    return Session(lambda pictures: answer, shape)


def test_a_picture_lies_in_the_upper_left_and_boxes_return_to_its_pixels():
    """96 x 33 in 64 x 64: two thirds as wide, 22 high; the rest is grey."""
    own = session()
    picture = np.full((33, 96, 3), (10, 20, 30), np.uint8)
    ((boxes, scores),) = finder(own, kind="yolox").people([picture])
    given = own.asked[-1][0]
    assert given.shape == (3, 64, 64)
    assert (given[:, :22] == np.reshape([10, 20, 30], (3, 1, 1))).all(), "BGR, as it was"
    assert (given[:, 22:] == 114).all()
    assert np.allclose(boxes, [[15, 30, 75, 150], [90, 15, 135, 75]]), "not cut, like mmdet's"
    assert scores.tolist() == pytest.approx([0.9, 0.1])


def test_each_finder_gets_its_own_colours():
    own = session()
    finder(own).people([np.full((64, 64, 3), (103, 116, 124), np.uint8)])
    blue, green, red = own.asked[-1][0, :, 0, 0]
    assert [blue, green, red] == pytest.approx(
        [(103 - 103.53) / 57.375, (116 - 116.28) / 57.12, (124 - 123.675) / 58.395], abs=1e-5
    )
    own = session()
    finder(own, "YOLOX_tiny.onnx").people([np.full((64, 64, 3), 9, np.uint8)])
    assert own.asked[-1][0, :, 0, 0].tolist() == [9, 9, 9]


def test_labels_may_be_absent_or_others():
    picture = [np.zeros((64, 64, 3), np.uint8)]
    assert len(finder(session(labels=None)).people(picture)[0][0]) == 3
    assert len(finder(session(), label=7).people(picture)[0][0]) == 1


@pytest.mark.parametrize(
    ("own", "name", "message"),
    [
        (session(), "end2end.onnx", r"does not say what kind .* detector\.person_model=rtmdet or"),
        (session(shape=(1, 3, "h", "w")), "rtmdet.onnx", r"detector\.person_size"),
        (session(boxes=np.zeros((1, 8400, 85))), "yolox.onnx", r"mmdeploy .* got \(1, 8400, 85\)"),
    ],
    ids=["name", "size", "raw"],
)
def test_other_models_are_refused(own, name, message):
    with pytest.raises(DetectorError, match=rf"^detector\.p: .*{name}.*{message}"):
        finder(own, name)


def test_a_size_can_be_named():
    own = session(shape=("n", 3, "h", "w"))
    finder(own, size=96).people([np.zeros((10, 10, 3), np.uint8)])
    assert own.asked[-1].shape == (1, 3, 96, 96)
