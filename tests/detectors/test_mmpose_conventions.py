"""What mmpose's own configs say about colours, boxes, crops and decoding, for each preset.

The adapter leaves all of this to mmpose. The table says what it relies on, so that a new wheel that
does otherwise is noticed.
"""

import inspect
import re
import runpy
from importlib.resources import files

import numpy as np
import pytest

from detectors.checkpoints import find_config
from tests.detectors.test_published_weights import PRESETS

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]  # of R, G, B
SIMCC = {"type": "SimCCLabel", "simcc_split_ratio": 2.0, "normalize": False, "use_dark": False}
CODECS = {
    "rtm": SIMCC,
    "hrnet": {"type": "MSRAHeatmap"},
    "vitpose": {"type": "UDPHeatmap"},
}


def config(preset: str) -> dict:
    return runpy.run_path(str(find_config(PRESETS[preset]["config"])))


def family(preset: str) -> str:
    return next(name for name in CODECS if preset.startswith(name))


@pytest.mark.parametrize("preset", PRESETS)
def test_networks_take_rgb_and_are_given_bgr(preset):
    """Frames come as BGR, as from OpenCV; mmpose turns them round and then normalises."""
    expected = {"type": "PoseDataPreprocessor", "mean": MEAN, "std": STD, "bgr_to_rgb": True}
    assert config(preset)["model"]["data_preprocessor"] == expected


@pytest.mark.parametrize("preset", PRESETS)
def test_boxes_are_padded_by_a_quarter_and_warped(preset):
    read, box, warp, pack = config(preset)["val_pipeline"]
    assert [read["type"], pack["type"]] == ["LoadImage", "PackPoseInputs"]
    assert box == {"type": "GetBBoxCenterScale"}, "with the padding that it has by default"
    code = (files("mmpose") / "datasets/transforms/common_transforms.py").read_text()
    owner = code[code.index("class GetBBoxCenterScale") :]
    padding = re.search(r"def __init__\(self, padding: float = ([\d.]+)\)", owner)
    assert padding
    assert float(padding[1]) == 1.25
    size = config(preset)["codec"]["input_size"]
    udp = {"use_udp": True} if family(preset) == "vitpose" else {}
    assert warp == {"type": "TopdownAffine", "input_size": size, **udp}


@pytest.mark.parametrize("preset", PRESETS)
def test_codec_and_flip_test(preset):
    found = config(preset)
    codec, model = found["codec"], found["model"]
    for name, value in CODECS[family(preset)].items():
        assert codec[name] == value
    assert model["head"]["decoder"] == codec
    assert model["test_cfg"]["flip_test"] is True


def test_a_box_goes_to_the_middle_of_the_crop():
    """The box (10, 20)..(50, 120) padded by 1.25 is 50 x 125, made 93.75 x 125 for a crop of 3:4.
    mmpose's matrix has pixel x at (x - 30) * 192 / 93.75 + 96, with no half pixel of its own."""
    code = (files("mmpose") / "structures/bbox/transforms.py").read_text()
    transforms: dict = {}
    exec(compile(code, "transforms.py", "exec"), transforms)  # without mmpose, which takes 10 s
    assert "output_size" in inspect.signature(transforms["get_warp_matrix"]).parameters
    center, scale = transforms["bbox_xyxy2cs"](np.array([10.0, 20, 50, 120]), padding=1.25)
    assert center.tolist() == [30, 70]
    assert scale.tolist() == [50, 125]
    warp = transforms["get_warp_matrix"](center, np.array([93.75, 125]), 0, (192, 256))
    assert np.allclose(warp, [[2.048, 0, 96 - 30 * 2.048], [0, 2.048, 128 - 70 * 2.048]])


def test_a_simcc_bin_is_half_a_pixel_of_the_crop():
    """And the score is the lower of the two maxima, not their mean (as rtmlib has it)."""
    code = (files("mmpose") / "codecs/utils/post_processing.py").read_text()
    decoding: dict = {}
    exec(compile(code, "post_processing.py", "exec"), decoding)
    x, y = np.zeros((1, 2, 384), np.float32), np.zeros((1, 2, 512), np.float32)
    x[0, 0, 101], y[0, 0, 40] = 0.8, 0.6
    places, scores = decoding["get_simcc_maximum"](x, y)
    assert places[0, 0].tolist() == [101, 40]
    assert scores[0].tolist() == pytest.approx([0.6, 0])
    assert places[0, 1].tolist() == [-1, -1], "not found"
    codec = (files("mmpose") / "codecs/simcc_label.py").read_text()
    assert "keypoints /= self.simcc_split_ratio" in codec
