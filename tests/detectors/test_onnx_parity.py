"""mmpose and mmdet against ONNX files that are exported here from the same weights."""

import zipfile
from typing import Any

import numpy as np
import pytest

from detectors.base import DetectorError, Resources
from detectors.mmpose_topdown import MMPoseTopDown
from detectors.onnx_models import load_onnx
from detectors.onnx_topdown import OnnxTopDown
from tests.detectors import tiny_rtmpose

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # of torch, to mmdet, and of its old way to export
]
PERSON = "rtmdet_nano_320-8xb32_coco-person.py"


@pytest.fixture(scope="module", autouse=True)
def packages():
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Config, weights, ONNX, archive, boxes and results of the small model, made anew."""
    folder = tmp_path_factory.mktemp("made")
    tiny_rtmpose.make(folder)
    return folder


@pytest.mark.parametrize("name", ["plain", "flipped"])
def test_the_stored_results_are_mmposes(made, name):
    stored, anew = (dict(np.load(path)) for path in (tiny_rtmpose.FOUND, made / "tiny_rtmpose.npz"))
    assert np.abs(stored[f"{name}_keypoints"] - anew[f"{name}_keypoints"]).max() < 0.01
    assert np.abs(stored[f"{name}_scores"] - anew[f"{name}_scores"]).max() < 1e-4
    with (
        zipfile.ZipFile(tiny_rtmpose.ARCHIVE) as ours,
        zipfile.ZipFile(made / tiny_rtmpose.ARCHIVE.name) as theirs,
    ):
        assert ours.namelist() == theirs.namelist()


def test_operators_of_strangers_are_not_known(tmp_path):
    """No file can bring code of its own: only a library that the program registers could."""
    from onnx import TensorProto, helper, save

    value = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8])
        for name in ("input", "output")
    }
    node = helper.make_node("Run", ["input"], ["output"], domain="strangers")
    graph = helper.make_graph([node], "g", [value["input"]], [value["output"]])
    known = [helper.make_opsetid("strangers", 1), helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=known, ir_version=8), tmp_path / "x.onnx")
    with pytest.raises(DetectorError, match=r"x\.onnx.*cannot load .*strangers"):
        load_onnx(tmp_path / "x.onnx", "detector.checkpoint", Resources())


def detections(detector: Any, batch_size: int = 16) -> Any:
    return detector.detect(
        [tiny_rtmpose.picture()] * 2, Resources(batch_size=batch_size), "photo.png"
    )


@pytest.mark.parametrize("flip_test", [False, True])
@pytest.mark.parametrize("batch", [None, 1, 3])
def test_keypoints_are_the_same_from_both_files(made, flip_test, batch, tmp_path):
    onnx = made / "tiny.onnx"
    if batch:
        onnx = tmp_path / "fixed.onnx"
        tiny_rtmpose.export(_network(made), onnx, batch)
    boxes = str(made / "boxes.json")
    options = {"flip_test": flip_test, "person_boxes": boxes}
    theirs = detections(MMPoseTopDown(str(made / "tiny.py"), str(made / "tiny.pth"), **options))
    ours = detections(OnnxTopDown(str(onnx), **options), batch_size=3)
    assert len(ours) == len(theirs) == len(tiny_rtmpose.BOXES)
    assert ours.joint_names == theirs.joint_names
    assert np.array_equal(ours.boxes, theirs.boxes)
    assert np.abs(ours.keypoints - theirs.keypoints).max() < 0.5
    assert np.abs(ours.scores - theirs.scores).max() < 1e-3


def _network(made: Any) -> Any:
    import torch

    from tests.detectors.random_weights import built

    network = built(str(made / "tiny.py")).eval()
    network.load_state_dict(torch.load(made / "tiny.pth", weights_only=True)["state_dict"])
    return network


def test_people_are_found_in_the_same_boxes(made, tmp_path):
    """RTMDet-nano with random weights whose boxes are anywhere; most of them are wide of people,
    but both must say the same."""
    checkpoint = str(tmp_path / "person.pth")
    write_finder(checkpoint)
    export_finder(checkpoint, tmp_path / "rtmdet.onnx")
    common = {"max_people": 30, "box_score": 0.3}
    person = {"person_config": finder_config(tmp_path), "person_checkpoint": checkpoint}
    tiny = str(made / "tiny.py"), str(made / "tiny.pth")
    theirs = detections(MMPoseTopDown(*tiny, **person, **common))
    onnx = str(tmp_path / "rtmdet.onnx")
    ours = detections(OnnxTopDown(str(made / "tiny.onnx"), person_checkpoint=onnx, **common))
    assert len(theirs) >= 10
    assert (theirs.boxes[:, 2:] - theirs.boxes[:, :2]).std() > 3, "of many sizes"
    assert ours.frame.tolist() == theirs.frame.tolist()
    assert np.abs(ours.boxes - theirs.boxes).max() < 0.1
    # A thousandth of a pixel in a box exchanges maxima that are alike: there are such here.
    same = np.abs(ours.keypoints - theirs.keypoints).max(2) < 0.5
    assert same.mean() > 0.97


def finder_config(folder: Any) -> str:
    """Without the suppression of overlaps in mmdet, which the exported file lacks, too; the
    detectors' own follows in both."""
    from mmengine.config import Config

    from detectors.checkpoints import find_config

    config = Config.fromfile(find_config(PERSON))
    config.model.test_cfg.update(score_thr=0.3, nms_pre=9999, max_per_img=9999)
    config.model.test_cfg.nms.iou_threshold = 1.0
    config.dump(folder / "person.py")
    return str(folder / "person.py")


def write_finder(path: str) -> None:
    """Random weights whose scores and boxes depend on the picture; as they come, all are alike."""
    import torch

    from tests.detectors.random_weights import built

    network = built(PERSON)
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = None
    for name, weights in network.bbox_head.named_parameters():
        if "rtm_cls" in name or "rtm_reg" in name:
            spread = 0.3 if name.endswith("weight") else 0.0
            weights.data.normal_(3 if "reg" in name and not spread else 0, spread)
    noise = torch.nn.functional.interpolate(torch.randn(4, 3, 20, 20), (320, 320))
    with torch.no_grad():
        network.train()
        network.bbox_head(network.extract_feat(noise))
    torch.save({"state_dict": network.state_dict()}, path)


def export_finder(checkpoint: str, path: Any) -> None:
    """RTMDet as mmdeploy exports it, but for the suppression of overlaps."""
    import torch
    from mmdet.structures.bbox import distance2bbox

    from tests.detectors.random_weights import built

    network = built(PERSON).eval()
    network.load_state_dict(torch.load(checkpoint, weights_only=True)["state_dict"])
    head = network.bbox_head
    sides = [(320 // stride, 320 // stride) for stride in (8, 16, 32)]
    priors = torch.cat(head.prior_generator.grid_priors(sides, device="cpu"))[:, :2]

    class Finder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pictures: Any) -> Any:
            scores, distances = head(self.network.extract_feat(pictures))
            flat = [
                torch.cat([o.permute(0, 2, 3, 1).flatten(1, 2) for o in outputs], 1)
                for outputs in (scores, distances)
            ]
            boxes = distance2bbox(priors[None], flat[1]).clamp(0, 320)
            dets = torch.cat([boxes, flat[0].sigmoid()], 2)
            return dets, torch.zeros_like(dets[..., 0], dtype=torch.long)

    with torch.no_grad():
        torch.onnx.export(
            Finder().eval(),
            (torch.zeros(1, 3, 320, 320),),
            str(path),
            input_names=["input"],
            output_names=["dets", "labels"],
            dynamo=False,
        )
