"""A picture is decoded once for all that is found in it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detectors.base import Image as Frame
from pipeline import pipeline
from pipeline.groups import Picture
from pipeline.inputs import clips
from pipeline.inputs.sources import Photos, Video
from pipeline.inputs.videos import VideoReader, write_video
from tests.pipeline.fake_detector import HEIGHT, WIDTH
from tests.pipeline.runs import config

FRAMES = 5


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each photo, and each frame of a video, is decoded."""
    count: Counter[str] = Counter()
    read, frames = clips.read_photo, VideoReader.frames

    def read_photo(path: Path) -> Frame:
        count[path.name] += 1
        return read(path)

    def video_frames(self: VideoReader, path: Path) -> Iterator[Frame]:
        for index, frame in enumerate(frames(self, path)):
            count[f"{path.name} {index}"] += 1
            yield frame

    monkeypatch.setattr(clips, "read_photo", read_photo)
    monkeypatch.setattr(VideoReader, "frames", video_frames)
    return count


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    grey = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for shade, name in enumerate(("a.png", "b.png")):
        Image.fromarray(grey + np.uint8(shade)).save(folder / name)
    write_video(folder / "c.mp4", [grey] * FRAMES, 12.0)
    return folder


def test_photos_and_video_are_decoded_once_to_find_and_fit_people(
    inputs: Path, tmp_path: Path, decoded: Counter[str]
) -> None:
    options = config(tmp_path)
    options.render.picture = Picture.none
    options.data = Photos(str(inputs / "*.png"))
    pipeline.run(options)
    assert decoded == {"a.png": 1, "b.png": 1}
    options.data = Video(str(inputs / "c.mp4"))
    pipeline.run(options)
    assert decoded == {"a.png": 1, "b.png": 1} | {f"c.mp4 {i}": 1 for i in range(FRAMES)}
    pipeline.run(options)
    assert max(decoded.values()) == 1, "from the cache"


def test_drawing_decodes_once_more_because_it_may_be_all_that_runs(
    inputs: Path, tmp_path: Path, decoded: Counter[str]
) -> None:
    options = config(tmp_path)
    options.data = Photos(str(inputs / "a.png"))
    pipeline.run(options)
    assert decoded == {"a.png": 2}
