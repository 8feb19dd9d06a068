"""Measure how far BlazePose's landmarks lie from the points of the body, on rendered people.

    python -m tools.render_people FOLDER --n 240
    python -m tools.fit_landmark_offsets FOLDER [--test OTHER]

Prints `landmark_offsets` for conf/calibration/blazepose33.yaml: for each part, the offset in the
frame of its limb (fitting.starts.landmarks) that explains best, over all people, how far the
landmarks lie from the projected points of the true bodies. The limbs point as the lifter says,
because in a fit nobody knows better. Then it prints the median distance before and after; with
--test, on other people.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from fitting import load_assets
from fitting.assets import Assets
from fitting.fit_config import FitConfig
from fitting.joints import EXTRA, LSP_14, PARTS, POINTS, part_of
from fitting.starts.landmarks import shifts_per_metre, table_of
from fitting.starts.starts import observe
from pipeline.config import ROOT
from tools.calibrate_reliability import settings
from tools.rendered_people import Seen, look

_NEAR = 0.05  # m; landmarks further off than this from where they should be count less
_ROUNDS = 30  # of re-weighting
_ALONG = ("elbow", "wrist")  # nothing says how an arm is turned about itself
_LEAST = 0.3  # confidence of landmarks to learn from


def lacking(
    seen: Seen, assets: Assets, config: FitConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far each landmark lies from the body's point (N, 25, 2), how it would move for an offset
    (N, 25, 2, 3), and whether it is seen (N, 25); lengths in m at the person."""
    config = replace(config, landmark_offsets={})
    found = observe(seen.keypoints, seen.camera, assets.lifter, None, config, "cpu")
    by_axis = shifts_per_metre(found.target[..., :3], found)
    away = found.xy.numpy() - seen.pixels
    keypoints = seen.keypoints
    sure = np.concatenate([keypoints.confidence, keypoints.extra_confidence], 1)
    size = by_axis.norm(dim=(2, 3)).mean(1)[:, None, None] / 2**0.5  # px per metre
    return away / size.numpy(), (by_axis / size[..., None]).numpy(), sure > _LEAST


def learn(away: np.ndarray, by_axis: np.ndarray, sure: np.ndarray) -> dict[str, list[float]]:
    """The offset of each part that is seen, m."""
    offsets = {}
    for part in PARTS:
        points = [i for i, point in enumerate(POINTS) if part_of(point) == part]
        known = sure[:, points]
        if not known.any():
            continue
        free = [1] if part in _ALONG else [0, 1, 2] if len(points) == 2 else [1, 2]
        offset = np.zeros(3)
        offset[free] = _robust(away[:, points][known], by_axis[:, points][known][..., free])
        offsets[part] = offset.round(3).tolist()
    return offsets


def _robust(away: np.ndarray, by_axis: np.ndarray) -> np.ndarray:
    """Least squares in which far landmarks, which were found wrongly, hardly count."""
    weight = np.ones(len(away))
    offset = np.zeros(by_axis.shape[-1])
    for _ in range(_ROUNDS):
        root = np.sqrt(weight).repeat(2)
        matrix = by_axis.reshape(len(root), -1) * root[:, None]
        offset = np.linalg.lstsq(matrix, away.ravel() * root, rcond=None)[0]
        apart = np.linalg.norm(away - by_axis @ offset, axis=1)
        weight = 1 / (1 + (apart / _NEAR) ** 2)
    return offset


def report(offsets: dict[str, list[float]], measured: tuple[np.ndarray, ...]) -> None:
    """The median distance of each part's landmarks from its points, mm, before and after."""
    away, by_axis, sure = measured
    left = away - (by_axis @ table_of(offsets).numpy()[..., None])[..., 0]
    print(f"{'median, mm':12s} before  after  landmarks")
    for part in offsets:
        points = [i for i, point in enumerate(LSP_14 + EXTRA) if part_of(point) == part]
        known = sure[:, points]
        before, after = (
            1000 * np.median(np.linalg.norm(a[:, points][known], axis=-1)) for a in (away, left)
        )
        print(f"{part:12s} {before:6.1f} {after:6.1f} {known.sum():8d}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="rendered people to learn from")
    parser.add_argument("--test", type=Path, help="others, to measure with")
    options = parser.parse_args()
    torch.set_num_threads(1)
    assets, config = load_assets(ROOT / "assets"), settings("lifted", "blazepose33")[0]
    learnt = lacking(look(options.folder), assets, config)
    offsets = learn(*learnt)
    inner = ", ".join(f"{part}: {offset}" for part, offset in offsets.items())
    print(f"landmark_offsets: {{{inner}}}")
    report(offsets, lacking(look(options.test), assets, config) if options.test else learnt)


if __name__ == "__main__":
    main()
