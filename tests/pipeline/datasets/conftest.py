"""Poses and clips that several files here look at."""

import numpy as np
import pytest

from fitting.starts.retrieval import load_pose_library
from pipeline.datasets.synthetic_clips import TrueFrames
from pipeline.datasets.synthetic_video import SyntheticVideo
from tests.conftest import ROOT
from tests.pipeline.datasets.drawn_clips import CLEAN, SHORT, source


@pytest.fixture(scope="session")
def poses() -> np.ndarray:
    return load_pose_library(ROOT / "assets/test_poses.npz")


@pytest.fixture(scope="session")
def drawn() -> SyntheticVideo:
    return source(**CLEAN)


@pytest.fixture(scope="session")
def clean(drawn: SyntheticVideo) -> TrueFrames:
    return drawn.true(SHORT)
