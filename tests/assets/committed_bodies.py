"""The committed bodies as arrays."""

from pathlib import Path

import numpy as np

from fitting.body.skeleton import SMPL_24

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "assets" / "bodies"
GENDERS = ("neutral", "female", "male")


def _other_side(name: str) -> str:
    side, _, rest = name.partition("_")
    return {"left": f"right_{rest}", "right": f"left_{rest}"}.get(side, name)


JOINT_MIRROR = [SMPL_24.names.index(_other_side(name)) for name in SMPL_24.names]
FLIP = np.array([-1, 1, 1], np.float32)


Body = dict[str, np.ndarray]


def load(gender: str) -> Body:
    with np.load(FOLDER / f"{gender}.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def shaped(body: Body, betas: np.ndarray) -> np.ndarray:
    return body["v_template"] + body["shapedirs"] @ betas


def random_betas(count: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(count, 10))
