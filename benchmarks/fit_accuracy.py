"""How accurate the presets are, and what each departure from the release is worth.

    python -m benchmarks.fit_accuracy --poses POSES.npz --lsp LSP --detections EST_JOINTS.npz

POSES.npz is what tools/train_pose_prior.py reads (and like it this needs the `tools` extra);
EST_JOINTS.npz is a detector's output on LSP in the layout of SMPLify's est_joints.npz. A quarter of
the subjects is drawn from; prior and pose library are made anew from the others, as the tools make
the committed ones. Prints one JSON line per row, then a table.
"""

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table

from benchmarks.synthetic import (
    IMAGE_SIDE,
    Cases,
    detector_errors,
    draw_cases,
    knee_flexion,
    mpjpe,
    pa_mpjpe,
)
from fitting import BodyModel, Camera, FitConfig, PosePrior, fit, load_body_model
from fitting.kinematics import Kinematics
from fitting.retrieval import PoseLibrary
from tools.select_pose_library import choose
from tools.train_pose_prior import MotionCapture, limit_subjects, read, train

ROOT = Path(__file__).resolve().parent.parent
MIN_CONFIDENCE = 0.3  # as conf/config.yaml: remap.min_confidence
FROZEN = ["global_orient", "body_pose", "betas"]


def rows() -> dict[str, tuple[FitConfig, str]]:
    """Name -> preset and focal length: `diagonal` of the image, `true`, or px."""
    ours, release = preset("smplify"), preset("smplify_release")
    multistart = preset("multistart")

    def stages(**changes: object) -> FitConfig:
        return replace(ours, stages=[replace(stage, **changes) for stage in ours.stages])

    last = [*ours.stages[:-1], replace(ours.stages[-1], bending=3.03)]
    shapes = [replace(a, shape=b.shape) for a, b in zip(ours.stages, release.stages, strict=True)]
    hips_out = {"left_hip": 0.0, "right_hip": 0.0, "neck": 0.0}
    return {
        "smplify_release (f = 5000 px)": (release, "5000"),
        "smplify_release (f = diagonal)": (release, "diagonal"),
        "multistart": (multistart, "diagonal"),
        "multistart, true focal length": (multistart, "true"),
        "- 1 start": (replace(multistart, starts=1), "diagonal"),
        "- 4 starts": (replace(multistart, starts=4), "diagonal"),
        "smplify": (ours, "diagonal"),
        "smplify, true focal length": (ours, "true"),
        "- one start unless side view": (replace(ours, side_view_threshold=25), "diagonal"),
        "- hips and neck left out": (replace(ours, joint_weights=hips_out), "diagonal"),
        "- translation frozen": (stages(free=FROZEN, depth=0.0), "diagonal"),
        "- release's shape weights": (replace(ours, stages=shapes), "diagonal"),
        "- full bending term at last": (replace(ours, stages=last), "diagonal"),
    }


def preset(name: str) -> FitConfig:
    values = OmegaConf.load(ROOT / f"conf/fit/{name}.yaml")
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(FitConfig), values))


@dataclass(frozen=True)
class Models:
    """The body, and prior and library that have not seen the subjects the cases are of."""

    body: BodyModel
    prior: PosePrior
    library: PoseLibrary


def unseen(poses: Path) -> tuple[Models, np.ndarray]:
    """Models from three quarters of the subjects, and the poses (N, 69) of the others."""
    data = read([poses])
    subjects = np.random.default_rng(0).permutation(np.unique(data.subject))
    test = np.isin(data.subject, subjects[: len(subjects) // 4])
    others: MotionCapture = limit_subjects(data.where(~test))
    mixture = train(others.poses)
    body = load_body_model(ROOT / "assets/bodies/neutral.npz")
    library = PoseLibrary(others.poses[choose(others)], Kinematics(body))
    prior = PosePrior(mixture.means, mixture.covars, mixture.weights)
    return Models(body, prior, library), data.poses[test]


def measure(cases: Cases, models: Models, config: FitConfig, focal_length: str) -> dict[str, float]:
    """Errors over the cases, mm; knee is the median excess of flexion in degrees."""
    n, camera = len(cases.joints), cases.camera
    if focal_length != "true":
        px = IMAGE_SIDE * 2**0.5 if focal_length == "diagonal" else float(focal_length)
        camera = Camera(np.full(n, px), camera.center)
    confidence = cases.keypoints.confidence
    confidence = np.where(confidence < MIN_CONFIDENCE, 0, confidence).astype(np.float32)
    keypoints = replace(cases.keypoints, confidence=confidence)
    begin = time.process_time()
    result = fit(keypoints, camera, models.body, models.prior, config, library=models.library)
    seconds = time.process_time() - begin
    good = result.fitted
    found, truth = result.joints[good], cases.joints[good]
    aligned, rooted = pa_mpjpe(found, truth), mpjpe(found, truth)
    return {
        "pa_mpjpe": float(aligned.mean()),
        "pa_median": float(np.median(aligned)),
        "pa_standard_error": float(aligned.std() / len(aligned) ** 0.5),
        "mpjpe": float(rooted.mean()),
        "knee": float(np.median(knee_flexion(found) - knee_flexion(truth))),
        "unfitted": int((~good).sum()),
        "cpu_ms_per_person": 1000 * seconds / n,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poses", type=Path, required=True)
    parser.add_argument("--lsp", type=Path, required=True)
    parser.add_argument("--detections", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=1000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    models, poses = unseen(arguments.poses)
    errors = detector_errors(arguments.lsp / "joints.mat", arguments.detections)
    cases = draw_cases(arguments.cases, models.body, poses, errors)
    table = Table("", "PA-MPJPE", "median", "MPJPE", "knees", "CPU ms", box=None)
    for name, (config, focal_length) in rows().items():
        found = measure(cases, models, config, focal_length)
        print(json.dumps({"row": name, "cases": arguments.cases, **found}), flush=True)
        table.add_row(
            name, f"{found['pa_mpjpe']:.1f} ± {found['pa_standard_error']:.1f}",
            f"{found['pa_median']:.1f}", f"{found['mpjpe']:.1f}", f"{found['knee']:+.1f}",
            f"{found['cpu_ms_per_person']:.1f}",
        )  # fmt: skip
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
