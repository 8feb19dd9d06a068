"""Size and time of the formats for long clips: python -m benchmarks.exports [--frames 10000]"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from fitting import load_body_model
from fitting.body.body_model import BodyModel
from pipeline.outputs.actor import Actor, rest_joints
from pipeline.outputs.amass import Amass
from pipeline.outputs.bvh import Bvh
from pipeline.outputs.glb import Glb
from pipeline.outputs.scene import UPRIGHT, Scene
from pipeline.outputs.smpl_file import SmplFile

BODY = Path(__file__).resolve().parent.parent / "assets/bodies/neutral.npz"
FORMATS = (Glb(), Bvh(), Amass(), SmplFile())


def scene_with(frames: int, body: BodyModel) -> Scene:
    """One person who moves all joints, at 25 frames a second."""
    rng = np.random.default_rng(0)
    time_s = np.arange(frames) / 25
    swing = rng.normal(0, 0.35, (24, 3)) * np.cos(3 * time_s)[:, None, None]
    pelvis = np.stack([0 * time_s, 1 + 0 * time_s, -4 - 0.001 * time_s], axis=1)
    betas = rng.normal(size=10)
    rest = rest_joints(body, betas[None])[0]
    actor = Actor(0, np.arange(frames), betas, rest, swing, pelvis, 0.05, 0.0)
    return Scene(
        name="long",
        body=body,
        actors=(actor,),
        focal_length=1000,
        center=(319.5, 239.5),
        image_size=(640, 480),
        world_from_camera=np.diag([1.0, -1.0, -1.0, 1.0]),
        world=UPRIGHT,
        fps=25.0,
        n_frames=frames,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000)
    scene = scene_with(parser.parse_args().frames, load_body_model(BODY))
    for kind in FORMATS:
        kind.files(replace(scene, actors=()))  # imports
        begin = time.perf_counter()
        files = kind.files(scene)
        seconds = time.perf_counter() - begin
        size = sum(map(len, files.values())) / 1e6
        print(f"{kind.name:6} {size:6.1f} MB {seconds:6.2f} s")


if __name__ == "__main__":
    main()
