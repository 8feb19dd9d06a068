"""LSP as people have it on disk: layouts, zips, and what is wrong with them."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from scipy.io import savemat

from fitting.fit_config import Gender
from pipeline.datasets.lsp import Lsp, Split
from pipeline.datasets.lsp_files import by_number, read_annotation, read_genders
from pipeline.evaluation.evaluate import KnowsTruth
from pipeline.inputs.clips import NoClipsError, PeopleChoice
from tests.conftest import ROOT
from tests.pipeline.mini_lsp import N, joints_mat, poses_2d, write_images, write_lsp


def names(source: Lsp) -> list[str]:
    return [clip.name for clip in source.clips()[0]]


@pytest.mark.parametrize("folder", ["images", "images/lsp", "."])
def test_layouts_and_splits(tmp_path: Path, folder: str) -> None:
    for first in (1, 1001):
        write_images(tmp_path / folder, 3, first)
    savemat(tmp_path / "joints.mat", {"joints": joints_mat(poses_2d())})
    root = str(tmp_path)
    assert names(Lsp(root, max_images=2)) == ["im1001", "im1002"]
    assert names(Lsp(root, split=Split.train, max_images=3)) == ["im0001", "im0002", "im0003"]
    assert Lsp(root).people is PeopleChoice.largest


@pytest.mark.parametrize("place", ["joints.mat", "images/joints.mat", "images/lsp/joints.mat"])
def test_where_the_annotation_may_lie(tmp_path: Path, place: str) -> None:
    write_images(tmp_path / "images/lsp")
    savemat(tmp_path / place, {"joints": joints_mat(poses_2d())})
    assert len(names(Lsp(str(tmp_path), max_images=N))) == N


def test_absent_lsp_says_where_it_was_and_that_the_user_must_have_it(tmp_path: Path) -> None:
    with pytest.raises(NoClipsError, match=r"1000 of 1000 LSP images are missing, .*im1001\.jpg"):
        Lsp(str(tmp_path)).clips()
    write_images(tmp_path / "images", 9)
    with pytest.raises(NoClipsError, match=r"991 of 1000 .*research use.*lsp\.html is dead"):
        Lsp(str(tmp_path)).clips()
    with pytest.raises(
        NoClipsError, match=r"data\.root: expected a folder or zip at .*nowhere.*lsp_dataset\.zip"
    ):
        Lsp(str(tmp_path / "nowhere")).clips()
    with pytest.raises(NoClipsError, match=r"no joints\.mat in .*dead"):
        Lsp(str(tmp_path), max_images=9).clips()


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (2, 0, 1)])
def test_axes_of_joints_mat_in_any_order(tmp_path: Path, order: tuple[int, int, int]) -> None:
    hidden = np.zeros((N, 14))
    hidden[1, 5] = 1
    savemat(tmp_path / "j.mat", {"joints": joints_mat(poses_2d(), hidden).transpose(order)})
    truth = read_annotation(tmp_path / "j.mat")
    np.testing.assert_array_equal(truth.xy[1000 : 1000 + N], poses_2d())
    assert np.argwhere(~truth.visible).tolist() == [[1001, 5]], "the flag 1 says occluded"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"joints": np.zeros((3, 14, 1999))}, r"\(3, 14, 2000\) in any order, got \(3, 14, 1999\)"),
        ({"joints": np.zeros((14, 3, 10000))}, "extended training set"),
        ({"others": np.zeros(3)}, "got None"),
        ({"joints": np.full((3, 14, 2000), 7.0)}, "flag of 0 or 1"),
        ({"joints": np.full((3, 14, 2000), np.nan)}, "finite x, y"),
    ],
)
def test_wrong_annotation_is_refused(tmp_path: Path, content: dict, message: str) -> None:
    savemat(tmp_path / "j.mat", content)
    with pytest.raises(NoClipsError, match=message):
        read_annotation(tmp_path / "j.mat")


@pytest.mark.parametrize("content", [b"", b"no mat file", b"MATLAB 7.3 MAT-file" + bytes(600)])
def test_what_is_no_mat_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "j.mat").write_bytes(content)
    with pytest.raises(NoClipsError, match=r"j\.mat: not LSP's joints\.mat"):
        read_annotation(tmp_path / "j.mat")


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    """As the original zip: a second folder with the same names, and a README; in a folder."""
    root = write_lsp(tmp_path / "lsp_dataset", poses_2d())
    write_images(root / "visualized", N, 1)
    path = tmp_path / "lsp_dataset.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*.*")):
            name = file.relative_to(tmp_path).as_posix()
            archive.write(file, name)
            if file.parent.name == "images":  # other pictures under the same names, as there
                archive.write(root / "visualized/im0001.jpg", name.replace("images", "visualized"))
        archive.writestr("../escaped.txt", "x")
        archive.writestr("../../images/im2000.jpg", "x")
        archive.writestr("/tmp/joints.mat.exe", "x")
    return path


def test_a_zip_is_unpacked_once(tmp_path: Path, zipped: Path) -> None:
    def source() -> Lsp:
        return Lsp(str(zipped), max_images=N, unpack_to=str(tmp_path / "cache/lsp"))

    from_zip, from_folder = source().clips()[0], Lsp(str(tmp_path / "lsp_dataset"), max_images=N)
    assert [c.key for c in from_zip] == [c.key for c in from_folder.clips()[0]]
    assert from_zip[0].path.is_relative_to(tmp_path / "cache/lsp")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.jpg")}
    from_zip[0].path.write_bytes(b"cut")
    assert [c.key for c in source().clips()[0]] == [c.key for c in from_zip], "made whole again"
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.jpg")}
    assert [path for path in before if before[path] != after[path]] == [from_zip[0].path]


def test_a_zip_writes_nowhere_else(tmp_path: Path, zipped: Path) -> None:
    before = set(tmp_path.rglob("*"))
    Lsp(str(zipped), max_images=N, unpack_to=str(tmp_path / "cache/deep/lsp")).clips()
    new = {path for path in set(tmp_path.rglob("*")) - before if path.is_file()}
    (folder,) = (tmp_path / "cache/deep/lsp").iterdir()
    assert {path.relative_to(folder).as_posix() for path in new} == {
        "joints.mat",
        "images/im2000.jpg",
        *(f"images/im{1001 + i}.jpg" for i in range(N)),
    }
    assert not (tmp_path.parent / "escaped.txt").exists()


def test_what_is_no_zip(tmp_path: Path) -> None:
    (tmp_path / "lsp.zip").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(NoClipsError, match=r"lsp\.zip is not a readable zip"):
        Lsp(str(tmp_path / "lsp.zip"), unpack_to=str(tmp_path / "c")).clips()


def test_genders(tmp_path: Path) -> None:
    path = tmp_path / "lsp_gender.csv"
    path.write_text("0\n" * 1000 + "1\n" + "0\n" * 999)
    genders = read_genders(path)
    assert genders[1000] is Gender.female
    assert (len(genders), genders.count(Gender.male)) == (2000, 1999)
    root = write_lsp(tmp_path / "lsp", poses_2d())
    clips, _ = Lsp(str(root), max_images=2, genders=str(path), fit_scale=2).clips()
    assert [(clip.gender, clip.fit_scale) for clip in clips] == [
        (Gender.female, 2),
        (Gender.male, 2),
    ]
    assert [clip.gender for clip in Lsp(str(root), max_images=2).clips()[0]] == [None, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [("0\n1\n", "got 2 lines"), ("0\n" * 1999 + "2\n", "got the line '2'"), (None, "cannot be")],
)
def test_wrong_genders(tmp_path: Path, text: str | None, message: str) -> None:
    if text:
        (tmp_path / "g.csv").write_text(text)
    with pytest.raises(NoClipsError, match=rf"^data\.genders: .*{message}"):
        read_genders(tmp_path / "g.csv")


def test_files_by_number(tmp_path: Path) -> None:
    for name in ("im0001.png", "0002_mask_7.png", "notes.png", "3.txt"):
        (tmp_path / name).touch()
    found = by_number("data.parts", tmp_path, range(1, 3))
    assert [path.name for path in found.values()] == ["im0001.png", "0002_mask_7.png"]
    with pytest.raises(NoClipsError, match=r"data\.parts: 1 of 3 images .* number 0003"):
        by_number("data.parts", tmp_path, range(1, 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "val"}, "data.split: expected one of train, test, all, got 'val'"),
        ({"max_images": -1}, "data.max_images: expected 1 or more, got -1"),
        ({"fit_scale": 0}, "data.fit_scale: expected more than 0, got 0"),
    ],
)
def test_bad_options_are_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Lsp("x", **options)


def test_yaml_has_exactly_the_options_with_the_same_defaults() -> None:
    yaml = OmegaConf.load(ROOT / "conf/data/lsp.yaml")
    assert yaml.pop("_target_") == "pipeline.datasets.lsp.Lsp"
    del yaml["defaults"]  # the formats it is written in
    yaml.unpack_to = "cache/lsp"  # it is ${runtime.cache_dir}/lsp
    assert OmegaConf.missing_keys(yaml) == {"root"}
    yaml.root = "somewhere"
    typed = OmegaConf.structured(Lsp)
    assert set(yaml) == set(typed)
    assert OmegaConf.to_object(OmegaConf.merge(typed, yaml)) == Lsp("somewhere")


def test_lsp_knows_the_truth() -> None:
    assert isinstance(Lsp("x"), KnowsTruth)


def test_real_lsp(shared: Path) -> None:
    source = Lsp(str(shared / "lsp"), split=Split.all)
    clips, skipped = source.clips()
    assert (len(clips), skipped) == (2000, [])
    assert len({clip.key for clip in clips}) > 1990
    assert next(clips[1000].frames()).ndim == 3
