"""Videos of uneven frame rate are known by their timestamps."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from pipeline.inputs.images import Facts, check_readable
from pipeline.inputs.timestamps import uneven_times
from pipeline.inputs.videos import VideoReader, write_video

EVERY = [0, 1, 2, 3, 7, 8, 9, 10]  # of frames at 25 a second, those that the uneven video has


@pytest.fixture(scope="module")
def even(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("even") / "even.mp4"
    shades = [np.full((48, 64, 3), 20 * number, np.uint8) for number in range(11)]
    write_video(path, shades, 25)
    return path


@pytest.fixture(scope="module")
def uneven(even: Path) -> Path:
    """The same video without its frames 4, 5 and 6, the others shown when they were."""
    path = even.with_name("uneven.mp4")
    choice = "+".join(f"eq(n\\,{number})" for number in EVERY)
    command = [
        get_ffmpeg_exe(),
        "-v",
        "error",
        "-i",
        str(even),
        "-vf",
        f"select={choice}",
        "-fps_mode",
        "vfr",
        str(path),
    ]
    subprocess.run(command, check=True)
    return path


def test_an_even_video_has_no_times_of_its_own(even: Path) -> None:
    assert uneven_times(even, check_readable(even)) is None
    assert VideoReader().facts(even).ticks is None


def test_times_of_an_uneven_video(uneven: Path) -> None:
    facts = VideoReader().facts(uneven)
    assert len(list(VideoReader().frames(uneven))) == len(EVERY)
    expected = np.array(EVERY) / 25
    np.testing.assert_allclose(facts.seconds_of(np.arange(len(EVERY))), expected, atol=1e-3)
    every_other = VideoReader(stride=2).facts(uneven)
    np.testing.assert_allclose(every_other.seconds_of(np.arange(4)), expected[::2], atol=1e-3)


def test_a_rate_that_is_given_counts_in_place_of_the_times(uneven: Path) -> None:
    facts = VideoReader(fps=10).facts(uneven)
    np.testing.assert_allclose(facts.seconds_of(np.arange(8)), np.arange(8) / 10)


def test_frames_behind_the_last_time_go_on_at_the_frame_rate() -> None:
    facts = Facts((64, 48), 3, 10.0, ticks=(0.0, 1.0, 4.0))
    np.testing.assert_allclose(facts.seconds_of(np.arange(5)), [0, 0.1, 0.4, 0.5, 0.6])


def test_no_times_of_what_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    assert uneven_times(path, check_readable(path)) is None
