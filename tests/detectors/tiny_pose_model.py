"""Trains a small top-down model of mmpose on a few LSP photos with mmpose's own Runner.

It remembers its photos and knows nothing else: enough to prove that the adapter feeds a real
config and a real checkpoint correctly.
"""

import json
from pathlib import Path

import numpy as np

from detectors.skeletons import LSP_14

INPUT = (96, 128)
HEATMAP = (24, 32)


def write_annotations(path: Path, images: list[Path], joints: np.ndarray) -> None:
    """COCO's json; joints (N, 14, 2) px. The box is the whole photo: LSP's show one person each."""
    from PIL import Image

    sizes = [Image.open(image).size for image in images]
    people = [
        {
            "id": i,
            "image_id": i,
            "category_id": 1,
            "iscrowd": 0,
            "num_keypoints": 14,
            "bbox": [0, 0, sizes[i][0] - 1, sizes[i][1] - 1],
            "area": sizes[i][0] * sizes[i][1],
            "keypoints": np.c_[joints[i], np.full(14, 2)].ravel().tolist(),
        }
        for i in range(len(images))
    ]
    pictures = [
        {"id": i, "file_name": str(image), "width": sizes[i][0], "height": sizes[i][1]}
        for i, image in enumerate(images)
    ]
    categories = [{"id": 1, "name": "person", "keypoints": list(LSP_14)}]
    path.write_text(
        json.dumps({"images": pictures, "annotations": people, "categories": categories})
    )


def config(annotations: Path, work_dir: Path, epochs: int, names: tuple[str, ...] = LSP_14) -> dict:
    codec = {"type": "MSRAHeatmap", "input_size": INPUT, "heatmap_size": HEATMAP, "sigma": 1.5}
    first = [
        {"type": "LoadImage"},
        {"type": "GetBBoxCenterScale"},
        {"type": "TopdownAffine", "input_size": INPUT},
    ]
    dataset = {
        "type": "CocoDataset",
        "data_root": "",
        "data_mode": "topdown",
        "ann_file": str(annotations),
        "metainfo": metainfo(names),
        "pipeline": [
            *first,
            {"type": "GenerateTarget", "encoder": codec},
            {"type": "PackPoseInputs"},
        ],
    }
    loader = {
        "batch_size": 8,
        "num_workers": 0,
        "dataset": dataset,
        "sampler": {"type": "DefaultSampler", "shuffle": True},
    }
    optimizer = {"type": "Adam", "lr": 1e-3}
    return {
        "default_scope": "mmpose",
        "work_dir": str(work_dir),
        "log_level": "WARNING",
        "randomness": {"seed": 0},
        "model": model(codec, len(names)),
        "train_dataloader": loader,
        "test_dataloader": {
            **loader,
            "dataset": {**dataset, "pipeline": [*first, {"type": "PackPoseInputs"}]},
        },
        "train_cfg": {"by_epoch": True, "max_epochs": epochs},
        "optim_wrapper": {"optimizer": optimizer},
        "param_scheduler": [{"type": "CosineAnnealingLR", "T_max": epochs, "eta_min": 1e-5}],
        "default_hooks": {
            "checkpoint": {"type": "CheckpointHook", "interval": epochs, "save_optimizer": False}
        },
    }


def model(codec: dict, joints: int) -> dict:
    return {
        "type": "TopdownPoseEstimator",
        "data_preprocessor": {
            "type": "PoseDataPreprocessor",
            "bgr_to_rgb": True,
            "mean": [123.675, 116.28, 103.53],
            "std": [58.395, 57.12, 57.375],
        },
        "backbone": {"type": "ResNet", "depth": 18},
        "head": {
            "type": "HeatmapHead",
            "in_channels": 512,
            "out_channels": joints,
            "deconv_out_channels": (64, 64, 64),
            "deconv_kernel_sizes": (4, 4, 4),
            "loss": {"type": "KeypointMSELoss", "use_target_weight": True},
            "decoder": codec,
        },
        "test_cfg": {"flip_test": False},
    }


def metainfo(names: tuple[str, ...]) -> dict:
    def other_side(name: str) -> str:
        swaps = {"left": "right", "right": "left"}
        side, _, rest = name.partition("_")
        return f"{swaps[side]}_{rest}" if side in swaps else ""

    joints = {
        i: {"name": n, "id": i, "color": [0, 0, 0], "type": "", "swap": other_side(n)}
        for i, n in enumerate(names)
    }
    return {
        "dataset_name": "lsp",
        "paper_info": {},
        "keypoint_info": joints,
        "skeleton_info": {},
        "joint_weights": [1.0] * len(names),
        "sigmas": [0.05] * len(names),
    }


def train(images: list[Path], joints: np.ndarray, folder: Path, epochs: int) -> tuple[Path, Path]:
    """Train; return the paths of the config and of the checkpoint."""
    from detectors import mmcv_ops

    mmcv_ops.prepare()
    import torch
    from mmengine.config import Config
    from mmengine.runner import Runner

    torch.set_num_threads(1)
    write_annotations(folder / "annotations.json", images, joints)
    settings = Config(config(folder / "annotations.json", folder / "work", epochs))
    settings.dump(folder / "tiny.py")
    settings.pop("test_dataloader")  # the Runner wants an evaluator with it
    Runner.from_cfg(settings).train()
    return folder / "tiny.py", folder / "work" / f"epoch_{epochs}.pth"
