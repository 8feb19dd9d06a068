"""A small RTMPose with random weights: as mmpose has it, and as ONNX.

    python -m tests.detectors.tiny_rtmpose

writes tiny_rtmpose.zip, like those of OpenMMLab's onnx_sdk, and tiny_rtmpose.npz: what mmpose makes
of a picture with the same weights. Then the default tests can compare with mmpose without importing
it, which takes longer than all of them; a slow test makes both again and compares.
"""

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.detectors.random_weights import built

HERE = Path(__file__).parent
ARCHIVE = HERE / "tiny_rtmpose.zip"
FOUND = HERE / "tiny_rtmpose.npz"
SIZE = (96, 128)
_T = "body_2d_keypoint/rtmpose/body8/rtmpose-t_8xb1024-700e_body8-halpe26-256x192.py"

BOXES = np.array(
    [[30, 20, 110, 200], [100.5, 40.25, 300.75, 130], [-20, -10, 60, 90], [250, 150, 330, 259]],
    np.float32,
)
"""Upright, lying, over two edges, in a corner; px."""


def picture() -> np.ndarray:
    """Coloured noise of several sizes, RGB, 320 x 240; the same on every machine."""
    random = np.random.default_rng(0)
    sizes = (5, 10, 40)
    noise = [random.integers(0, 255, (240 // s, 320 // s, 3)).astype(int) for s in sizes]
    enlarged = [n.repeat(s, 0).repeat(s, 1) for n, s in zip(noise, sizes, strict=True)]
    return (sum(enlarged) // len(sizes)).astype(np.uint8)


def write_config(path: Path) -> None:
    """RTMPose-t on Halpe-26 with a sixth of the channels and a quarter of the pixels."""
    from mmengine.config import Config

    from detectors.checkpoints import find_config

    config = Config.fromfile(find_config(_T))
    config.model.backbone.update(widen_factor=0.0625, init_cfg=None)
    config.model.head.update(in_channels=64, input_size=SIZE, in_featuremap_size=(3, 4))
    config.model.head.update(final_layer_kernel_size=3)
    config.model.head.gau_cfg.update(hidden_dims=32, s=16)
    config.model.head.decoder.input_size = SIZE
    loader = config.test_dataloader
    loader.dataset.pipeline[2].input_size = SIZE
    kept = {"model": config.model, "test_dataloader": loader, "default_scope": "mmpose"}
    Config({**kept, "train_dataloader": loader}).dump(path)  # mmpose takes names from the latter


def write_weights(config: Path, path: Path) -> Any:
    """Random weights whose output has sharp maxima that depend on the picture: as they come, all
    features fade to nothing, and the maxima are everywhere the same.

    Returns:
        The network.
    """
    import torch

    net = built(str(config))
    norms = [m for m in net.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None  # the mean over all that it has seen
    net.head.final_layer.weight.data.normal_(0, 1)
    pixels = torch.from_numpy(picture()).permute(2, 0, 1)[None].float()
    crops = [pixels[..., y : y + 128, x : x + 96] for x in (0, 70, 150, 220) for y in (0, 50, 110)]
    seen = (torch.cat(crops) - 127) / 57
    with torch.no_grad():
        net.train()
        net.extract_feat(seen)
        net.eval()
        for layer, out in zip(
            (net.head.cls_x, net.head.cls_y), net.head(net.extract_feat(seen)), strict=True
        ):
            layer.weight.data *= 0.6 / out.amax(-1).mean()  # scores between 0 and 1
    torch.save({"state_dict": net.state_dict()}, path)
    return net


def export(net: Any, path: Path, batch: int | None = None) -> None:
    """Write a top-down model with a SimCC head, or `batch` people at a time, as ONNX.

    Args:
        batch: None: as many as there are.
    """
    import torch

    class Head(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, pictures: Any) -> Any:
            return self.net.head(self.net.extract_feat(pictures))

    names = ["input", "simcc_x", "simcc_y"]
    width, height = net.head.input_size
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of a way to export that torch would like better
        torch.onnx.export(
            Head().eval(),
            (torch.zeros(batch or 2, 3, height, width),),
            str(path),
            input_names=names[:1],
            output_names=names[1:],
            dynamic_axes=None if batch else {name: {0: "batch"} for name in names},
            dynamo=False,
        )


def zipped(onnx: Path, path: Path) -> None:
    """As OpenMMLab does."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        inside = zipfile.ZipInfo("20230831/rtmpose_onnx/tiny/end2end.onnx", (2023, 8, 31, 0, 0, 0))
        inside.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(inside, onnx.read_bytes())


def write_boxes(path: Path) -> Path:
    """The boxes as a file for detector.person_boxes; any clip's are named photo.png."""
    import json

    path.write_text(json.dumps({"photo.png": BOXES.tolist()}))
    return path


def found_by_mmpose(config: Path, weights: Path, boxes: Path, flip_test: bool) -> Any:
    """The detections of the adapter of mmpose."""
    from detectors.base import Resources
    from detectors.mmpose_topdown import MMPoseTopDown

    detector = MMPoseTopDown(
        str(config), str(weights), flip_test=flip_test, person_boxes=str(boxes)
    )
    return detector.detect([picture()], Resources(), "photo.png")


def make(folder: Path) -> None:
    """Write config, weights, ONNX, archive, boxes and mmpose's results into a folder."""
    from detectors import mmcv_ops

    mmcv_ops.prepare()
    config, weights = folder / "tiny.py", folder / "tiny.pth"
    write_config(config)
    export(write_weights(config, weights), folder / "tiny.onnx")
    zipped(folder / "tiny.onnx", folder / ARCHIVE.name)
    boxes = write_boxes(folder / "boxes.json")
    results = {}
    for flip_test, name in ((False, "plain"), (True, "flipped")):
        found = found_by_mmpose(config, weights, boxes, flip_test)
        results |= {f"{name}_keypoints": found.keypoints, f"{name}_scores": found.scores}
    np.savez_compressed(folder / FOUND.name, **results)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as made:
        make(Path(made))
        for path in (ARCHIVE, FOUND):
            path.write_bytes((Path(made) / path.name).read_bytes())
