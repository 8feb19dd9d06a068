"""What is written is read back; stride, rotation and broken files behave as they say."""

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.inputs.images import ClipError
from pipeline.inputs.videos import VideoReader, has_sound, write_video

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared"


def numbered(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Frame i is a grey of 20 i with a red top left corner."""
    frames = [np.full((height, width, 3), 20 * i, np.uint8) for i in range(count)]
    for frame in frames:
        frame[: height // 4, : width // 4] = 255, 0, 0
    return frames


def levels(frames: list[np.ndarray]) -> list[int]:
    """The number each frame was given, from its bottom right corner."""
    return [round(frame[-8:, -8:].mean() / 20) for frame in frames]


@pytest.fixture
def video(tmp_path) -> Path:
    path = tmp_path / "a.mp4"
    write_video(path, numbered(10), fps=12.5)
    return path


def test_round_trip(video):
    facts = VideoReader().facts(video)
    assert (facts.image_size, facts.n_frames, facts.fps) == ((64, 48), 10, 12.5)
    frames = list(VideoReader().frames(video))
    assert levels(frames) == list(range(10))
    for got, wrote in zip(frames, numbered(10), strict=True):
        assert (got.shape, got.dtype) == (wrote.shape, np.uint8)
        assert np.abs(got.astype(int) - wrote).mean() < 6
    assert frames[3][2, 2, 0] > 220, "red comes first"
    assert frames[3][2, 2, 2] < 40


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        (VideoReader(stride=3), [0, 3, 6, 9]),
        (VideoReader(stride=4), [0, 4, 8]),
        (VideoReader(max_frames=2), [0, 1]),
        (VideoReader(stride=4, max_frames=2), [0, 4]),
        (VideoReader(stride=100), [0]),
        (VideoReader(max_frames=100), list(range(10))),
    ],
)
def test_stride_and_limit(video, reader, expected):
    assert levels(list(reader.frames(video))) == expected
    facts = reader.facts(video)
    assert facts.n_frames == len(expected)
    assert facts.fps == pytest.approx(12.5 / reader.stride)


def test_frames_are_read_one_at_a_time(video):
    frames = VideoReader().frames(video)
    assert levels([next(frames)]) == [0]
    frames.close()


def test_odd_sizes_are_padded_by_one(tmp_path):
    write_video(tmp_path / "a.mp4", numbered(3, width=65, height=47), fps=5)
    frame = next(VideoReader().frames(tmp_path / "a.mp4"))
    assert frame.shape == (48, 66, 3)
    assert frame[20, 20, 0] > frame[-1, -1, 0] - 5


def test_phone_video_is_turned_upright(video, tmp_path):
    from imageio_ffmpeg import get_ffmpeg_exe

    turned = tmp_path / "turned.mp4"
    command = [get_ffmpeg_exe(), "-v", "error", "-display_rotation", "90", "-i", video]
    subprocess.run([*command, "-c", "copy", turned], check=True)
    facts = VideoReader().facts(turned)
    frames = list(VideoReader().frames(turned))
    assert facts.image_size == (48, 64)
    assert frames[0].shape == (64, 48, 3)
    # 90 degrees counterclockwise takes the red corner from top left to bottom left.
    assert frames[0][-3, 3, 0] > 220
    assert frames[0][3, 3, 0] < 40


def test_pixel_format_is_one_that_browsers_play(video):
    from imageio_ffmpeg import read_frames

    meta = next(read_frames(str(video)))
    assert meta["codec"] == "h264"
    assert "yuv420p" in meta["pix_fmt"]
    assert [path.name for path in video.parent.iterdir()] == ["a.mp4"], "no temporary file is left"


def test_a_failed_write_leaves_what_was_there(video):
    before = video.read_bytes()

    def broken():
        yield from numbered(3)
        raise RuntimeError("renderer died")

    with pytest.raises(RuntimeError, match="renderer died"):
        write_video(video, broken(), fps=5)
    assert video.read_bytes() == before
    assert [path.name for path in video.parent.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    ("frames", "fps", "message"),
    [
        ([], 5, "at least one frame"),
        (numbered(2), 0, "fps above 0, got 0"),
        (numbered(1) + numbered(1, width=32), 5, "uint8 frames of shape"),
    ],
)
def test_writer_refuses_what_is_no_video(tmp_path, frames, fps, message):
    with pytest.raises(ValueError, match=message):
        write_video(tmp_path / "a.mp4", frames, fps)
    assert list(tmp_path.iterdir()) == []


def make_garbage(path: Path) -> None:
    head = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"
    path.write_bytes(head + np.random.default_rng(0).bytes(3000))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_garbage, "not a video or damaged"),
        (lambda path: path.write_text("just some words " * 50), "a.mp4: n"),
        (Path.touch, "empty, 0 bytes"),
        (Path.mkdir, "a folder, expected a file"),
        (lambda path: None, "no such file"),
    ],
    ids=["garbage", "text", "empty", "folder", "vanished"],
)
def test_broken_videos_are_refused(tmp_path, make, reason):
    path = tmp_path / "a.mp4"
    make(path)
    with pytest.raises(ClipError, match=reason):
        list(VideoReader().frames(path))


def test_numbered_photos_are_not_taken_for_a_video(tmp_path):
    """Opened without a named backend, cv2 reads im1.jpg, im2.jpg ... as one video."""
    from PIL import Image

    for number in (1, 2, 3):
        Image.new("RGB", (64, 48)).save(tmp_path / f"im{number}.jpg")
    assert len(list(VideoReader().frames(tmp_path / "im1.jpg"))) == 1


def test_broken_videos_say_nothing_on_stderr(tmp_path):
    """In a process of its own, because cv2 reads its log level once."""
    make_garbage(tmp_path / "a.mp4")
    code = (
        "import sys; from pathlib import Path; from pipeline.inputs.videos import *\n"
        "try: list(VideoReader().frames(Path(sys.argv[1])))\n"
        "except ClipError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.mp4"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert "a.mp4: not a video or damaged" in done.stdout


def test_a_video_cut_short_gives_what_is_left_and_says_so(tmp_path, caplog):
    noise = np.random.default_rng(0).integers(0, 255, (30, 96, 96, 3), np.uint8)
    path = tmp_path / "a.mp4"
    write_video(path, noise, fps=10)  # its index is in front, so the first half still plays
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING):
        frames = list(VideoReader().frames(path))
    assert 3 < len(frames) < 27
    assert f"ends after {len(frames)} of 30 frames" in caplog.text


@pytest.mark.skipif(
    not (SHARED / "videos").is_dir(), reason=f"test videos not at {SHARED / 'videos'}"
)
@pytest.mark.parametrize(
    ("name", "size", "count", "fps"),
    [
        ("v1_squats_720x1280_5fps.mp4", (720, 1280), 65, 5),
        ("v2_pose_576_30fps.mp4", (576, 576), 120, 30),
        ("v6_street_walk_5frames.mp4", (960, 540), 5, 5),
    ],
)
def test_real_videos(name, size, count, fps):
    facts = VideoReader().facts(SHARED / "videos" / name)
    assert (facts.image_size, facts.n_frames, facts.fps) == (size, count, fps)
    shapes = [frame.shape for frame in VideoReader().frames(SHARED / "videos" / name)]
    assert shapes == [(size[1], size[0], 3)] * count


def test_a_track_of_sound_is_heard(video, with_sound, tmp_path):
    assert has_sound(with_sound)
    assert not has_sound(video)
    (tmp_path / "Stream #0:1: Audio: x.mp4").write_bytes(b"no video")
    assert not has_sound(tmp_path / "Stream #0:1: Audio: x.mp4")
    assert not has_sound(tmp_path / "nothing.mp4")


@pytest.fixture
def with_sound(video, tmp_path) -> Path:
    """The same pictures and a tone."""
    from imageio_ffmpeg import get_ffmpeg_exe

    loud = tmp_path / "loud.mp4"
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=0.8"]
    command = [get_ffmpeg_exe(), "-v", "error", "-i", video, *tone]
    subprocess.run([*command, "-c:v", "copy", loud], check=True)
    return loud
