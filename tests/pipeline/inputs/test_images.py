"""Photos of every mode decode to the right colours; broken ones say what is wrong."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline.inputs import images
from pipeline.inputs.images import ClipError, Facts, photo_facts, read_photo

SHARED = Path(__file__).parents[4] / "shared"
ORIENTATION, EXIF_IFD, FOCAL_35MM = 0x0112, 0x8769, 0xA405

needs_photos = pytest.mark.skipif(
    not (SHARED / "photos").is_dir(), reason=f"test photos not at {SHARED / 'photos'}"
)
needs_bad_inputs = pytest.mark.skipif(
    not (SHARED / "bad_inputs").is_dir(), reason=f"broken files not at {SHARED / 'bad_inputs'}"
)


def corners(width: int = 48, height: int = 32) -> np.ndarray:
    """Red top left, green top right, blue bottom left, black bottom right."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2, 0] = 255
    picture[: height // 2, width // 2 :, 1] = 255
    picture[height // 2 :, : width // 2, 2] = 255
    return picture


def save(path: Path, picture: Pillow.Image | np.ndarray, **options) -> Path:
    picture = picture if isinstance(picture, Pillow.Image) else Pillow.fromarray(picture)
    picture.save(path, **options)
    return path


def exif(orientation: int | None = None, focal: int | None = None) -> Pillow.Exif:
    tags = Pillow.Exif()
    if orientation is not None:
        tags[ORIENTATION] = orientation
    if focal is not None:
        tags.get_ifd(EXIF_IFD)[FOCAL_35MM] = focal
    return tags


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "gif", "webp", "jpg"])
def test_every_format_gives_the_picture(tmp_path, suffix):
    options = {"webp": {"lossless": True}, "jpg": {"quality": 95, "subsampling": 0}}
    path = save(tmp_path / f"a.{suffix}", corners(), **options.get(suffix, {}))
    got = read_photo(path)
    assert (got.shape, got.dtype) == ((32, 48, 3), np.uint8)
    assert got.flags.c_contiguous
    assert got.flags.writeable
    np.testing.assert_allclose(got.astype(int), corners(), atol=8 if suffix == "jpg" else 0)


@pytest.mark.parametrize("mode", ["P", "CMYK", "RGBA", "YCbCr"])
def test_colour_modes(tmp_path, mode):
    path = save(tmp_path / "a.tif", Pillow.fromarray(corners()).convert(mode))
    np.testing.assert_allclose(read_photo(path).astype(int), corners(), atol=3)


@pytest.mark.parametrize("mode", ["1", "L", "LA"])
def test_grey_modes_give_three_equal_channels(tmp_path, mode):
    path = save(tmp_path / "a.png", Pillow.new("L", (5, 4), 255).convert(mode))
    np.testing.assert_array_equal(read_photo(path), np.full((4, 5, 3), 255))


def test_cmyk_jpeg_is_not_inverted(tmp_path):
    path = save(tmp_path / "a.jpg", Pillow.fromarray(corners()).convert("CMYK"), quality=95)
    np.testing.assert_allclose(read_photo(path)[4, 4], (255, 0, 0), atol=12)


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = 0, 255, 128
    got = read_photo(save(tmp_path / "a.png", rgba))
    np.testing.assert_allclose(got[0, :, 0].astype(int), [255, 0, 127], atol=1)


def test_transparent_palette_colour_is_laid_on_white(tmp_path):
    picture = Pillow.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((1, 0), 1)
    got = read_photo(save(tmp_path / "a.png", picture, transparency=0))
    np.testing.assert_array_equal(got[0], [(255, 255, 255), (200, 100, 50)])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 32768, 65535]], np.uint16), (0, 128, 255)),
        (np.array([[0, 2048, 4095]], np.uint16), (0, 128, 255)),  # a 12-bit scan
        (np.array([[0, 100, 200]], np.uint16), (0, 100, 200)),
        (np.array([[-5, 50000, 65535]], np.int32), (0, 195, 255)),
        (np.array([[0, 100_000, 200_000]], np.int32), (0, 128, 255)),
        (np.array([[0, 0.5, 1]], np.float32), (0, 128, 255)),
        (np.array([[np.nan, 100, 255]], np.float32), (0, 100, 255)),
        (np.zeros((1, 3), np.float32), (0, 0, 0)),
    ],
)
def test_deep_grey_keeps_its_range(tmp_path, values, expected):
    got = read_photo(save(tmp_path / "a.tif", values))
    np.testing.assert_array_equal(got, np.repeat(np.array(expected)[None, :, None], 3, 2))


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_first_picture_of_an_animation(tmp_path, suffix):
    first, then = Pillow.new("RGB", (6, 4), "red"), Pillow.new("RGB", (6, 4), "blue")
    options = {"lossless": True} if suffix == "webp" else {}
    path = tmp_path / f"a.{suffix}"
    first.save(path, save_all=True, append_images=[then, then], **options)
    np.testing.assert_array_equal(read_photo(path)[0, 0], (255, 0, 0))


def test_first_picture_of_a_phones_mpo(tmp_path):
    first, then = Pillow.new("RGB", (16, 8), "white"), Pillow.new("RGB", (16, 8), "black")
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[then])
    assert read_photo(tmp_path / "a.jpg").min() > 250


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(tmp_path, orientation):
    """Store the picture as the camera would have, then expect it back upright."""
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation](corners())
    path = save(tmp_path / "a.png", np.ascontiguousarray(stored), exif=exif(orientation))
    np.testing.assert_array_equal(read_photo(path), corners())
    assert photo_facts(path).image_size == (48, 32)


def test_facts_come_from_the_header(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    path = save(tmp_path / "a.jpg", noise, exif=exif(6, focal=26))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])  # the pixels are cut short, the header is there
    assert photo_facts(path) == Facts((64, 96), n_frames=1, fps=None, exif_focal_35mm=26.0)
    with pytest.raises(ClipError, match="damaged or cut short"):
        read_photo(path)


@pytest.mark.parametrize("tags", [None, exif(), exif(focal=0), b"Exif\0\0 not exif at all"])
def test_absent_or_broken_exif_costs_nothing(tmp_path, tags):
    path = save(tmp_path / "a.jpg", corners(), **({"exif": tags} if tags is not None else {}))
    assert photo_facts(path).exif_focal_35mm is None
    assert read_photo(path).shape == (32, 48, 3)


def make_text(path: Path) -> None:
    path.write_text("not a picture")


def make_postscript(path: Path) -> None:
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")


def make_cut(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    save(path, noise)
    path.write_bytes(path.read_bytes()[:2000])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_text, "not a picture, expected"),
        (make_postscript, "not a picture, expected"),
        (make_cut, "damaged or cut short"),
        (Path.touch, "empty, 0 bytes"),
        (Path.mkdir, "a folder, expected a file"),
        (lambda path: None, "no such file"),
    ],
    ids=["text", "postscript", "truncated", "empty", "folder", "vanished"],
)
def test_what_is_no_picture_is_refused_by_reason(tmp_path, make, reason):
    path = tmp_path / "photo.jpg"
    make(path)
    with pytest.raises(ClipError, match=reason) as caught:
        read_photo(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden_file(tmp_path):
    path = save(tmp_path / "a.png", corners())
    path.chmod(0)
    with pytest.raises(ClipError, match="may not be read"):
        read_photo(path)


def test_forbidden_file_even_for_root(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", corners())

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ClipError, match="may not be read: change its permissions"):
        read_photo(path)


def test_size_is_checked_before_pixels(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", corners())
    path.write_bytes(path.read_bytes()[:60])  # no pixels to decode: only the header can tell
    monkeypatch.setattr(images, "MAX_PIXELS", 48 * 32 - 1)
    with pytest.raises(ClipError, match="48 x 32 px is too large"):
        read_photo(path)


def test_pillows_own_limit_neither_applies_nor_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 100)  # 1536 px is a bomb to Pillow now
    assert read_photo(save(tmp_path / "a.png", corners())).shape == (32, 48, 3)
    assert Pillow.MAX_IMAGE_PIXELS == 100


@needs_bad_inputs
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bomb_30000x30000_1bit.png", "30000 x 30000 px is too large, expected at most 200 mega"),
        ("garbage.mp4", "not a picture"),
        ("header_only.jpg", "damaged or cut short"),
        ("text.jpg", "not a picture"),
        ("truncated.jpg", "damaged or cut short"),
        ("zero_bytes.jpg", "empty, 0 bytes"),
    ],
)
def test_broken_files(name, reason, recwarn, capfd):
    with pytest.raises(ClipError, match=reason):
        read_photo(SHARED / "bad_inputs" / name)
    assert len(recwarn) == 0
    assert capfd.readouterr().err == ""


@needs_photos
@needs_bad_inputs
@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("photos/25_exif_orientation_3.jpg", 3),
        ("photos/25_exif_orientation_6.jpg", 3),
        ("photos/29_palette.png", 12),
        ("photos/31_webp.webp", 6),
        ("bad_inputs/cmyk.jpg", 6),
    ],
)
def test_variants_of_one_photo_look_the_same(name, tolerance):
    reference = read_photo(SHARED / "photos" / "01_full_body_yoga_landscape.jpg").astype(int)
    got = read_photo(SHARED / name)
    assert got.shape == reference.shape
    assert np.abs(got - reference).mean() < tolerance


@needs_photos
@needs_bad_inputs
@pytest.mark.parametrize("name", ["photos/26_gray_L.jpg", "bad_inputs/gray16.png"])
def test_grey_variants_have_its_brightness(name):
    reference = read_photo(SHARED / "photos" / "01_full_body_yoga_landscape.jpg")
    luma = reference @ np.array([0.299, 0.587, 0.114])
    assert np.abs(read_photo(SHARED / name)[:, :, 0] - luma).mean() < 3


@needs_photos
def test_every_test_photo_decodes_in_silence(capfd):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        paths = sorted(path for path in (SHARED / "photos").iterdir() if path.suffix != ".md")
        assert len(paths) >= 18
        for path in paths:
            height, width, channels = read_photo(path).shape
            assert (width, height, channels) == (*photo_facts(path).image_size, 3)
    assert not caught
    assert capfd.readouterr().err == ""
