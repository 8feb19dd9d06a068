"""From a photo to meshes: python -m examples.photo_to_mesh [PHOTO] [FOLDER]

You can do from Python whatever `python run.py` does: compose the settings, then run.
"""

import sys
from typing import Any

from hydra import compose, initialize_config_dir

from pipeline.config import ROOT, to_config
from pipeline.pipeline import run


def main(photo: str = "assets/demo/friends.jpg", folder: str = "outputs/meshes") -> dict[str, Any]:
    """Find the people of a photo and write each of them as a mesh.

    Returns:
        The summary of the run, as in summary.json.
    """
    settings = [
        "detector=blazepose",
        "export=[npz,obj]",
        f"data.path='{photo}'",
        f"runtime.output_dir='{folder}'",
    ]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = to_config(compose("config", settings))
    return run(config)


if __name__ == "__main__":
    main(*sys.argv[1:])
