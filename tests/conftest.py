"""Fixtures every room uses: the project's own body and prior, and the fit presets."""

import os

# Two threads that wait for each other on a busy machine are many times slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from fitting import BodyModel, FitConfig, PosePrior, load_body_model, load_pose_prior

ROOT = Path(__file__).resolve().parent.parent


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
def preset() -> Callable[..., FitConfig]:
    """A preset of conf/fit with some values changed."""

    def load(name: str, **changes: object) -> FitConfig:
        values = OmegaConf.load(ROOT / f"conf/fit/{name}.yaml")
        return OmegaConf.to_object(
            OmegaConf.merge(OmegaConf.structured(FitConfig), values, changes)
        )

    return load
