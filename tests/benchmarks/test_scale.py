"""What benchmarks.scale measures, on a few of LSP's images in small."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.io import loadmat, savemat

from benchmarks.scale import Watched, measure, prepare
from tests.pipeline.fake_detector import JOINTS, photo


@pytest.fixture
def lsp(tmp_path: Path) -> Path:
    root = tmp_path / "lsp"
    (root / "images").mkdir(parents=True)
    for number in (1, 3):
        Pillow.fromarray(photo(50 + 40 * number)).save(root / f"images/im{number:04d}.jpg")
    joints = np.ones((3, 14, 3))
    joints[:2] = np.array(JOINTS).T[:, :, None] + np.array([0, 100, 0])
    savemat(root / "joints.mat", {"joints": joints})
    return root


def test_copies_have_the_joints_of_their_image(lsp: Path, tmp_path: Path) -> None:
    words = prepare(lsp, 5, tmp_path)
    assert sorted(path.name for path in (tmp_path / "in").iterdir())[-1] == "im0000005.jpg"
    joints = loadmat(tmp_path / "joints.mat")["joints"]
    assert joints.shape == (3, 14, 5)
    np.testing.assert_allclose(joints[0, 0], JOINTS[0][0])  # none is image 2, 100 px away
    assert words[1] == "detector=keypoint_file"


def test_what_a_run_costs(lsp: Path, tmp_path: Path) -> None:
    words = prepare(lsp, 4, tmp_path)
    cost = measure([*words, "executor=here", "render=none", "export=[npz]"], tmp_path)
    assert cost["fitted"] == 4
    assert cost["stages"].keys() == {"detect", "remap", "fit"}
    assert cost["cpu"] > cost["stages"]["fit"] / 2 > 0
    assert cost["written_mb"] >= cost["cache_mb"] + cost["outputs_mb"] > 0.05
    assert cost["outputs_files"] == 5
    assert cost["read_mb"] > cost["cache_mb"]
    assert cost["run"]["mb_last"] > 50
    assert cost["workers"] == []


def test_growth_is_seen_and_moments_are_not() -> None:
    still = Watched([100, 300, 300, 301, 300, 302, 300, 300], [5, 9, 9, 12, 9, 9, 15, 9])
    assert still.quarters() == {"mb_first": 301, "mb_last": 300, "files_first": 9, "files_last": 9}
    grows = Watched([10.0 * n for n in range(40)], list(range(40)))
    assert grows.quarters() == {
        "mb_first": 190,
        "mb_last": 390,
        "files_first": 10,
        "files_last": 30,
    }
