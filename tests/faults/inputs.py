"""Pictures and a video in one run, with a detector and a fit that take next to no time."""

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from pipeline.config import Config
from pipeline.inputs.clips import Found, NoClipsError, PeopleChoice, Photos, Video
from pipeline.inputs.videos import write_video
from tests.pipeline.fake_detector import photo
from tests.pipeline.test_run import config

PEOPLE_OF_VIDEO = 3


@dataclass
class Both:
    """The photos and the videos of a folder, in one run."""

    path: str
    people: PeopleChoice = PeopleChoice.all

    def clips(self) -> Found:
        clips, skipped = [], {}
        for kind in (Photos, Video):
            with suppress(NoClipsError):
                found, refused = kind(self.path).clips()
                clips += found
                skipped |= {skip.path: skip for skip in refused if "use data=" not in skip.reason}
        return clips, list(skipped.values())


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
    return replace(usual, **{"data": Both(str(inputs)), "runtime": runtime, **parts})
