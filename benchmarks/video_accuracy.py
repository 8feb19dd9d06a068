"""How accurate the fit over time is on drawn clips, and what each of its parts is worth.

    python -m benchmarks.video_accuracy [--rows WORD ...] [key=value ...]

A row is what is added to `python run.py data=synthetic_video`. Further settings (data.n=9,
data.seed=1, data.camera=panning) hold for every row, and earlier results come from the cache. Every
row sees the same clips, so its difference to the first one, the default, is surer than the means;
intervals are of 95 %, from resamples of clips. Prints a line of JSON per row, then a table.
"""

import argparse
import json

from rich.console import Console
from rich.table import Table

from benchmarks.comparison import compared, with_interval

OFF = 1e6  # a standard deviation so large that the term does nothing
ROWS: dict[str, list[str]] = {
    "track": [],
    "none: frame by frame": ["sequence=none"],
    "sides as detected": ["sequence.sides=false"],
    "accelerations are free": [f"sequence.acceleration={OFF}"],
    "accelerations twice as free": ["sequence.acceleration=3.4"],
    "accelerations half as free": ["sequence.acceleration=0.85"],
    "accelerations without exceptions": [f"sequence.kernel={OFF}"],
    "rotations are free": [f"sequence.rotation={OFF}"],
    "feet do not stand": [f"sequence.standing={OFF}"],
    "feet stand half as firmly": ["sequence.standing=0.1"],
    "gaps stay open": ["sequence.max_fill=0"],
    "windows of 120 frames": ["sequence.window=120"],
    "10 iterations": ["sequence.max_iterations=10"],
    "3 iterations": ["sequence.max_iterations=3"],
    "true focal length": ["data.known_focal_length=true"],
}
COLUMNS = {
    "pa_mpjpe_mm": "PA-MPJPE",
    "mpjpe_mm": "MPJPE",
    "wa_mpjpe_mm": "WA",
    "camera_accel_error_mm_per_frame2": "accel, camera's axes",
    "foot_sliding_mm_per_frame": "sliding",
    "swaps_mended_percent": "swaps mended %",
    "ms_per_frame": "ms",
}
COMPARED = tuple(COLUMNS)[:5]


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy of the fit over time on drawn clips.")
    parser.add_argument(
        "--rows", nargs="*", default=[""], help="only rows whose name has one of these words"
    )
    arguments, common = parser.parse_known_args()
    names = [name for name in ROWS if any(word in name for word in arguments.rows)]
    rows = {name: ["data=synthetic_video", *ROWS[name], *common] for name in names}
    table = Table("", *COLUMNS.values(), box=None)
    for name, found in compared(rows, COMPARED):
        print(json.dumps({"row": name, "settings": rows[name], **found}), flush=True)
        means, apart = found["means"], found["difference"]
        texts = [f"{means[column]['mean']:.1f}" for column in COLUMNS]
        table.add_row(name, *texts)
        differences = [with_interval(apart[column], "+.1f") for column in COMPARED]
        if name != names[0]:
            table.add_row("  difference", *differences)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
