"""Files to clips: which are taken, what they are called, what their key depends on."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from PIL import Image as Pillow

from pipeline.inputs.clips import ClipError, NoClipsError
from pipeline.inputs.sources import Files, Frames, Photos, Video
from pipeline.inputs.videos import write_video

ROOT = Path(__file__).parents[3]


def picture(path: Path, colour: int | str = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new("RGB", (6, 4), colour).save(path)
    return path


def names(source: Photos | Video) -> list[str]:
    return [clip.name for clip in source.clips()[0]]


def test_a_photo_is_a_clip_of_one_frame(tmp_path):
    path = picture(tmp_path / "me.png")
    [clip], skipped = Photos(str(path)).clips()
    assert (clip.name, clip.path, clip.video, skipped) == ("me", path, None, [])
    [frame] = clip.frames()
    np.testing.assert_array_equal(frame, np.full((4, 6, 3), (255, 0, 0)))
    assert clip.facts().image_size == (6, 4)
    assert clip.facts().n_frames == 1


def test_a_folder_gives_its_photos_in_natural_order(tmp_path):
    for name in ("b10.png", "b2.JPG", "a.webp", ".hidden.png"):
        picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no media")
    (tmp_path / "more").mkdir()
    clips, skipped = Photos(str(tmp_path)).clips()
    assert [clip.name for clip in clips] == ["a", "b2", "b10"]
    assert skipped == []


def test_what_looks_like_media_and_is_not_taken_is_named(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "b.mp4").write_bytes(b"x")
    (tmp_path / "c.HEIC").write_bytes(b"x")
    (tmp_path / "d.jpg").mkdir()
    (tmp_path / "e.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "f.jpg").touch()
    clips, skipped = Photos(str(tmp_path)).clips()
    assert [clip.name for clip in clips] == ["a"]
    reasons = {skip.path.name: skip.reason.removeprefix(f"{skip.path}: ") for skip in skipped}
    assert reasons == {
        "b.mp4": "is a video: use data=video",
        "c.HEIC": ".heic files are not read: convert it to JPEG",
        "d.jpg": "a folder, expected a file: give the folder's own path",
        "e.jpg": "no such file: check the path",
        "f.jpg": "the file is empty, 0 bytes: copy or export it again",
    }


def test_a_pattern(tmp_path):
    for name in ("x1.png", "x2.png", "y.png"):
        picture(tmp_path / name)
    assert names(Photos(f"{tmp_path}/x*.png")) == ["x1", "x2"]


def test_a_file_whose_name_looks_like_a_pattern(tmp_path):
    picture(tmp_path / "a[1].png")
    picture(tmp_path / "a1.png")
    [clip], _ = Photos(f"{tmp_path}/a[1].png").clips()
    assert clip.path.name == "a[1].png"
    assert clip.name == "a_1"


def test_a_single_file_needs_no_suffix(tmp_path):
    picture(tmp_path / "a.png").rename(tmp_path / "scan")
    assert names(Photos(f"{tmp_path}/scan")) == ["scan"]


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    picture(tmp_path / "a.png")
    assert names(Photos("~/a.png")) == ["a"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere/a.jpg", r"nothing is at .*nowhere/a\.jpg, expected a file, a folder or a pat"),
        ("*.jpg", r"nothing is at .*\*\.jpg"),
        ("empty", r"no photo in the folder .*empty, expected files ending in \.bmp, "),
        ("videos", r"no photo to work on; .*v\.mp4: is a video: use data=video"),
        ("videos/v.mp4", r"no photo to work on; .*v\.mp4: is a video: use data=video"),
    ],
)
def test_nothing_to_work_on(tmp_path, path, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "v.mp4").write_bytes(b"x")
    with pytest.raises(NoClipsError, match=message):
        Photos(f"{tmp_path}/{path}").clips()


def test_a_photo_given_as_video_is_named(tmp_path):
    with pytest.raises(NoClipsError, match="is a photo: use data=photos"):
        Video(str(picture(tmp_path / "a.png"))).clips()


def test_broken_photos_fail_when_decoded_not_before(tmp_path):
    (tmp_path / "a.jpg").write_text("no picture")
    [clip], skipped = Photos(str(tmp_path)).clips()
    assert skipped == []
    with pytest.raises(ClipError, match="not a picture"):
        list(clip.frames())
    with pytest.raises(ClipError, match="not a picture"):
        clip.facts()


def test_names_are_safe_and_unique_and_only_colliding_ones_are_marked(tmp_path):
    picture(tmp_path / "a.png", "red")
    picture(tmp_path / "A.bmp", "red")
    picture(tmp_path / "b.png")
    picture(tmp_path / "Été à la plage (2).png")
    picture(tmp_path / ("x" * 200 + ".png"))
    picture(tmp_path / "---.png")
    clips, _ = Photos(str(tmp_path)).clips()
    by_file = {clip.path.name: clip for clip in clips}
    assert by_file["b.png"].name == "b"
    assert by_file["Été à la plage (2).png"].name == "Été_à_la_plage_2"
    assert by_file["---.png"].name == "clip"
    assert by_file["a.png"].name == f"a-{by_file['a.png'].key[:6]}"
    assert by_file["A.bmp"].name == f"A-{by_file['A.bmp'].key[:6]}"
    assert max(len(clip.name) for clip in clips) <= 60


def test_identical_copies_that_collide_are_numbered(tmp_path):
    for suffix in ("jpg", "jpeg", "JPG"):
        (tmp_path / f"a.{suffix}").write_bytes(b"the same")
    clips, _ = Photos(str(tmp_path)).clips()
    key = clips[0].key[:6]
    assert [clip.name for clip in clips] == [f"a-{key}", f"a-{key}-2", f"a-{key}-3"]


def test_key_is_the_bytes_and_the_options_not_the_name(tmp_path):
    one = picture(tmp_path / "one.png")
    (tmp_path / "two.png").write_bytes(one.read_bytes())
    picture(tmp_path / "other.png", "blue")
    keys = {clip.name: clip.key for clip in Photos(str(tmp_path)).clips()[0]}
    assert keys["one"] == keys["two"] != keys["other"]
    assert len(keys["one"]) == 64
    (tmp_path / "v.mp4").write_bytes(b"as if it were one")
    options = [{}, {"stride": 2}, {"max_frames": 3}, {"people": "largest"}]
    videos = [Video(f"{tmp_path}/v.mp4", **option).clips()[0][0].key for option in options]
    assert len(set(videos)) == 3
    assert videos[0] == videos[3], "who is fitted does not change the frames"


def test_a_video_is_a_clip_of_its_frames(tmp_path):
    write_video(tmp_path / "v.mp4", np.zeros((7, 32, 48, 3), np.uint8), fps=10)
    [clip], _ = Video(str(tmp_path), stride=2, max_frames=3).clips()
    facts = clip.facts()
    assert (facts.image_size, facts.n_frames, facts.fps) == ((48, 32), 3, 5)
    assert facts.exif_focal_35mm is None
    assert len(list(clip.frames())) == 3


def test_listing_clips_decodes_nothing(tmp_path):
    """A fully cached run must not pay for cv2 nor for pixels."""
    (tmp_path / "v.mp4").write_bytes(b"x")
    (tmp_path / "p.jpg").write_bytes(b"x")
    code = (
        "import sys; from pipeline.inputs.sources import *\n"
        "clips = Files(sys.argv[1]).clips()[0]\n"
        "heavy = {'cv2', 'torch', 'imageio_ffmpeg', 'PIL.JpegImagePlugin'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy or len(clips) != 2 else 0)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (Photos, {"people": "some"}, "data.people: expected one of all, largest, got 'some'"),
        (Video, {"stride": 0}, "data.stride: expected 1 or more, got 0"),
        (Video, {"max_frames": 0}, "data.max_frames: expected 1 or more, got 0"),
    ],
)
def test_bad_options_are_named(source, options, message):
    with pytest.raises(ValueError, match=message):
        source("x", **options)


@pytest.mark.parametrize(
    ("source", "file", "required"),
    [
        (Photos, "photos", "path"),
        (Video, "video", "path"),
        (Files, "files", "path"),
        (Frames, "frames", "path"),
    ],
)
def test_yaml_has_exactly_the_options_with_the_same_defaults(source, file, required):
    yaml = OmegaConf.load(ROOT / "conf" / "data" / f"{file}.yaml")
    assert yaml.pop("_target_") == f"pipeline.inputs.sources.{source.__name__}"
    assert OmegaConf.missing_keys(yaml) == {required}
    typed = OmegaConf.structured(source)
    assert set(yaml) == set(typed)
    yaml[required] = "somewhere"
    assert OmegaConf.to_object(OmegaConf.merge(typed, yaml)) == source("somewhere")


@pytest.mark.parametrize("wrong", [{"people": "some"}, {"strid": 2}, {"stride": "many"}])
def test_omegaconf_refuses_what_is_no_option(wrong):
    with pytest.raises(OmegaConfBaseException, match=next(iter(wrong))):
        OmegaConf.merge(OmegaConf.structured(Video), wrong)
