"""LSP in small: a few drawn people whose truth is exact, in the data set's layout."""

from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from scipy.io import savemat

from pipeline.config import Config, to_config
from tests.conftest import ROOT

FIRST = 1001  # the first image of the test split
SIDE = 96  # px
N = 4


def poses_2d() -> np.ndarray:
    """N people of LSP's 14 joints (N, 14, 2) px: torso 50 px (30, 40), head 10 px."""
    standing = np.array(
        [
            (34, 90),
            (34, 76),
            (34, 62),
            (66, 62),
            (66, 76),
            (66, 90),
            (20, 60),
            (26, 42),
            (36, 22),
            (64, 22),
            (74, 42),
            (80, 60),
            (50, 18),
            (50, 8),
        ],
        float,
    )
    return np.stack([standing + np.array((0, shift)) for shift in (0, 1, 2, 3)])[:N]


def write_images(folder: Path, n: int = N, first: int = FIRST) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + n):
        shade = (40 * (number % 5), 90, 120)
        Pillow.new("RGB", (SIDE, SIDE), shade).save(folder / f"im{number:04d}.jpg")


def joints_mat(xy: np.ndarray, occluded: np.ndarray | None = None) -> np.ndarray:
    """The array of joints.mat (3, 14, 2000) with these people from number FIRST on."""
    joints = np.ones((3, 14, 2000))
    rows = slice(FIRST - 1, FIRST - 1 + len(xy))
    joints[:2, :, rows] = xy.transpose(2, 1, 0)
    joints[2] = 0
    if occluded is not None:
        joints[2, :, rows] = occluded.T
    return joints


def write_lsp(root: Path, xy: np.ndarray, occluded: np.ndarray | None = None) -> Path:
    write_images(root / "images", len(xy))
    savemat(root / "joints.mat", {"joints": joints_mat(xy, occluded)})
    return root


def write_detections(path: Path, xy: np.ndarray, score: np.ndarray) -> Path:
    """est_joints.npz: score (N, 14), 0 where nothing was detected."""
    joints = np.zeros((3, 14, 2000), np.float32)
    rows = slice(FIRST - 1, FIRST - 1 + len(xy))
    joints[:2, :, rows], joints[2, :, rows] = xy.transpose(2, 1, 0), score.T
    np.savez(path, est_joints=joints)
    return path


def lsp_config(root: Path, detections: Path, *overrides: str, n: int = N) -> Config:
    from hydra import compose, initialize_config_dir

    folder = detections.parent
    places = [f"runtime.{name}_dir={folder / name}" for name in ("cache", "output", "weights")]
    given = [
        "data=lsp",
        f"data.root='{root}'",
        "detector=keypoint_file",
        f"detector.path={detections}",
        f"data.max_images={n}",
        "fit=smplify",
        "render=none",
        "runtime.threads=1",
        "render.backend=raycast",  # no search for a GL library
    ]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return to_config(compose("config", [*given, *places, *overrides]))
