"""What is said about the sound of videos: once, and only where there is any."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.config import Config
from pipeline.inputs.clips import Clip
from pipeline.inputs.videos import VideoReader
from pipeline.outputs import pictures
from pipeline.outputs.pictures import Pictures
from pipeline.outputs.writer import Run
from pipeline.stages.stage import Job


def said(names: list[str], loud: set[str], **stage: Any) -> tuple[list[str], list[str]]:
    """The warnings of a run over these files, and which of them were listened to."""
    asked: list[str] = []

    def has_sound(path: Path) -> bool:
        asked.append(path.name)
        return path.name in loud

    results: Any = stage or {"render": SimpleNamespace()}
    jobs = [
        Job(Clip(n, Path(n), "key", VideoReader() if n.endswith("mp4") else None), results)
        for n in names
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "has_sound", has_sound)
        records = logging.getLogger(pictures.__name__)
        messages: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: messages.append(record.getMessage())
        records.addHandler(handler)
        Pictures().close(Run(Config(), jobs), {})
        records.removeHandler(handler)
    return messages, asked


def test_sound_is_said_to_be_left_out_once() -> None:
    messages, asked = said(["p.jpg", "a.mp4", "b.mp4", "c.mp4"], {"b.mp4", "c.mp4"})
    assert messages == ["b.mp4: its sound is left out, as in every video"]
    assert asked == ["a.mp4", "b.mp4"], "a photo has none, and one that has some is enough"


def test_nothing_is_said_of_silent_videos_or_without_pictures() -> None:
    assert said(["a.mp4"], set())[0] == []
    assert said(["a.mp4"], {"a.mp4"}, fit=SimpleNamespace()) == ([], [])


def test_many_silent_videos_do_not_take_long() -> None:
    assert len(said([f"{i}.mp4" for i in range(50)], set())[1]) == 10
