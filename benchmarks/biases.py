"""Signed errors of fits: what all bodies have too much of, by the side that they are seen from.

    python -m tools.render_people FOLDER --n 200 --poses assets/test_poses.npz --seed 1
    python -m benchmarks.biases FOLDER [fit.landmark_offsets={} ...]

BlazePose looks at rendered people (tools/render_people.py), who are fitted; key=value are settings
of run.py. It prints PA-MPJPE and MPJPE, and of every angle and length fit minus truth: the mean and
its 95 % interval. A mean apart from 0 is an error that all people of that side share.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from fitting import BodyParams, fit
from fitting.body.skeleton import SMPL_24
from fitting.joints import HIPS, LSP_14
from pipeline.config import ROOT, to_config
from pipeline.evaluation.metrics import bootstrap_interval, knee_flexion, mpjpe, pa_mpjpe
from pipeline.stages.fit import assets_of
from tools.rendered_people import look

SIDES = ("front", "side", "back")
_TURNED = (
    50.0,
    130.0,
)  # degrees from facing the camera at which front and side, side and back part
_HEAD = SMPL_24.names.index("head")
_RIGHT_AND_LEFT = ("right", "left")


def measures(
    joints: Float[np.ndarray, "N 14 3"], params: BodyParams
) -> dict[str, Float[np.ndarray, " N"]]:
    """Angles (degrees) and lengths (cm) of bodies, by name.

    `trunk, away` is how far the trunk leans from the camera, `trunk, forward` how far to where the
    pelvis faces; `head up` is how far above the horizon of the camera the face looks.
    """

    def between(a: str, b: str) -> np.ndarray:
        """From joint a to joint b, right and left, (N, 2, 3)."""
        ends = [[LSP_14.index(f"{side}_{end}") for side in _RIGHT_AND_LEFT] for end in (a, b)]
        return joints[:, ends[1]] - joints[:, ends[0]]

    turns = _turns(params)
    up = joints[:, LSP_14.index("neck")] - joints[:, HIPS].mean(1)
    front = turns[:, 0, :, 2] * (1, 0, 1)
    length = {pair: np.linalg.norm(between(*pair), axis=-1).mean(1) for pair in _BONES}
    thighs, arms = between("hip", "knee"), (between("shoulder", "elbow"), between("elbow", "wrist"))
    return {
        "knee flexion": knee_flexion(joints).mean(1),
        "hip flexion": _angle(thighs, -up[:, None]).mean(1),
        "elbow flexion": _angle(*arms).mean(1),
        "head up": 90 - _angle(turns[:, _HEAD, :, 2], np.array([0.0, -1.0, 0.0])),
        "trunk, forward": 90 - _angle(up, front),
        "trunk, away": 90 - _angle(up, np.array([0.0, 0.0, 1.0])),
        "trunk, cm": 100 * np.linalg.norm(up, axis=-1),
        "legs, cm": 100 * sum(length[pair] for pair in _BONES[:2]),
        "arms, cm": 100 * sum(length[pair] for pair in _BONES[2:]),
    }


_BONES = (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))


def side_of(params: BodyParams) -> np.ndarray:
    """Which of SIDES people are seen from (N,)."""
    front = _turns(params)[:, 0, :, 2]
    turned = np.degrees(np.abs(np.arctan2(front[:, 0], -front[:, 2])))
    return np.array(SIDES)[np.digitize(turned, _TURNED)]


def _turns(params: BodyParams) -> Float[np.ndarray, "N 24 3 3"]:
    """Rotations of the joints in the camera's axes."""
    vectors = np.concatenate([params.global_orient, params.body_pose], 1).reshape(-1, 3)
    turns = Rotation.from_rotvec(vectors).as_matrix().reshape(len(params), -1, 3, 3)
    for joint, parent in enumerate(SMPL_24.parents):
        if parent >= 0:
            turns[:, joint] = turns[:, parent] @ turns[:, joint]
    return turns


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.degrees(np.arccos(cosine.clip(-1, 1)))


def _line(name: str, values: np.ndarray, groups: list[np.ndarray]) -> str:
    cells = []
    for group in groups:
        low, high = bootstrap_interval(values[group])
        cells.append(f"{values[group].mean():+6.1f} ({low:+.1f}, {high:+.1f})".rjust(24))
    return f"{name:16s}" + "".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="rendered people")
    options, words = parser.parse_known_args()
    torch.set_num_threads(1)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = to_config(compose("config", ["detector=blazepose", "data.path=x", *words]))
    seen = look(options.folder)
    assets = assets_of(config.fit, config.models, config.runtime)
    found = fit(seen.keypoints, seen.camera, assets, config.fit)
    side = side_of(seen.params)
    groups = [side == name for name in SIDES] + [np.ones(len(side), bool)]
    for name, error in (("PA-MPJPE", pa_mpjpe), ("MPJPE", mpjpe)):
        print(_line(f"{name}, mm", error(found.joints, seen.points[:, :14]), groups))
    heads = [f"{n} ({g.sum()})" for n, g in zip((*SIDES, "all"), groups, strict=True)]
    print(f"{'fit - truth':16s}" + "".join(head.rjust(24) for head in heads))
    true = measures(seen.points[:, :14], seen.params)
    for name, values in measures(found.joints, found.params).items():
        print(_line(name, values - true[name], groups))


if __name__ == "__main__":
    main()
