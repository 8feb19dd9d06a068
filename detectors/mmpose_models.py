"""Networks of mmpose and mmdet, ready to run: config and weights together, safely and quietly."""

import importlib.util
import io
import pickle
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectors import mmcv_ops
from detectors.base import Resources
from detectors.checkpoints import find_checkpoint, find_config, is_local

Prepare = Callable[[Any], Any]
"""A picture and its data -> the input of the network."""


@dataclass(frozen=True)
class Source:
    """Where a network comes from: see `find_config` and `find_checkpoint`."""

    config: str
    checkpoint: str | None

    def own_files(self, prefix: str) -> dict[str, Path]:
        """The user's own files among the two, by the names of their options."""
        files = {f"{prefix}config": find_config(self.config)} if is_local(self.config) else {}
        if self.checkpoint is not None:
            files[f"{prefix}checkpoint"] = Path(self.checkpoint)
        return files


def load_pose(source: Source, flip_test: bool | None, resources: Resources) -> tuple[Any, Prepare]:
    """A top-down model, and the function that prepares one person for it.

    Args:
        flip_test: whether to run every person mirrored too and take the mean; None: as the config
            says.

    Raises:
        OSError, ValueError, UnpicklingError: the weights are absent, refused, or of another model;
            or the model needs a package that is not installed.
    """
    from mmengine.dataset import Compose
    from mmpose.apis import init_model

    settings = _settings(source.config)
    if flip_test is not None:
        settings.model.test_cfg = {**(settings.model.get("test_cfg") or {}), "flip_test": flip_test}
    model = _load(source, settings, init_model, resources)
    return model, Compose(model.cfg.test_dataloader.dataset.pipeline)


def load_person(source: Source, resources: Resources) -> tuple[Any, Prepare]:
    """A detector of mmdet, and the function that prepares one picture; raises what `load_pose`
    does."""
    from mmcv.transforms import Compose
    from mmdet.apis import init_detector
    from mmdet.utils import get_test_pipeline_cfg
    from mmpose.utils import adapt_mmdet_pipeline

    model = _load(source, _settings(source.config), init_detector, resources, palette="coco")
    steps = get_test_pipeline_cfg(adapt_mmdet_pipeline(model.cfg))
    steps[0].type = "mmdet.LoadImageFromNDArray"
    return model, Compose(steps)


def infer(model: Any, samples: list[Any]) -> list[Any]:
    """What the model finds in each prepared sample, in one forward pass."""
    import torch
    from mmengine.dataset import pseudo_collate

    with torch.no_grad(), without_chatter():
        return [found.pred_instances for found in model.test_step(pseudo_collate(samples))]


@contextmanager
def without_chatter() -> Iterator[None]:
    """Silence deprecations in mmengine, mmdet and mmpose, and their log messages below errors.

    Use it around their calls only: the user should see warnings from decoding the next frame.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.showwarning = lambda *_, **__: None  # mmdet sets a filter of its own
        from mmengine.logging import MMLogger

        MMLogger.get_current_instance().setLevel("ERROR")
        yield


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Set torch's threads: its own guess is many times slower if other work runs at the same
    time."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def install_line(package: str) -> str:
    """The command that adds a package to the project's environment and changes no other."""
    return f".venv/bin/uv pip install --python .venv/bin/python -c constraints.txt {package}"


def missing_package(model: str) -> str | None:
    """The first package that a config takes parts from but that is not installed."""
    scopes = re.findall(r"'(\w+)\.[A-Z]\w*'", model)  # 'mmpretrain.VisionTransformer'
    return next((scope for scope in scopes if importlib.util.find_spec(scope) is None), None)


def _settings(name: str) -> Any:
    """The config without the address of pretrained backbone weights: the checkpoint has them
    all."""
    from mmengine.config import Config

    config = Config.fromfile(find_config(name))
    if package := missing_package(str(config.model)):
        raise ValueError(
            f"{name}: expected the package {package}, which has this model's backbone; it "
            f"is not installed: {install_line(package)}"
        )
    config.model.backbone.init_cfg = None
    return config


def _load(
    source: Source, settings: Any, initialise: Any, resources: Resources, **extra: str
) -> Any:
    checkpoint = find_checkpoint(source.checkpoint, source.config, resources.weights_dir)
    try:
        with mmcv_ops.checkpoint_globals(), redirect_stdout(io.StringIO()):
            model = initialise(settings, str(checkpoint), device=resources.device, **extra)
            _check_complete(model, checkpoint, source.config)
    except (pickle.UnpicklingError, EOFError) as error:
        raise mmcv_ops.refused(error, checkpoint) from error
    return model


def _check_complete(model: Any, checkpoint: Path, config: str) -> None:
    """Load a checkpoint and refuse an incomplete one: mmengine would go on with random weights."""
    import torch

    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    given = {
        name.removeprefix("module."): weights.shape
        for name, weights in content.get("state_dict", content).items()
    }
    wanted = {name: weights.shape for name, weights in model.state_dict().items()}
    wrong = [
        name
        for name, shape in wanted.items()
        if given.get(name) != shape and not name.endswith("num_batches_tracked")
    ]
    if wrong:
        raise ValueError(
            f"{checkpoint}: expected the weights of {config}, but {len(wrong)} of {len(wanted)} "
            f"are absent or of another shape, first {wrong[0]}; name the config that it belongs to"
        )
