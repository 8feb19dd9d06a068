"""PCK@0.2 of a detector on LSP, in LSP's joints: what the fit is given.

    python -m benchmarks.lsp_pck data.root=LSP detector=blazepose

A joint is right when it lies within 0.2 torso lengths (right shoulder to left hip) of the annotated
place; joints that were dropped and images in which nobody was found count as wrong.
"""

import re
import sys
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from scipy.io import loadmat

from fitting.joints import LSP_14
from pipeline.config import ROOT, to_config
from pipeline.pipeline import stages_of, through
from pipeline.stage import Job

_LEFT_HIP, _RIGHT_SHOULDER = LSP_14.index("left_hip"), LSP_14.index("right_shoulder")


def main() -> None:
    overrides = ["data=lsp", "remap.min_confidence=0", *sys.argv[1:]]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = to_config(compose("config", overrides))
    clips, _ = config.data.clips()
    jobs, _ = through(stages_of(config)[:2], clips, config.runtime)
    truth = loadmat(Path(config.data.root) / "joints.mat")["joints"].transpose(2, 1, 0)
    right = np.zeros((len(clips), 14), bool)
    for row, clip in enumerate(clips):
        job = next((j for j in jobs if j.clip.name == clip.name), None)
        if job:
            right[row] = _right(truth[_number(clip.path) - 1, :, :2], job)
    per_joint = {name: round(float(r), 3) for name, r in zip(LSP_14, right.mean(0), strict=True)}
    print(f"PCK@0.2 {right.mean():.3f} on {len(clips)} images, nobody in {len(clips) - len(jobs)}")
    print(per_joint)


def _right(truth: np.ndarray, job: Job) -> np.ndarray:
    keypoints = job.results["remap"].load()
    torso = np.linalg.norm(truth[_RIGHT_SHOULDER] - truth[_LEFT_HIP])
    apart = np.linalg.norm(keypoints.xy[0] - truth, axis=-1)
    return (apart <= 0.2 * torso) & (keypoints.confidence[0] > 0)


def _number(path: Path) -> int:
    return int(re.findall(r"\d+", path.stem)[-1])


if __name__ == "__main__":
    main()
