"""Train the network that lifts 2-D keypoints to 3-D joints: assets/lifter.npz.

    python -m tools.train_lifter POSES.npz [...] --errors assets/detector_errors.npz \
        assets/detector_errors_movenet.npz --output assets/lifter.npz

POSES.npz is what tools/train_pose_prior.py reads. Only the subjects that everything learns from are
used, and only the error patterns of LSP's images of even number; benchmarks/lifter.py tests on the
others. docs/lifter.md says why each step is there.
"""

import argparse
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fitting.body.body_model import BodyModel, load_body_model
from fitting.body.kinematics import Kinematics
from fitting.files.model_files import read_npz
from fitting.joints import EXTRA, HIPS, LSP_14, POINTS, TORSO
from fitting.rotations import matrix_from_quaternion
from fitting.starts.lifter import (
    ERROR_PER_SIGMA,
    MIRRORED,
    upright_view,
)
from tools.lifter_network import Network
from tools.train_pose_prior import (
    LICENCE,
    POSES_PER_SUBJECT,
    MotionCapture,
    mirror,
    read,
    split_subjects,
)

ROOT = Path(__file__).resolve().parent.parent
BATCH, STEPS, RATE = 256, 36_000, 3e-3
AT_ONCE = 16  # batches drawn together, because small tensors are slow
PEOPLE = 60_000  # that many bodies in that many poses, made once
POSE_NOISE = 0.06  # rad, on every angle
SIGMA_WEIGHT = 0.02  # m; weight of the likelihood against the mean error
MIN_CONFIDENCE = 0.05, 0.3  # drawn per person; joints below it are dropped, as in a run
ANY_WAY_UP, ROLLED = 0.10, 0.10  # shares of people turned in any way, and about the optical axis
LEVEL, ANY_HEIGHT = (0.03, 0.15), (0.13, 0.33)  # mean and deviation of how far it looks down, rad
LEVEL_SHARE = 0.6  # of the others; the rest are filmed by cameras of any height
CLEAN = 0.1  # share with keypoints that are nearly right and sure, like annotated ones
EXTRA_NOISE, EXTRA_CONFIDENCE = 0.03, 0.9  # as in pipeline/datasets/synthetic.py


_NEIGHBOUR = [
    LSP_14.index(
        "head_top" if name[-3:] in ("ose", "eye", "ear") else f"{name.split('_')[0]}_ankle"
    )
    for name in EXTRA
]


_RIGHT_SHOULDER, _LEFT_HIP = TORSO[1], TORSO[2]


def _named(*words: str) -> list[int]:
    return [i for i, name in enumerate(POINTS) if any(word in name for word in words)]


_FEET = _named("ankle", "toe", "heel")


_LEGS = _named("knee") + _FEET


_LOST = (
    (0.04, _LEGS + HIPS),
    (0.05, _LEGS),
    (0.04, _FEET),
    *((0.03, _named(f"{side}_wrist", f"{side}_elbow")) for side in ("left", "right")),
    *((0.02, [i for i in _LEGS if POINTS[i].startswith(side)]) for side in ("left", "right")),
)
"""The joints that half bodies, tables and other people hide together, and how often."""


_LOST_ALONE = 0.03


@dataclass(frozen=True)
class Patterns:
    """Detectors' errors: offsets (M, 14, 2) in torso lengths, confidence (M, 14)."""

    offsets: Tensor
    confidence: Tensor


def load_patterns(paths: list[Path], remainder: int) -> Patterns:
    """The patterns of images of even (0) or odd (1) number of all files."""
    parts = []
    for path in paths:
        data = read_npz(path, "detector's errors", ("offsets", "confidence", "image"))
        kept = data["image"] % 2 == remainder
        parts.append((data["offsets"][kept], data["confidence"][kept]))
    offsets, confidence = (
        np.concatenate(part).astype(np.float32) for part in zip(*parts, strict=True)
    )
    return Patterns(torch.as_tensor(offsets), torch.as_tensor(confidence))


def pose_people(data: MotionCapture, body: BodyModel, rng: np.random.Generator) -> Tensor:
    """Points (PEOPLE, 25, 3) of bodies about the middle of their hips, with balanced subjects."""
    _, of, poses_of = np.unique(data.subject, return_inverse=True, return_counts=True)
    chance = np.minimum(1, POSES_PER_SUBJECT / poses_of)[of]
    poses = data.poses[rng.choice(len(of), PEOPLE, p=chance / chance.sum())]
    flipped = rng.random(PEOPLE) < 0.5
    poses[flipped] = mirror(poses[flipped])
    poses = poses + rng.normal(0, POSE_NOISE, poses.shape)
    betas = rng.normal(0, 0.8, (PEOPLE, 10)).clip(-2, 2)
    kinematics, parts = Kinematics(body, extras=True, dtype=torch.float32), []
    for first in range(0, PEOPLE, 2000):
        pose, shape = (
            torch.as_tensor(a[first : first + 2000], dtype=torch.float32) for a in (poses, betas)
        )
        root = torch.eye(3).expand(len(pose), 3, 3)
        points = kinematics.points(root, pose, shape).points
        parts.append(points - points[:, HIPS].mean(1, keepdim=True))
    return torch.cat(parts)


def viewed(people: Tensor) -> Tensor:
    """The same points (B, 25, 3) seen from any side, in the camera's axes."""
    n = len(people)
    down, yaw = looking_down(n), 2 * np.pi * torch.rand(n)
    zero, half = torch.zeros(n), (np.pi + down) / 2
    tilt = torch.stack([half.cos(), half.sin(), zero, zero], 1)
    turn = torch.stack([(yaw / 2).cos(), zero, (yaw / 2).sin(), zero], 1)
    upright = matrix_from_quaternion(tilt) @ matrix_from_quaternion(turn)
    anyhow = matrix_from_quaternion(nn.functional.normalize(torch.randn(n, 4), dim=1))
    kind, roll = torch.rand(n, 1, 1), np.pi * torch.rand(n)
    spin = torch.stack([roll.cos(), zero, zero, roll.sin()], 1)
    upright = torch.where(kind < ROLLED, matrix_from_quaternion(spin) @ upright, upright)
    return people @ torch.where(kind > 1 - ANY_WAY_UP, anyhow, upright).mT


def looking_down(n: int) -> Tensor:
    """How far cameras look down at people (n,), rad: most hold them level, some are on a mast."""
    level = torch.rand(n) < LEVEL_SHARE
    mean, deviation = (
        torch.where(level, *map(torch.tensor, pair)) for pair in zip(LEVEL, ANY_HEIGHT, strict=True)
    )
    return mean + deviation * torch.randn(n)


def seen(people: Tensor, patterns: Patterns) -> tuple[Tensor, Tensor]:
    """Keypoints (B, 25, 2) seen by a camera of focal length 1 at (0, 0), and their confidence."""
    n, lsp = len(people), len(LSP_14)
    low, high = people[:, :lsp, :2].amin(1), people[:, :lsp, :2].amax(1)
    focal_length, filled = 0.8 + torch.rand(n), 0.5 + 0.3 * torch.rand(n)
    depth = focal_length * (high - low).amax(1) / filled
    place = torch.cat([-(low + high) / 2, depth[:, None]], 1)
    points = people + place[:, None]
    xy = points[..., :2] / points[..., 2:].clamp_min(0.1)
    torso = (xy[:, _RIGHT_SHOULDER] - xy[:, _LEFT_HIP]).norm(dim=1)
    size = (xy[:, :lsp].amax(1) - xy[:, :lsp].amin(1)).amax(1)
    torso = torch.maximum(torso, 0.1 * size)[:, None, None]
    offsets, confidence = drawn(n, patterns)
    return xy + offsets * torso, hidden(confidence)


def drawn(n: int, patterns: Patterns) -> tuple[Tensor, Tensor]:
    """Offsets (n, 25, 2) and confidence (n, 25): patterns or their mirror images, varied a little.

    Face and feet err with the head top and the ankle, as in pipeline/datasets/synthetic.py.
    """
    chosen = torch.randint(len(patterns.offsets), (n,))
    offsets, confidence = patterns.offsets[chosen], patterns.confidence[chosen]
    flipped = torch.rand(n) < 0.5
    sides, lsp = MIRRORED[: len(LSP_14)], len(LSP_14)
    mirrored = offsets[:, sides] * torch.tensor([-1.0, 1.0])
    offsets = torch.where(flipped[:, None, None], mirrored, offsets)
    confidence = torch.where(flipped[:, None], confidence[:, sides], confidence)
    offsets = offsets * torch.exp(0.15 * torch.randn(n, 1, 1)) + 0.01 * torch.randn(n, lsp, 2)
    doubt = torch.exp(0.15 * torch.randn(n, 1))
    confidence = (confidence**doubt + 0.03 * torch.randn(n, lsp)).clamp(0, 1)
    near = offsets[:, _NEIGHBOUR] + EXTRA_NOISE * torch.randn(n, len(EXTRA), 2)
    offsets = torch.cat([offsets, near], 1)
    confidence = torch.cat([confidence, EXTRA_CONFIDENCE * confidence[:, _NEIGHBOUR]], 1)
    clean = torch.rand(n, 1) < CLEAN
    offsets = torch.where(clean[..., None], 0.03 * torch.randn_like(offsets), offsets)
    return offsets, torch.where(clean, torch.ones_like(confidence), confidence)


def hidden(confidence: Tensor) -> Tensor:
    """Confidence (B, 25), with 0 for what a run drops and for more: face and feet half the time."""
    n = len(confidence)
    low, high = MIN_CONFIDENCE
    lost = confidence < low + (high - low) * torch.rand(n, 1)
    lost |= torch.rand(confidence.shape) < _LOST_ALONE
    for chance, points in _LOST:
        lost[:, points] |= torch.rand(n, 1) < chance
    lost[:, len(LSP_14) :] |= torch.rand(n, 1) < 0.5
    return torch.where(lost, 0.0, confidence)


def loss_of(joints: Tensor, sigma: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """The mean error plus its Laplacian likelihood, which only teaches sigma; and the error."""
    error = ((joints - truth) ** 2).sum(-1).clamp_min(1e-8).sqrt()
    expected = ERROR_PER_SIGMA * sigma
    likelihood = expected.log() + error.detach() / expected
    return error.mean() + SIGMA_WEIGHT * likelihood.mean(), error.detach().mean()


def drawn_batches(people: Tensor, patterns: Patterns) -> Iterator[tuple[Tensor, Tensor]]:
    """Some batches, drawn together: the network's inputs and the joints that it should give."""
    n = AT_ONCE * BATCH
    points = viewed(people[torch.randint(len(people), (n,))])
    view = upright_view(*seen(points, patterns), torch.ones(n), torch.zeros(n, 2))
    truth = points[:, : len(LSP_14)] @ view.rotation
    return zip(view.features().split(BATCH), truth.split(BATCH), strict=True)


def train(people: Tensor, patterns: Patterns, steps: int, every: int = 1000) -> Network:
    """Train by Adam with a cosine schedule, on new views and errors in every step."""
    network, start, total = Network(), time.perf_counter(), 0.0
    optimizer = torch.optim.Adam(network.parameters(), RATE, fused=True)
    batches = chain.from_iterable(drawn_batches(people, patterns) for _ in count())
    for step, (inputs, truth) in zip(range(steps), batches, strict=False):
        warm = min(1, (step + 1) / 100)
        rate = RATE * warm * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + 1e-6
        optimizer.param_groups[0]["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16):  # half as long, and as good
            found = network(inputs)
        loss, error = loss_of(*(part.float() for part in found), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(error)
        if step % every == every - 1:
            print(f"{step + 1}: {1000 * total / every:.1f} mm, {time.perf_counter() - start:.0f} s")
            total = 0.0
    return network.eval()


def save(path: Path, network: Network, data: MotionCapture, command: str) -> None:
    """Write the arrays in half precision, and where they come from; the file appears as a whole."""
    origin = (
        f"{len(data.poses)} poses and their mirror images, {len(np.unique(data.subject))} subjects;"
        f" files from {', '.join(data.sources)}"
    )
    arrays = {name: array.astype(np.float16) for name, array in network.arrays().items()}
    partial = path.with_suffix(".partial.npz")
    licence = LICENCE.replace("pose_prior", path.stem)
    np.savez_compressed(partial, **arrays, source=origin, licence=licence, command=command)
    os.replace(partial, path)


def main() -> None:
    """Train on the files named on the command line and save the network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, help="CMU or AMASS .npz files")
    parser.add_argument(
        "--errors", nargs="+", type=Path, required=True, help="detector_errors*.npz"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "assets/lifter.npz")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    body = load_body_model(ROOT / "assets/bodies/neutral.npz")
    data = split_subjects(read(arguments.files))[0]
    people = pose_people(data, body, np.random.default_rng(0))
    network = train(people, load_patterns(arguments.errors, 0), arguments.steps)
    poses, errors = (
        " ".join(p.name for p in paths) for paths in (arguments.files, arguments.errors)
    )
    command = f"python -m tools.train_lifter {poses} --errors {errors} --steps {arguments.steps}"
    save(arguments.output, network, data, command)
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
