"""How accurate the presets are on drawn people, and what each of their choices is worth.

    python -m benchmarks.fit_accuracy [--rows WORD ...] [--extras] [key=value ...]

A row is what is added to `python run.py data=synthetic`. Further settings (data.n=200,
data.errors=null, runtime.cache_dir=...) hold for every row, and earlier results come from the
cache. Every row sees the same people, so its difference to the first one is surer than the means;
the 95 % interval is from paired resamples. The benchmark prints one JSON line per row, then a
table.
"""

import argparse
import json

from rich.console import Console
from rich.table import Table

from benchmarks.comparison import compared, with_interval

TRUE_CAMERA = "data.known_focal_length=true"
FROZEN = "[global_orient,body_pose,betas]"


def smplify_stages(**changes: object) -> list[str]:
    """Overrides of every stage of fit=smplify; a list has a value for each stage.

    Args:
        changes: `free`, and weights of terms by name.
    """
    overrides = ["fit=smplify"]
    for name, values in changes.items():
        each = values if isinstance(values, list) else [values] * 4
        key = name if name == "free" else f"weights.{name}"
        overrides += [f"fit.stages.{stage}.{key}={value}" for stage, value in enumerate(each)]
    return overrides


BLAZEPOSE = [
    "data.errors=assets/detector_errors.npz",
    "calibration=blazepose33",
    "fit.landmark_offsets={}",
]
UNCALIBRATED = ["fit.confidence_sigma=[]", "fit.reference_torso=96", "fit.robust_sigma=100"]
MEAN_POSE = ["fit.starts=0", "fit.side_view_threshold=50"]
ROWS: dict[str, list[str]] = {
    "lifted": [],
    "lifted, true focal length": [TRUE_CAMERA],
    "lifted, BlazePose's errors": BLAZEPOSE,
    "lifted, 3-D term off": ["fit.stages.0.weights.joints_3d=0"],
    "lifted, 8 starts": ["fit.starts=8"],
    "lifted, interpenetration off": ["fit.interpenetration=false"],
    "lifted, joints below 0.3 dropped": ["remap.min_confidence=0.3"],
    "multistart": ["fit=multistart"],
    "multistart, BlazePose's errors": ["fit=multistart", *BLAZEPOSE],
    "multistart, no consensus": ["fit=multistart", "fit.choice.temperature=0", "fit.refine=[]"],
    "multistart, 1 start": ["fit=multistart", "fit.starts=1"],
    "smplify": ["fit=smplify"],
    "smplify, BlazePose's errors": ["fit=smplify", *BLAZEPOSE],
    "smplify, true focal length": ["fit=smplify", TRUE_CAMERA],
    "smplify, f = 5000 px": ["fit=smplify", "fit.focal_length='5000'"],
    "smplify, from the prior's mean, both ways round": ["fit=smplify", *MEAN_POSE],
    "smplify, joints weigh their confidence": ["fit=smplify", *UNCALIBRATED],
    "smplify, hips and neck left out": [
        "fit=smplify",
        "+fit.joint_weights={left_hip: 0, right_hip: 0, neck: 0}",
    ],
    "smplify, translation frozen": smplify_stages(free=FROZEN, depth=0),
    "smplify, release's shape weights": smplify_stages(shape=[100, 50, 10, 5]),
    "smplify, full bending term at last": ["fit=smplify", "fit.stages.3.weights.bending=2.22"],
    "smplify, release's prior weights": smplify_stages(
        pose_prior=[404, 404, 57.4, 4.78], bending=[128.07, 128.07, 18.2, 1.52]
    ),
    "smplify, interpenetration off": ["fit=smplify", "fit.interpenetration=false"],
    "smplify_release (f = 5000 px)": ["fit=smplify_release"],
    "smplify_release (f = diagonal)": ["fit=smplify_release", "fit.focal_length=auto"],
    "smplify_release (f = 5000 px), from the prior's mean": [
        "fit=smplify_release",
        "fit.camera.pose=mean",
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy of presets on drawn people.")
    parser.add_argument(
        "--rows", nargs="*", default=[""], help="only rows whose name has one of these words"
    )
    parser.add_argument("--extras", action="store_true", help="points of face and feet are seen")
    arguments, common = parser.parse_known_args()
    names = [name for name in ROWS if any(word in name for word in arguments.rows)]
    if arguments.extras:
        common = ["data.extras=true", *common]
    titles = ("", "PA-MPJPE", "median", "difference", "MPJPE", "PVE", "shape", "knees", "ms")
    table = Table(*titles, box=None)
    rows = {name: ["data=synthetic", *ROWS[name], *common] for name in names}
    for name, found in compared(rows, ("pa_mpjpe_mm", "mpjpe_mm", "pve_mm")):
        print(json.dumps({"row": name, "settings": rows[name], **found}), flush=True)
        means, apart = found["means"], found["difference"]["pa_mpjpe_mm"]
        table.add_row(
            name,
            f"{means['pa_mpjpe_mm']['mean']:.1f}",
            f"{means['pa_mpjpe_mm']['median']:.1f}",
            with_interval(apart, "+.1f"),
            *(f"{means[c]['mean']:.1f}" for c in ("mpjpe_mm", "pve_mm", "shape_error_mm")),
            f"{means['knee_excess_deg']['median']:+.1f}",
            f"{1000 * means['seconds']['mean']:.0f}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
