"""How good fits are of people whom the picture's edge cuts off.

    python -m tools.render_people FOLDER --n 200 --poses assets/test_poses.npz --seed 1
    python -m benchmarks.cut_off FOLDER [key=value ...]

Cuts pictures of upright people (tools/render_people.py) at their shins, thighs, hips, belly or
chest, or down the middle; BlazePose looks at the parts. It prints the mean joint error about the
middle of shoulders and neck of joints in the picture and of joints outside, mm, the mean knee
flexion, and what ROWS change, paired, with 95 % intervals. key=value are settings of run.py.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from PIL import Image as Pillow

from detectors.base import Detections, Resources
from detectors.blazepose import BlazePose
from fitting import Camera, Keypoints, fit
from fitting.joints import HIPS, LSP_14
from pipeline.config import ROOT, Config, to_config
from pipeline.evaluation.metrics import bootstrap_interval, knee_flexion
from pipeline.stages.fit import assets_of
from pipeline.stages.remap import inside, to_lsp

ROWS = {
    "both": [],
    "no guesses beyond the edge": ["remap.beyond_edge=0"],
    "no hanging legs": ["fit.hanging_legs=0"],
    "neither": ["remap.beyond_edge=0", "fit.hanging_legs=0"],
}
_SHOULDERS = [LSP_14.index(name) for name in ("right_shoulder", "left_shoulder", "neck")]
_KNEES = [LSP_14.index(f"{side}_knee") for side in ("right", "left")]
_ANKLES = [LSP_14.index(f"{side}_ankle") for side in ("right", "left")]
_APART = 30  # px, least between shoulders, hips and knees of somebody who is upright


@dataclass(frozen=True)
class Part:
    """What is left of a picture.

    Args:
        size: width, height, px.
        found: the detector's find that is nearest to the truth.
        pixels: the true joints (14, 2), px.
        points: the true joints (14, 3), m.
    """

    size: tuple[int, int]
    found: Detections
    pixels: np.ndarray
    points: np.ndarray


def cuts_of(pixels: np.ndarray, size: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """Sizes of the parts of a picture, from its upper left corner, by where they are cut; none if
    the person is not upright."""
    groups = (_SHOULDERS[:2], HIPS, _KNEES, _ANKLES)
    shoulder, hip, knee, ankle = (pixels[group, 1].mean() for group in groups)
    if not (shoulder + _APART < hip and hip + _APART < knee < ankle):
        return {}
    heights = {
        "shins": (knee + ankle) / 2,
        "thighs": knee + 0.15 * (hip - knee),
        "hips": hip + 0.05 * (knee - hip),
        "belly": hip + 0.3 * (shoulder - hip),
        "chest": hip + 0.6 * (shoulder - hip),
    }
    middle = int(pixels[[*HIPS, *_SHOULDERS[:2]], 0].mean())
    return {name: (size[0], int(y)) for name, y in heights.items()} | {"side": (middle, size[1])}


def parts_in(folder: Path) -> dict[str, list[Part]]:
    """Detect in the parts of all pictures; by where they are cut."""
    with np.load(folder / "truth.npz", allow_pickle=False) as file:
        points, focal, center = (file[name] for name in ("points", "focal_length", "center"))
    points = points[:, : len(LSP_14)]
    flat = focal[:, None, None] * points[..., :2] / points[..., 2:] + center[:, None]
    detector, resources = BlazePose(), Resources(weights_dir=ROOT / "weights")
    parts: dict[str, list[Part]] = {}
    for index, (pixels, truth) in enumerate(zip(flat, points, strict=True)):
        picture = np.asarray(Pillow.open(folder / f"{index:04d}.jpg"))
        for name, size in cuts_of(pixels, picture.shape[1::-1]).items():
            image = np.ascontiguousarray(picture[: size[1], : size[0]])
            found = detector.detect([image], resources, str(index))
            if len(found):
                off = np.linalg.norm(to_lsp(found, size, 0).xy - pixels, axis=-1)
                best = int(off[:, inside(pixels, size)].mean(1).argmin())
                parts.setdefault(name, []).append(Part(size, found[[best]], pixels, truth))
    return parts


def errors_of(parts: list[Part], config: Config) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean error (N) of the joints in the part and of those outside, mm, and knee flexion (N)."""
    remap, sizes = config.remap, [part.size for part in parts]
    limits = remap.min_confidence, remap.beyond_edge
    keypoints = Keypoints.concatenate([to_lsp(part.found, part.size, *limits) for part in parts])
    camera = Camera(np.hypot(*np.array(sizes, float).T), (np.array(sizes) - 1) / 2)
    assets = assets_of(config.fit, config.models, config.runtime)
    found = fit(keypoints, camera, assets, config.fit).joints
    truth = np.stack([part.points for part in parts])
    off = [joints - joints[:, _SHOULDERS].mean(1, keepdims=True) for joints in (found, truth)]
    error = 1000 * np.linalg.norm(off[0] - off[1], axis=-1)
    there = np.stack([inside(part.pixels, part.size) for part in parts])
    both = [np.ma.array(error, mask=mask).mean(1).filled(np.nan) for mask in (~there, there)]
    return both[0], both[1], knee_flexion(found).mean(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="rendered people")
    options, words = parser.parse_known_args()
    torch.set_num_threads(1)
    configs = {}
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for row, own in ROWS.items():
            words_of_row = ["detector=blazepose", "data.path=x", *words, *own]
            configs[row] = to_config(compose("config", words_of_row))
    for name, parts in parts_in(options.folder).items():
        truth = knee_flexion(np.stack([part.points for part in parts])).mean()
        print(f"cut at the {name}: {len(parts)} people, whose knees bend by {truth:.0f} degrees")
        usual = errors_of(parts, configs["both"])
        for row, config in configs.items():
            values = errors_of(parts, config)
            cells = [f"{row:28s}"]
            for value, base in zip(values[:2], usual[:2], strict=True):
                known = np.isfinite(value - base)
                low, high = bootstrap_interval((value - base)[known])
                cells.append(f"{value[known].mean():6.1f} ({low:+.1f}, {high:+.1f})".ljust(24))
            print("  " + "".join(cells) + f"{values[2].mean():5.1f}", flush=True)


if __name__ == "__main__":
    main()
