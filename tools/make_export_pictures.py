"""Draws docs/images/exports.jpg: exports of the demo photo as Blender shows them.

uv venv --python 3.11 ENV && uv pip install --python ENV/bin/python bpy==5.0.1
python -m tools.make_export_pictures --blender ENV/bin/python
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image as Pillow

ROOT = Path(__file__).resolve().parent.parent
NAME = "friends"
SIZE = (640, 480)
GAP = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blender", required=True, help="a Python that has bpy")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/images/exports.jpg")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photo = ROOT / f"assets/demo/{NAME}.jpg"
        fitted = Path(folder) / "fitted"
        words = (
            "detector=blazepose", f"data.path={photo}", "export=[glb,bvh]",
            f"runtime.output_dir={fitted}",
        )  # fmt: skip
        subprocess.run([sys.executable, "run.py", *words], cwd=ROOT, check=True)
        script = ROOT / "tools/exports/blender_views.py"
        files = (fitted / f"{NAME}.glb", fitted / f"{NAME}-person0.bvh", folder, *SIZE)
        subprocess.run([options.blender, str(script), *map(str, files)], check=True)
        beside(photo, Path(folder)).save(options.output, quality=88)


def beside(photo: Path, folder: Path) -> Pillow.Image:
    """The photo under what the fitted camera sees, and both views from aside."""
    with Pillow.open(photo) as picture, Pillow.open(folder / "fitted.png") as bodies:
        first = picture.convert("RGB").resize(SIZE, Pillow.Resampling.LANCZOS)
        first.paste(bodies, (0, 0), bodies)
    whole = Pillow.new("RGB", (3 * SIZE[0] + 2 * GAP, SIZE[1]), "white")
    whole.paste(first, (0, 0))
    for place, name in ((1, "aside"), (2, "bones")):
        with Pillow.open(folder / f"{name}.png") as view:
            whole.paste(view.convert("RGB"), (place * (SIZE[0] + GAP), 0))
    return whole


if __name__ == "__main__":
    main()
