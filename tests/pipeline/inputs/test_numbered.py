"""Numbered pictures as a clip: order, gaps, several clips, sizes that differ."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline.inputs.clips import Clip, NoClipsError
from pipeline.inputs.images import ClipError
from pipeline.inputs.numbered import in_order, is_pattern, matching, missing, step, told
from pipeline.inputs.sources import Files, Frames


def frames(folder: Path, names: list[str]) -> Path:
    """Pictures whose grey is their place in the list."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, name in enumerate(names):
        Pillow.new("RGB", (8, 6), (place,) * 3).save(folder / name)
    return folder


def places(clip: Clip) -> list[int]:
    return [int(frame[0, 0, 0]) for frame in clip.frames()]


def test_a_folder_is_a_clip_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    folder = frames(tmp_path / "walk.1", ["f10.png", "f9.png", "f11.png", "f8.png"])
    [clip], skipped = Frames(str(folder), fps=30).clips()
    assert (clip.name, clip.path, skipped) == ("walk.1", folder, [])
    assert places(clip) == [3, 1, 0, 2]
    facts = clip.facts()
    assert (facts.image_size, facts.n_frames, facts.fps) == ((8, 6), 4, 30)
    assert facts.numbers_of(np.arange(4)).tolist() == [8, 9, 10, 11]
    assert facts.ticks is None


def test_missing_numbers_are_said_and_are_gaps_in_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    numbers = [1, 2, 3, 7, 8, 10]
    folder = frames(tmp_path / "walk", [f"{number:06d}.png" for number in numbers])
    with caplog.at_level(logging.WARNING):
        [clip], _ = Frames(str(folder), fps=10).clips()
    assert caplog.messages == [
        f"{folder}: of its frames 4 are missing (4-6, 9), which makes gaps in time"
    ]
    facts = clip.facts()
    np.testing.assert_allclose(facts.seconds_of(np.arange(6)), [0, 0.1, 0.2, 0.6, 0.7, 0.9])
    assert facts.numbers_of(np.arange(6)).tolist() == numbers
    [thinned], _ = Frames(str(folder), fps=10, stride=2, max_frames=2).clips()
    assert places(thinned) == [0, 2]
    facts = thinned.facts()
    assert (facts.fps, facts.n_frames) == (5, 2)
    np.testing.assert_allclose(facts.seconds_of(np.arange(2)), [0, 0.2])
    assert facts.numbers_of(np.arange(2)).tolist() == [1, 3]


def test_numbers_in_steps_are_no_gaps(tmp_path: Path) -> None:
    nanoseconds = [1403636579763555584 + 50_000_000 * i for i in (0, 1, 2, 4)]
    folder = frames(tmp_path / "walk", [f"{number}.png" for number in nanoseconds])
    [clip], _ = Frames(str(folder), fps=20).clips()
    np.testing.assert_allclose(clip.facts().seconds_of(np.arange(4)), [0, 0.05, 0.1, 0.2])
    pictures = tuple((number, folder) for number in (0, 5, 10, 15, 30))
    assert step(pictures) == 5
    assert [list(gap) for gap in missing(pictures)] == [[20, 25]]


def test_a_clip_needs_no_frame_rate(tmp_path: Path) -> None:
    [clip], _ = Frames(str(frames(tmp_path / "a", ["1.png", "2.png", "5.png"]))).clips()
    assert clip.facts().fps is None
    np.testing.assert_allclose(clip.facts().seconds_of(np.arange(3)), [0, 1 / 25, 4 / 25])


@pytest.mark.parametrize("kind", [Files, Frames])
def test_a_pattern_as_ffmpeg_has_them(kind: type, tmp_path: Path) -> None:
    folder = frames(tmp_path / "in", ["cam1_0001.png", "cam1_0002.png", "cam2_0001.png", "x.png"])
    [clip], skipped = kind(f"{folder}/cam1_%04d.png").clips()
    assert (clip.name, places(clip), skipped) == ("cam1", [0, 1], [])
    clips, _ = kind([f"{folder}/cam1_%d.png", f"{folder}/cam2_%04d.png"]).clips()
    assert [clip.name for clip in clips] == ["cam1", "cam2"]
    frames(tmp_path / "take", ["01.png", "02.png"])
    [clip], _ = kind(f"{tmp_path}/take/%02d.png").clips()
    assert clip.name == "take"
    with pytest.raises(NoClipsError, match=r"^data\.path: no numbered pictures at .*/y%d\.png"):
        kind(f"{folder}/y%d.png").clips()


def test_a_name_with_a_percent_sign_is_no_pattern_where_it_is_a_file(tmp_path: Path) -> None:
    frames(tmp_path, ["100%d.png"])
    [clip], _ = Files(f"{tmp_path}/100%d.png").clips()
    assert clip.video is None
    assert not is_pattern("50% off.png")
    assert matching(f"{tmp_path}/nowhere/%d.png") == ()


def test_folders_of_a_pattern_or_list_are_clips(tmp_path: Path) -> None:
    for name in ("a", "b"):
        frames(tmp_path / f"takes/{name}", ["1.jpg", "2.jpg"])
    (tmp_path / "takes/notes.txt").touch()
    assert [clip.name for clip in Frames(f"{tmp_path}/takes/*").clips()[0]] == ["a", "b"]
    listed = Frames([f"{tmp_path}/takes/b", f"{tmp_path}/takes/a/*.jpg"])
    assert [clip.name for clip in listed.clips()[0]] == ["b", "a"]


def test_pictures_without_a_number_stay_behind(tmp_path: Path) -> None:
    folder = frames(tmp_path / "walk", ["0001.png", "0002.png", "cover.png"])
    [clip], [skip] = Frames(str(folder)).clips()
    assert places(clip) == [0, 1]
    assert (
        skip.reason
        == f"{folder}/cover.png: has no number in its name, so it is not a frame of the clip"
    )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["cam1_01.png", "cam2_01.png", "cam1_02.png", "cam2_02.png"],
            r"give no order: they are of 2 clips, .*cam1_%d\.png, .*cam2_%d\.png: name one of "
            "these",
        ),
        (["a1.png", "b1.png"], r"2 clips, a%d\.png, b%d\.png"),
        (["1.png", "01.png"], r"01\.png and 1\.png both have the number 1"),
        (["a.png", "b.png"], "no name has a number"),
        (["1.png", f"{2**63}.png"], "too large"),
        ([], "no numbered pictures at"),
    ],
)
def test_names_that_give_no_order(names: list[str], message: str, tmp_path: Path) -> None:
    folder = frames(tmp_path / "in", names)
    with pytest.raises(NoClipsError, match=rf"^data\.path: .*{message}"):
        Frames(str(folder)).clips()


def test_numbers_that_all_have_do_not_count(tmp_path: Path) -> None:
    names = ["shot2_0001_1080p.png", "shot2_0003_1080p.png", "shot2_0002_1080p.png"]
    ordered, strays = in_order(tmp_path / name for name in names)
    assert ([number for number, _ in ordered], strays) == ([1, 2, 3], [])
    assert in_order([tmp_path / "shot2_7.png"])[0][0][0] == 7


def test_frames_of_different_sizes_are_refused(tmp_path: Path) -> None:
    folder = frames(tmp_path / "walk", ["1.png", "2.png"])
    Pillow.new("RGB", (9, 6)).save(folder / "3.png")
    [clip], _ = Frames(str(folder)).clips()
    with pytest.raises(
        ClipError, match=r"walk: 3\.png has 9 x 6 px, expected 8 x 6 like the first frame: "
    ):
        list(clip.frames())


def test_a_broken_or_changed_frame_names_itself(tmp_path: Path) -> None:
    folder = frames(tmp_path / "walk", ["1.png", "2.png", "3.png"])
    (folder / "2.png").write_text("no picture")
    [clip], _ = Frames(str(folder)).clips()
    with pytest.raises(ClipError, match=r"2\.png: not a picture"):
        list(clip.frames())
    (folder / "2.png").touch()
    Pillow.new("RGB", (8, 6)).save(folder / "2.png")
    with pytest.raises(ClipError, match=r"2\.png: it has changed since the run began"):
        clip.facts()
    (folder / "2.png").write_bytes(b"")
    clips, [skip] = Frames(str(folder)).clips()
    assert clips == []
    assert skip.reason.startswith(f"{folder}/2.png: the file is empty")


def test_the_key_is_of_all_frames_and_options(tmp_path: Path) -> None:
    folder = frames(tmp_path / "walk", ["1.png", "2.png", "3.png"])

    def key(**options: float) -> str:
        return Frames(str(folder), **options).clips()[0][0].key  # pyright: ignore

    before = [key(), key(fps=30), key(stride=2), key(max_frames=2)]
    assert len(set(before)) == 4
    folder.rename(tmp_path / "other")
    folder = tmp_path / "other"
    assert key() == before[0]
    (folder / "3.png").rename(folder / "4.png")
    assert key() != before[0]
    assert key(max_frames=2) == before[3]


def test_many_numbered_photos_are_pointed_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = frames(tmp_path / "walk", [f"frame_{number:04d}.png" for number in range(30)])
    with caplog.at_level(logging.WARNING):
        clips, _ = Files(str(folder)).clips()
    assert len(clips) == 30
    assert caplog.messages[0].endswith(
        "30 numbered pictures are taken as photos; data=frames makes them one clip"
    )


@pytest.mark.parametrize(
    ("gaps", "text"),
    [
        ([range(4, 5)], "1 is missing (4)"),
        ([range(4, 7), range(9, 10)], "4 are missing (4-6, 9)"),
        ([range(i, i + 1) for i in (2, 4, 6, 8, 10)], "5 are missing (2, 4, 6, and 2 more gaps)"),
    ],
)
def test_gaps_in_words(gaps: list[range], text: str) -> None:
    assert told(gaps) == text
