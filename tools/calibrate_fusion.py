"""Learn what BlazePose's own 3-D joints are worth beside the lifter's, from rendered people.

    python -m tools.render_people FOLDER --n 240
    python -m tools.calibrate_fusion FOLDER [--test OTHER] [--out assets/fusion_blazepose.npz]

Writes the table that fitting/starts/fusion.py reads: for each joint its mean offset in the frame of
the trunk, and the share of it in the mean with the lifter's joint that gives the least squared
error, across the picture and in depth. Left and right have one number. With --test it says how far
the lifter, the mean and the fit with either are off on other rendered people.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from fitting import fit, load_assets
from fitting.assets import Assets
from fitting.fit_config import FitConfig
from fitting.joints import HIPS, LSP_14
from fitting.starts.fusion import Fusion, load_fusion, sized_as, straight_at, torso_frame
from fitting.starts.lifter import MIRRORED
from fitting.starts.starts import observe, rays_of
from pipeline.config import ROOT
from pipeline.evaluation.metrics import mpjpe, pa_mpjpe
from tools.calibrate_reliability import settings
from tools.rendered_people import Seen, look

_OTHER_SIDE = MIRRORED[: len(LSP_14)]
_ROUNDS = 2  # of offsets and then sizes, which depend on each other


def learn(seen: Seen, assets: Assets, config: FitConfig) -> Fusion:
    """The offsets and shares of least squared error."""
    alone = observe(seen.keypoints, seen.camera, assets.lifter, None, config, "cpu")
    lifted, truth = alone.target[..., :3], torch.as_tensor(seen.truth)
    points = torch.as_tensor(seen.keypoints.points_3d[:, :14]).to(truth)
    turned = torch.einsum("bij,bkj->bki", straight_at(rays_of(alone)), points)
    known = ~turned.isnan().any(-1)
    own = start = sized_as(lifted, turned.nan_to_num(), known)
    offset = torch.zeros(14, 3, dtype=truth.dtype)
    for _ in range(_ROUNDS):
        frame = torso_frame(start)
        lack = torch.einsum("bji,bkj->bki", frame, truth - own)
        offset = offset + _both_sides(lack.mean(0), flip=True)
        own = sized_as(lifted, start + torch.einsum("bij,kj->bki", frame, offset), known)
    apart, error = own - lifted, truth - lifted
    product, square = (apart * error).sum(0), (apart * apart).sum(0)
    share = torch.stack(
        [_ratio(product[:, :2].sum(1), square[:, :2].sum(1)), _ratio(product[:, 2], square[:, 2])],
        1,
    )
    return Fusion(offset, share)


def _both_sides(of_joints: torch.Tensor, flip: bool) -> torch.Tensor:
    """One number for left and right; of a vector the part to the left turns round."""
    other = of_joints[_OTHER_SIDE]
    if flip:
        other = other * torch.tensor([-1.0, 1.0, 1.0], dtype=other.dtype)
    return (of_joints + other) / 2


def _ratio(product: torch.Tensor, square: torch.Tensor) -> torch.Tensor:
    product, square = _both_sides(product, flip=False), _both_sides(square, flip=False)
    return (product / square.clamp_min(1e-9)).clamp(0, 1)


def report(seen: Seen, assets: Assets, fusion: Fusion, config: FitConfig) -> None:
    """How far the lifter, the fused joints and the fits with either are off, mm."""
    off = {}
    for name, used in (("lifter", None), ("fused", fusion)):
        target = observe(seen.keypoints, seen.camera, assets.lifter, used, config, "cpu").target
        off[name] = _errors(target[..., :3].numpy(), seen.truth)
        bodies = fit(seen.keypoints, seen.camera, replace(assets, fusion=used), config)
        off[f"fit with {name}"] = _errors(bodies.joints, seen.truth)
    print(f"{'mm':16s} PA-MPJPE  MPJPE")
    for name, (pa, plain) in off.items():
        print(f"{name:16s} {pa.mean():8.1f} {plain.mean():6.1f}")
    for place, name in enumerate(("PA-MPJPE", "MPJPE")):
        gain = off["fit with fused"][place] - off["fit with lifter"][place]
        print(f"fit, {name}: {gain.mean():+.1f} +- {1.96 * gain.std() / len(gain) ** 0.5:.1f} mm")


def _errors(joints: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    centred = joints - joints[:, HIPS].mean(1, keepdims=True)
    return pa_mpjpe(centred, truth), mpjpe(centred, truth)


def main() -> None:
    parser = argparse.ArgumentParser(description="What BlazePose's 3-D joints are worth.")
    parser.add_argument("folder", type=Path, nargs="?", help="rendered people to learn from")
    parser.add_argument("--test", type=Path, help="others, to measure with")
    parser.add_argument("--out", type=Path, default=ROOT / "assets/fusion_blazepose.npz")
    options = parser.parse_args()
    torch.set_num_threads(1)
    assets, config = load_assets(ROOT / "assets"), settings("lifted", "blazepose33")[0]
    if options.folder:
        table = learn(look(options.folder), assets, config)
        arrays = {name: getattr(table, name).numpy().round(4) for name in ("offset", "share")}
        np.savez_compressed(options.out, **arrays)
        for name, offset, share in zip(LSP_14, arrays["offset"], arrays["share"], strict=True):
            print(f"{name:16s} offset mm {np.rint(1000 * offset).astype(int)}  share {share}")
    if options.test:
        report(look(options.test), assets, load_fusion(options.out), config)


if __name__ == "__main__":
    main()
