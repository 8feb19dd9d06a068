"""Camera numbers from the files of calibration tools, and what is refused."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from pipeline.inputs.intrinsics import CameraOptions, Intrinsics

K = [[1000.0, 0, 640.5], [0, 1004, 360.25], [0, 0, 1]]
ROWS = "\n".join(" ".join(map(str, row)) for row in K)
OPENCV = """%YAML:1.0
---
image_width: 1280
image_height: 720
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 1000., 0., 640.5, 0., 1004., 360.25, 0., 0., 1. ]
"""
TEXTS = {
    "matrix.txt": ROWS,
    "matrix.csv": ROWS.replace(" ", ","),
    "rows.json": json.dumps(K),
    "matrix.json": json.dumps({"K": K}),
    "opencv.json": json.dumps(
        {"camera_matrix": {"rows": 3, "cols": 3, "data": [n for row in K for n in row]}}
    ),
    "open3d.json": json.dumps({"intrinsic_matrix": np.transpose(K).flatten().tolist()}),
    "names.json": json.dumps({"fx": 1000, "fy": 1004, "cx": 640.5, "cy": 360.25}),
    "nested.json": json.dumps({"cam": {"FX": 1000, "FY": 1004, "ppx": 640.5, "ppy": 360.25}}),
    "names.yaml": "fx: 1000\nfy: 1004\ncx: 640.5\ncy: 360.25\n",
    "opencv.yml": OPENCV,
    "names.toml": "fx = 1000\nfy = 1004\ncx = 640.5\ncy = 360.25\n",
}


def read(path: Path) -> Intrinsics:
    known = CameraOptions(path=str(path)).of(Path("photo.jpg"))
    assert known is not None
    return known


@pytest.mark.parametrize("name", TEXTS)
def test_the_same_camera_in_many_spellings(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(TEXTS[name])
    known = read(tmp_path / name)
    assert (known.focal_length, known.center) == ("1002.0", (640.5, 360.25))
    assert known.size == ((1280, 720) if name == "opencv.yml" else None)


@pytest.mark.parametrize("name", ["k.npy", "k.npz", "projection.npy"])
def test_arrays(name: str, tmp_path: Path) -> None:
    k = np.array(K)
    if name == "projection.npy":  # 3 x 4
        k = np.column_stack([k, [0, 0, 0]])
    (np.savez if name.endswith("npz") else np.save)(tmp_path / name, k)
    assert read(tmp_path / name).center == (640.5, 360.25)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be read"),
        ("[]", "it has 0 numbers"),
        ("{", "cannot be read"),
        ("[1, 2]", "it has 2 numbers"),
        ('{"fx": 1000, "cx": 3}', "it has no matrix"),
        ('{"fx": -1, "fy": -1, "cx": 3, "cy": 3}', "fx and fy above 0"),
        ('{"fx": NaN, "fy": 1, "cx": 3, "cy": 3}', "expected finite px"),
        ('{"fx": 1000, "fy": 1200, "cx": 3, "cy": 3}', "differ by more than 1 %.*1.2000 times"),
        ("[[1000, 50, 3], [0, 1000, 3], [0, 0, 1]]", "not at right angles"),
        ("[[1000, 0, 3], [7, 1000, 3], [0, 0, 1]]", r"expected \[fx 0 cx; 0 fy cy; 0 0 1\]"),
    ],
)
def test_what_is_no_camera_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "k.json").write_text(text)
    with pytest.raises(ValueError, match=rf"^data\.intrinsics: .*k\.json.*{reason}"):
        read(tmp_path / "k.json")


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "k.npy", np.array([{"fx": 1}]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"k\.npy cannot be read"):
        read(tmp_path / "k.npy")


def test_distortion_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "k.json").write_text(json.dumps({"K": K, "dist": [-0.2, 0.05, 0, 0, 0]}))
    with caplog.at_level(logging.WARNING):
        read(tmp_path / "k.json")
    assert "has lens distortion, which is not modelled" in caplog.text


def test_a_folder_has_a_file_for_each_input(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(TEXTS["names.json"])
    (tmp_path / "b.jpg.txt").write_text("900 0 5\n0 900 6\n0 0 1\n")
    camera = CameraOptions(path=str(tmp_path))
    found = {name: camera.of(Path(name)) for name in ("a.jpg", "b.jpg", "c.jpg")}
    assert [k and k.center for k in found.values()] == [(640.5, 360.25), (5, 6), None]


def test_what_is_typed_counts_more_than_the_file(tmp_path: Path) -> None:
    (tmp_path / "k.json").write_text(TEXTS["names.json"])
    camera = CameraOptions(focal_length="28mm", path=str(tmp_path / "k.json"))
    known = camera.of(Path("a.jpg"))
    assert known == Intrinsics("28mm", (640.5, 360.25), None, center_key="data.intrinsics")


def test_a_smaller_copy_of_a_picture_has_smaller_numbers() -> None:
    known = Intrinsics("1000.0", (639.5, 359.5), (1280, 720))
    small = known.of_size((640, 360))
    assert (small.focal_length, small.center) == ("500.0", (319.5, 179.5))
    assert Intrinsics("28mm", None, (1280, 720)).of_size((640, 360)).focal_length == "28mm"
    with pytest.raises(ValueError, match="about pictures of 1280 x 720 px, and this one has 720"):
        known.of_size((720, 720))
