"""Pictures and a video in one run, with a detector and a fit that take next to no time."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from pipeline.config import Config
from pipeline.inputs.sources import Files
from pipeline.inputs.videos import write_video
from tests.pipeline.fake_detector import photo
from tests.pipeline.runs import config

PEOPLE_OF_VIDEO = 3


def write_both(folder: Path, pictures: int) -> None:
    """Photos p00.png ... of different shades, and a video."""
    folder.mkdir(parents=True)
    for number in range(pictures):
        Pillow.fromarray(photo(40 + 3 * number)).save(folder / f"p{number:02d}.png")
    frames = [photo(60 + 10 * index) for index in range(PEOPLE_OF_VIDEO)]
    write_video(folder / "walk.mp4", frames, fps=5)


@cache
def _settings(*overrides: str) -> Config:
    """Composed once: Hydra takes longer than a run."""
    quick = ("fit=smplify", "runtime.batch_size=4", "data.path=x")
    whole = config(Path("unused"), *quick, *overrides)
    return replace(whole, fit=replace(whole.fit, stages=whole.fit.stages[:1]))


def cheap(inputs: Path, folder: Path, *overrides: str, **parts: Any) -> Config:
    """A run on the inputs with everything it writes in the folder; small batches, quick fit.

    Args:
        parts: groups of the configuration to replace, e.g. data.
    """
    usual = _settings(*overrides)
    places = {f"{name}_dir": str(folder / name) for name in ("cache", "output", "weights")}
    runtime = replace(usual.runtime, **places)
    return replace(usual, **{"data": Files(str(inputs)), "runtime": runtime, **parts})
