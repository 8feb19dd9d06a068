"""Fixtures every room uses: the project's own body and prior, and the fit presets."""

import os

# Two threads that wait for each other on a busy machine are many times slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from fitting import (
    Assets,
    BodyModel,
    FitConfig,
    PosePrior,
    load_assets,
    load_body_model,
    load_pose_prior,
)
from tests import shapes

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _shapes_from_the_first_call() -> None:
    """Every test has its first calls checked, whatever ran before it."""
    shapes.calls.clear()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real inputs beside the project; not part of it."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no real inputs at {folder}")
    return folder


@pytest.fixture(scope="session")
def body() -> BodyModel:
    return load_body_model(ROOT / "assets/bodies/neutral.npz")


@pytest.fixture(scope="session")
def prior() -> PosePrior:
    return load_pose_prior(ROOT / "assets/pose_prior.npz")


@pytest.fixture(scope="session")
def assets() -> Assets:
    """All that any preset asks for, of the neutral body."""
    return load_assets(ROOT / "assets")


@pytest.fixture(scope="session")
def preset() -> Callable[..., FitConfig]:
    """A preset of conf/fit with some values changed; confidences mean what MoveNet's do."""

    @cache
    def composed(name: str) -> DictConfig:
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            cfg = compose("config", ["data=synthetic", f"fit={name}"])
        return OmegaConf.create(OmegaConf.to_container(cfg.fit, resolve=True))

    def load(name: str, **changes: object) -> FitConfig:
        values = composed(name)
        return OmegaConf.to_object(
            OmegaConf.merge(OmegaConf.structured(FitConfig), values, changes)
        )

    return load
