"""How good fits are of people whom the picture's edge cuts off.

    python -m tools.render_people FOLDER --n 200 --poses assets/test_poses.npz --seed 1
    python -m benchmarks.cut_off FOLDER [key=value ...]

BlazePose looks at cut pictures (tools/cut_people.py). For each cut it prints the mean joint error
about the middle of shoulders and neck of joints in the picture and of joints outside, mm, the mean
knee flexion, and what ROWS change, paired, with 95 % intervals. Then, for the settings as they are:
the error of the joints in the picture over that of the same joints in the whole picture, what
`expected_error` tells over the true PA-MPJPE, and how well it picks the worst tenth (area under
ROC). key=value are settings of run.py.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from jaxtyping import Float

from fitting import FitResult
from pipeline.config import ROOT, Config, to_config
from pipeline.evaluation.metrics import (
    area_under_curve,
    bootstrap_interval,
    knee_flexion,
    pa_mpjpe,
)
from tools.cut_people import SHOULDERS, WHOLE, Part, fits_of, joints_of, parts_in

ROWS = {
    "both": [],
    "no guesses beyond the edge": ["remap.beyond_edge=0"],
    "no hanging legs": ["fit.hanging_legs=0"],
    "neither": ["remap.beyond_edge=0", "fit.hanging_legs=0"],
}
_WORST = 0.9  # quantile; fits with larger errors are those to be picked
_RESAMPLES = 1000


def joint_errors(parts: Sequence[Part], found: FitResult) -> Float[np.ndarray, "N 14"]:
    """Distances about the middle of shoulders and neck, mm."""
    off = [p - p[:, SHOULDERS].mean(1, keepdims=True) for p in (found.joints, joints_of(parts))]
    return 1000 * np.linalg.norm(off[0] - off[1], axis=-1)


def in_and_out(parts: Sequence[Part], found: FitResult) -> list[Float[np.ndarray, " N"]]:
    """Mean error of the joints in each part and of those outside, mm; NaN where there are none."""
    error, there = joint_errors(parts, found), np.stack([part.there for part in parts])
    return [np.ma.array(error, mask=mask).mean(1).filled(np.nan) for mask in (~there, there)]


def ratio_of(
    values: Float[np.ndarray, " N"], base: Float[np.ndarray, " N"]
) -> tuple[float, float, float]:
    """Mean of some values over the mean of others of the same people, and its 95 % interval."""
    rng, n = np.random.default_rng(0), len(values)
    rows = rng.integers(n, size=(_RESAMPLES, n))
    low, high = np.percentile(values[rows].mean(1) / base[rows].mean(1), (2.5, 97.5))
    return float(values.mean() / base.mean()), float(low), float(high)


def against_whole(
    parts: Sequence[Part], found: FitResult, whole: dict[int, Float[np.ndarray, " 14"]]
) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, " N"]]:
    """Mean error of the joints in each part, and of the same joints in the whole picture, mm.

    Args:
        whole: the errors of joints in the whole picture, by its index; others are left out.
    """
    pairs = [
        (error[part.there].mean(), whole[part.index][part.there].mean())
        for part, error in zip(parts, joint_errors(parts, found), strict=True)
        if part.index in whole and part.there.any()
    ]
    return tuple(np.array(pairs).reshape(-1, 2).T)


def told(parts: Sequence[Part], found: FitResult) -> tuple[np.ndarray, np.ndarray]:
    """What each fit is expected to be off by, and is, mm."""
    return 1000 * found.expected_error, pa_mpjpe(found.joints, joints_of(parts))


def told_line(name: str, expected: np.ndarray, error: np.ndarray) -> str:
    """How well expected errors agree with true ones."""
    area = area_under_curve(expected, error > np.quantile(error, _WORST))
    ratio = np.exp(np.mean(np.log(expected) - np.log(error)))
    return f"{name:8s} expected {expected.mean():6.1f}, true {error.mean():6.1f}, " + (
        f"told / true {ratio:.2f}, area {area:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="How good fits are of cut people.")
    parser.add_argument("folder", type=Path, help="rendered people")
    options, words = parser.parse_known_args()
    torch.set_num_threads(1)
    configs = {}
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for row, own in ROWS.items():
            words_of_row = ["detector=blazepose", "data.path=x", *words, *own]
            configs[row] = to_config(compose("config", words_of_row))
    cuts = parts_in(options.folder)
    fits = {name: fits_of(parts, configs["both"]) for name, parts in cuts.items()}
    for name, parts in cuts.items():
        if name != WHOLE:
            _print_rows(name, parts, fits[name], configs)
    _print_visible(cuts, fits)
    _print_told(cuts, fits)


def _print_rows(
    name: str, parts: Sequence[Part], usual: FitResult, configs: dict[str, Config]
) -> None:
    truth = knee_flexion(joints_of(parts)).mean()
    print(f"cut at the {name}: {len(parts)} people, whose knees bend by {truth:.0f} degrees")
    base = in_and_out(parts, usual)
    for row, config in configs.items():
        found = usual if row == "both" else fits_of(parts, config)
        cells = [f"{row:28s}"]
        for value, before in zip(in_and_out(parts, found), base, strict=True):
            known = np.isfinite(value - before)
            low, high = bootstrap_interval((value - before)[known])
            cells.append(f"{value[known].mean():6.1f} ({low:+.1f}, {high:+.1f})".ljust(24))
        print("  " + "".join(cells) + f"{knee_flexion(found.joints).mean():5.1f}", flush=True)


def _print_visible(cuts: dict[str, list[Part]], fits: dict[str, FitResult]) -> None:
    errors = joint_errors(cuts[WHOLE], fits[WHOLE])
    whole = {part.index: row for part, row in zip(cuts[WHOLE], errors, strict=True)}
    print("joints in the picture, mm: cut, the same joints in the whole picture, ratio (95 %)")
    for name in cuts:
        cut, same = against_whole(cuts[name], fits[name], whole)
        ratio, low, high = ratio_of(cut, same)
        print(
            f"{name:8s} {cut.mean():6.1f} {same.mean():6.1f}  {ratio:.2f} ({low:.2f}, {high:.2f})"
        )


def _print_told(cuts: dict[str, list[Part]], fits: dict[str, FitResult]) -> None:
    print("PA-MPJPE of all 14 joints, mm")
    values = {name: told(parts, fits[name]) for name, parts in cuts.items()}
    for name, pair in values.items():
        print(told_line(name, *pair))
    cut = [pair for name, pair in values.items() if name != WHOLE]
    print(told_line("all cuts", *(np.concatenate(side) for side in zip(*cut, strict=True))))


if __name__ == "__main__":
    main()
