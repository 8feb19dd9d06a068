"""GIF, WebP and PNG that move: frames as they are shown, their times, damage."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline.inputs.animations import AnimationReader, is_animation
from pipeline.inputs.clips import NoClipsError
from pipeline.inputs.images import ClipError
from pipeline.inputs.kinds import Kind, kind_of
from pipeline.inputs.sources import Files, Photos, Video
from tests.conftest import ROOT

FORMATS = ("gif", "webp", "png")


def animation(path: Path, durations: list[int], **options: object) -> Path:
    """Picture i is a grey of 40 (i + 1), shown for so many ms."""
    frames = [Pillow.new("RGB", (40, 24), (40 * (i + 1),) * 3) for i in range(len(durations))]
    lossless = {"lossless": True} if path.suffix == ".webp" else {}
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=durations, **lossless, **options
    )
    return path


def shades(reader: AnimationReader, path: Path) -> list[int]:
    return [round(frame.mean() / 40) - 1 for frame in reader.frames(path)]


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_even_animation_has_a_frame_rate(suffix: str, tmp_path: Path) -> None:
    path = animation(tmp_path / f"a.{suffix}", [80] * 5)
    assert kind_of(path) is Kind.animation
    facts = AnimationReader().facts(path)
    assert (facts.image_size, facts.n_frames) == ((40, 24), 5)
    assert facts.fps == pytest.approx(12.5)
    assert facts.ticks is None
    assert shades(AnimationReader(), path) == [0, 1, 2, 3, 4]
    frame = next(AnimationReader().frames(path))
    assert (frame.dtype, frame.shape) == (np.uint8, (24, 40, 3))
    thinned = AnimationReader(stride=2, max_frames=2)
    assert shades(thinned, path) == [0, 2]
    assert thinned.facts(path).n_frames == 2
    assert thinned.facts(path).fps == pytest.approx(6.25)


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_uneven_one_has_times(suffix: str, tmp_path: Path) -> None:
    facts = AnimationReader().facts(animation(tmp_path / f"a.{suffix}", [100, 100, 300, 100]))
    np.testing.assert_allclose(facts.seconds_of(np.arange(4)), [0, 0.1, 0.2, 0.5], atol=1e-6)
    even = AnimationReader(fps=30).facts(tmp_path / f"a.{suffix}")
    assert (even.fps, even.ticks) == (30, None)


def test_no_duration_is_a_tenth_of_a_second_as_in_browsers(tmp_path: Path) -> None:
    assert AnimationReader().facts(animation(tmp_path / "a.gif", [0, 0, 0])).fps == 10


def test_one_picture_is_a_photo(tmp_path: Path) -> None:
    for suffix in FORMATS:
        Pillow.new("RGB", (40, 24)).save(tmp_path / f"a.{suffix}")
        assert kind_of(tmp_path / f"a.{suffix}") is Kind.photo
    pages = [Pillow.new("RGB", (40, 24))] * 2
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    assert kind_of(tmp_path / "scan.tif") is Kind.photo, "pages are no frames"
    with pytest.raises(NoClipsError, match="is a photo: use data=photos"):
        Video(str(tmp_path / "a.gif")).clips()


def test_which_data_takes_an_animation_as_what(tmp_path: Path) -> None:
    path = str(animation(tmp_path / "a.gif", [80] * 3))
    taken = {kind: kind(path).clips()[0][0] for kind in (Photos, Video, Files)}
    assert taken[Photos].video is None
    assert taken[Video].video == taken[Files].video == AnimationReader()
    assert taken[Video].key == taken[Files].key != taken[Photos].key
    assert Video(path, fps=30).clips()[0][0].key != taken[Video].key


def test_transparent_parts_are_white_and_earlier_pictures_show_through(tmp_path: Path) -> None:
    first = Pillow.new("RGBA", (40, 24), (0, 0, 0, 0))
    second = first.copy()
    first.paste((255, 0, 0, 255), (0, 0, 20, 24))
    second.paste((0, 0, 255, 255), (20, 0, 40, 24))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second], duration=80, disposal=0)
    one, two = AnimationReader().frames(tmp_path / "a.gif")
    assert one[5, 5].tolist() == [255, 0, 0]
    assert one[5, 30].tolist() == [255, 255, 255]
    assert two[5, 5].tolist() == [255, 0, 0]
    assert two[5, 30].tolist() == [0, 0, 255]


def cut_short(path: Path) -> Path:
    """Six pictures of noise, of which the last ones are gone."""
    rng = np.random.default_rng(1)
    frames = [Pillow.fromarray(rng.integers(0, 255, (60, 80, 3), np.uint8)) for _ in range(6)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=80)
    path.write_bytes(path.read_bytes()[: int(0.7 * path.stat().st_size)])
    return path


@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_a_damaged_end_is_a_shorter_clip(suffix: str, tmp_path: Path) -> None:
    path = cut_short(tmp_path / f"a.{suffix}")
    assert 1 <= len(list(AnimationReader().frames(path))) < 6
    assert AnimationReader().facts(path).fps == 12.5


def test_a_webp_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match=r"a\.webp: not a picture|a\.webp: the picture is damaged"):
        list(AnimationReader().frames(cut_short(tmp_path / "a.webp")))


def test_what_is_no_picture_is_no_animation(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a" + bytes(20))
    assert not is_animation(tmp_path / "a.gif")
    assert not is_animation(tmp_path / "nowhere.gif")


def test_the_real_one(shared: Path) -> None:
    path = shared / "bad_inputs/animated.gif"
    frames = list(AnimationReader().frames(path))
    assert len(frames) == AnimationReader().facts(path).n_frames == 6
    assert kind_of(ROOT / "assets/demo/runner.jpg") is Kind.photo
