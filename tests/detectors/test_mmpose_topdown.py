import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from detectors.base import Resources
from detectors.checkpoints import find_config, is_local, published_url
from detectors.downloads import promised_digest
from detectors.mmpose_topdown import MMPoseTopDown, _joint_names
from detectors.skeletons import COCO_17, HALPE_26, LSP_14, WHOLEBODY_133
from detectors.top_down import _as_detections
from tests.conftest import ROOT
from tests.detectors.random_weights import random_checkpoint
from tools.checks.finding import settings

HALPE_CONFIG = "body_2d_keypoint/rtmpose/body8/rtmpose-m_8xb512-700e_body8-halpe26-256x192.py"


@pytest.mark.parametrize(
    ("option", "value"),
    [("person_boxes", "guess"), ("box_score", 1.5), ("nms_iou", -0.1), ("max_people", 0)],
)
def test_bad_option_is_named(option, value):
    with pytest.raises(ValueError, match=rf"MMPoseTopDown\.{option}: expected .* got {value}"):
        MMPoseTopDown(HALPE_CONFIG, **{option: value})


def test_files_are_the_users_own(tmp_path):
    config = tmp_path / "mine.py"
    config.write_text("model = {}")
    assert MMPoseTopDown(HALPE_CONFIG).files() == {}
    detector = MMPoseTopDown(str(config), "weights.pth", person_checkpoint="person.pth")
    assert detector.files() == {
        "config": config.resolve(),
        "checkpoint": Path("weights.pth"),
        "person_checkpoint": Path("person.pth"),
    }
    detector.person_boxes = "whole_image"
    assert set(detector.files()) == {"config", "checkpoint"}


@pytest.mark.parametrize(("data_set", "ours"), [("halpe26", HALPE_26), ("coco", COCO_17)])
def test_joint_names_of_mmpose_become_ours(data_set, ours):
    theirs = {"head_top": "head", "mid_hip": "hip"}
    names = {i: theirs.get(name, name) for i, name in enumerate(ours)}
    assert _joint_names({"dataset_name": data_set, "keypoint_id2name": names}) == ours


def test_people_return_to_their_frames():
    def found(x):
        return np.full((14, 2), x, np.float32), np.full(14, 1.01, np.float32)

    boxes = [np.zeros((count, 4), np.float32) for count in (2, 0, 1)]
    result = _as_detections(boxes, [found(1), found(2), found(3)], LSP_14)
    assert result.frame.tolist() == [0, 0, 2]
    assert result.keypoints[:, 0, 0].tolist() == [1, 2, 3]
    assert (result.scores == 1).all()
    assert len(_as_detections([np.zeros((0, 4), np.float32)] * 2, [], LSP_14)) == 0


@pytest.fixture(scope="module")
def trained(shared, tmp_path_factory):
    """Config, checkpoint, images, joints of a model trained on eight LSP photos."""
    from scipy.io import loadmat

    from tests.detectors.tiny_pose_model import train

    images = [shared / "lsp" / "images" / f"im{i + 1:04d}.jpg" for i in range(8)]
    joints = loadmat(shared / "lsp" / "joints.mat")["joints"][:2, :, :8].transpose(2, 1, 0)
    folder = tmp_path_factory.mktemp("tiny")
    return *train(images, joints, folder, epochs=120), images, joints


@pytest.mark.slow
@pytest.mark.timeout(1800)  # 2 minutes of one free core
@pytest.mark.filterwarnings("ignore")  # mmengine's training loop warns of its own doings
def test_adapter_finds_joints_of_a_model_trained_with_mmpose(trained):
    from PIL import Image

    config, checkpoint, images, joints = trained
    detector = MMPoseTopDown(str(config), str(checkpoint), person_boxes="whole_image")
    frames = [np.asarray(Image.open(image).convert("RGB")) for image in images]
    found = detector.detect(frames, Resources(batch_size=5), "lsp")
    assert found.joint_names == LSP_14
    assert found.frame.tolist() == list(range(8))
    torso = np.linalg.norm(joints[:, 8] - joints[:, 3], axis=1)[:, None]
    error = np.linalg.norm(found.keypoints - joints, axis=2) / torso
    pck = float((error < 0.2).mean())
    print(f"PCK@0.2 {pck:.3f}, median error {np.median(error):.3f} torso")  # noqa: T201
    assert pck >= 0.9
    offset = np.median(found.keypoints - joints, axis=(0, 1))
    assert np.abs(offset).max() < 1  # px; a cell of the heatmap is 6 px, so its rounding is less
    one_by_one = detector.detect(frames[3:4], Resources(batch_size=1), "lsp")
    assert np.abs(one_by_one.keypoints[0] - found.keypoints[3]).max() < 1e-2


@pytest.mark.slow
def test_checkpoint_that_carries_code_is_refused(tmp_path):
    weights = random_checkpoint(HALPE_CONFIG, tmp_path / "evil.pth")
    import torch

    content = torch.load(weights, weights_only=True)
    content["meta"] = {"extra": _Touch(tmp_path / "ran")}
    torch.save(content, weights)
    detector = MMPoseTopDown(HALPE_CONFIG, weights, person_boxes="whole_image")
    with pytest.raises(pickle.UnpicklingError, match=r"evil\.pth: expected .*GLOBAL posix\.system"):
        detector.detect([np.zeros((60, 40, 3), np.uint8)], Resources(), "x")
    assert not (tmp_path / "ran").exists()


class _Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        import os

        return os.system, (f"touch {self.path}",)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("preset", "joints"),
    [
        ("rtmpose_halpe26", HALPE_26),
        ("rtmpose_t_halpe26", HALPE_26),
        ("rtmpose_coco17", COCO_17),
        ("hrnet_w32_coco17", COCO_17),
        ("rtmw_m_wholebody133", WHOLEBODY_133),
    ],
)
def test_shipped_configs_run_from_picture_to_joints(preset, joints, tmp_path, capfd):
    """With random weights: says nothing of accuracy, only that both networks and the way between
    them fit together."""
    options = preset_options(preset)
    options["checkpoint"] = random_checkpoint(options["config"], tmp_path / "pose.pth")
    person = random_checkpoint(options["person_config"], tmp_path / "person.pth")
    detector = MMPoseTopDown(**{**options, "person_checkpoint": person, "max_people": 3})
    capfd.readouterr()
    frames = np.random.default_rng(0).integers(0, 255, (2, 120, 90, 3), np.uint8)
    found = detector.detect(frames, Resources(batch_size=4), "x")
    assert capfd.readouterr() == ("", "")
    assert found.joint_names == joints
    assert np.bincount(found.frame).min() >= 1
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()


def preset_options(preset: str) -> dict:
    """A preset's options as run.py hands them over."""
    options = settings(f"detector/{preset}.yaml")
    assert options.pop("_target_") == "detectors.mmpose_topdown.MMPoseTopDown"
    return options | {"stride": 1}


MMPOSE_PRESETS = sorted(
    path.stem
    for path in (ROOT / "conf/detector").glob("*.yaml")
    if "mmpose_topdown" in settings(f"detector/{path.name}")["_target_"] and path.stem != "mmpose"
)


@pytest.mark.parametrize("preset", MMPOSE_PRESETS)
def test_presets_name_configs_of_the_wheel_and_published_weights(preset):
    """RTMW's m and l have no digest in their names: nothing is known of their content."""
    options = preset_options(preset)
    for config in (options["config"], options["person_config"]):
        assert not is_local(config)
        url = published_url(config)
        assert url.startswith("https://download.openmmlab.com/mmpose/v1/")
        assert (promised_digest(url) is None) == preset.startswith("rtmw")
        if preset.startswith("rtmw"):
            break
    text = find_config(options["config"]).read_text()
    joints = int(re.search(r"(\d+)$", preset)[1])
    assert re.search(rf"(out_channels|num_keypoints)\s*=\s*{joints}\b", text)
    assert ("mmpretrain" in text) == preset.startswith("vitpose")


@pytest.mark.slow
def test_a_model_whose_package_is_absent_says_which(tmp_path):
    options = preset_options("vitpose_s_coco17") | {"person_boxes": "whole_image"}
    with pytest.raises(ValueError, match=r"expected the package mmpretrain, .* pip install"):
        MMPoseTopDown(**options).detect([np.zeros((9, 9, 3), np.uint8)], Resources(), "x")


@pytest.mark.slow
def test_boxes_of_a_file_skeleton_of_ones_own_and_flip_test(tmp_path):
    """A model of five joints that nobody has heard of, with random weights."""
    from mmengine.config import Config

    from tests.detectors import tiny_pose_model

    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "tail")
    config = Config(tiny_pose_model.config(tmp_path / "x.json", tmp_path, 1, names))
    config.dump(tmp_path / "tiny.py")
    weights = random_checkpoint(str(tmp_path / "tiny.py"), tmp_path / "tiny.pth")
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({"a.mp4": {"0": [[5, 5, 60, 90], [20, 9, 80, 99]], "4": []}}))
    frames = np.random.default_rng(0).integers(0, 255, (3, 120, 90, 3), np.uint8)

    def found(**options):
        detector = MMPoseTopDown(str(tmp_path / "tiny.py"), weights, **options)
        return detector.detect(iter(frames), Resources(batch_size=2), "a.mp4")

    plain = found(person_boxes=str(boxes), stride=2)
    assert plain.joint_names == names
    assert plain.frame.tolist() == [0, 0]
    assert plain.boxes.tolist() == [[5, 5, 60, 90], [20, 9, 80, 99]]
    assert len(found(person_boxes=str(boxes), max_people=1)) == 1
    flipped = found(person_boxes=str(boxes), flip_test=True)
    assert np.abs(flipped.scores - plain.scores).max() > 1e-4
    same = found(person_boxes=str(boxes), flip_test=False)
    assert np.array_equal(same.keypoints, plain.keypoints), "as the config says"


@pytest.mark.slow
def test_checkpoint_of_another_model_is_refused(tmp_path):
    other = HALPE_CONFIG.replace("rtmpose-m_8xb512", "rtmpose-s_8xb1024")
    weights = random_checkpoint(other, tmp_path / "small.pth")
    detector = MMPoseTopDown(HALPE_CONFIG, weights, person_boxes="whole_image")
    with pytest.raises(ValueError, match=r"small\.pth: expected the weights of .*, first back"):
        detector.detect([np.zeros((60, 40, 3), np.uint8)], Resources(), "x")
