"""Identity switches on clips of drawn people whose identities are known.

    python -m benchmarks.tracking [--seeds 12]

There are seven scenes of 6 s at 30, 12 and 5 frames a second: two people who cross (one hidden for
up to 0.9 s), five who go their ways, and one who leaves while another enters; with noise, misses,
false finds and swapped sides. The columns are by joints and boxes, and by boxes alone (all scores
0).
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from omegaconf import OmegaConf

from pipeline.config import ROOT
from pipeline.groups import TrackingConfig
from pipeline.stages.tracking import identify
from tests.pipeline.walkers import Eye, Walker, filmed, idf1, switches

SECONDS = 6
Scene = tuple[str, list[Walker], Eye]


def scenes(fps: float, rng: np.random.Generator) -> Iterator[Scene]:
    for hidden in (0.0, 0.3, 0.6, 0.9):
        name = f"cross, one hidden {hidden} s" if hidden else "cross"
        yield name, crossing(fps, hidden, rng), Eye(0.015)
    yield "cross, badly seen", crossing(fps, 0.3, rng), Eye(0.03, 0.1, 0.2, 0.1)
    group = [
        Walker(rng.uniform(300, 1600), rng.uniform(-0.8, 0.8), rng.uniform(200, 400))
        for _ in range(5)
    ]
    yield "five, badly seen", group, Eye(0.02, 0.1, 0.2, 0.05)
    leaving, entering = Walker(400, 0.3, last=int(2 * fps)), Walker(710, 0.3, first=int(2.8 * fps))
    yield "leave and enter", [leaving, entering, Walker(1200)], Eye(0.02)


def crossing(fps: float, hidden: float, rng: np.random.Generator) -> list[Walker]:
    """Two people who meet after 3 s; the second is hidden around that time."""
    speeds, heights = rng.uniform(0.4, 1.0, 2), rng.uniform(250, 350, 2)
    first = int(3 * fps) - int(hidden * fps) // 2
    return [
        Walker(900 - 3 * speeds[0] * heights[0], speeds[0], heights[0]),
        Walker(
            900 + 3 * speeds[1] * heights[1],
            -speeds[1],
            heights[1],
            600 + rng.uniform(-20, 20),
            hidden=range(first, first + int(hidden * fps)),
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=12)
    seeds = parser.parse_args().seeds
    config = TrackingConfig(**OmegaConf.load(ROOT / "conf/config.yaml").tracking)
    results: dict[tuple[str, int], list[list[float]]] = {}
    for fps in (30, 12, 5):
        for seed in range(seeds):
            for name, walkers, eye in scenes(fps, np.random.default_rng(seed)):
                found, truth = filmed(walkers, SECONDS * fps, fps, eye, seed)
                blind = replace(found, scores=np.zeros_like(found.scores))
                tracks = [identify(rows, fps, config).track for rows in (found, blind)]
                scores = [score(truth, track) for track in tracks for score in (switches, idf1)]
                results.setdefault((name, fps), []).append(scores)
    print(f"{'switches a clip, IDF1':28} fps   joints + boxes   boxes alone")
    for (name, fps), clips in results.items():
        a, b, c, d = np.mean(clips, 0)
        print(f"{name:28} {fps:3}   {a:6.2f}  {b:.3f}    {c:6.2f}  {d:.3f}")
    every = np.concatenate(list(results.values()))
    (a, _, c, _), (_, b, _, d) = every.sum(0), every.mean(0)
    print(f"{len(every)} clips: {a:.0f} switches, IDF1 {b:.4f}; boxes alone {c:.0f}, {d:.4f}")


if __name__ == "__main__":
    main()
