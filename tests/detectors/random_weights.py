"""Checkpoints of mmpose's and mmdet's models without a download."""

import warnings
from pathlib import Path
from typing import Any


def built(config: str) -> Any:
    """A model that has learnt nothing; always the same."""
    from detectors import mmcv_ops
    from detectors.checkpoints import find_config

    mmcv_ops.prepare()
    import torch
    from mmengine.config import Config

    torch.manual_seed(0)
    with warnings.catch_warnings():  # deprecations inside mmengine, mmpose and mmdet
        warnings.simplefilter("ignore")
        from mmengine.registry import MODELS, init_default_scope

        settings = Config.fromfile(find_config(config))
        settings.model.backbone.init_cfg = None
        init_default_scope(settings.default_scope)
        return MODELS.build(settings.model)


def random_checkpoint(config: str, path: Path) -> str:
    """Write weights of a model that has learnt nothing: for the way through it, and for timing."""
    model = built(config)
    import torch

    for name, weights in model.named_parameters():
        if name.endswith("bias") and ("rtm_cls" in name or "rtm_reg" in name):
            weights.data.fill_(3)  # boxes of some size, scored well
    torch.save({"state_dict": model.state_dict()}, path)
    return str(path)
