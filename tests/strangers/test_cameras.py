"""Cameras as strangers have them: cropped photos, millimetres, EXIF that makes no sense."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.spatial.transform import Rotation

from detectors.keypoint_file import KeypointFile
from pipeline import pipeline
from pipeline.config import ConfigError
from pipeline.inputs.sources import Files
from tests.faults.inputs import cheap
from tests.pipeline.fake_detector import HEIGHT, JOINTS, WIDTH, FakeDetector, photo
from tests.pipeline.inputs.test_images import exif
from tests.pipeline.runs import calls

FOCAL, CENTER = 160.0, ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)
CUT = 28  # px that the crop lacks at its left


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """The same person in a whole photo and in a piece of it, their keypoints, their cameras."""
    for folder in ("in", "keypoints", "cameras"):
        (tmp_path / folder).mkdir()
    for name, cut in (("whole", 0), ("piece", CUT)):
        Pillow.fromarray(photo(90)[:, cut:]).save(tmp_path / f"in/{name}.png")
        person = {
            "keypoints": (np.array(JOINTS) - (cut, 0)).tolist(),
            "keypoint_scores": [0.9] * 14,
        }
        (tmp_path / f"keypoints/{name}.json").write_text(json.dumps([person]))
        camera = {"fx": FOCAL, "fy": FOCAL, "cx": CENTER[0] - cut, "cy": CENTER[1]}
        (tmp_path / f"cameras/{name}.json").write_text(json.dumps(camera))
    return tmp_path


def fitted(inputs: Path, **camera: Any) -> dict[str, dict[str, np.ndarray]]:
    data = Files(str(inputs / "in"), **camera)
    detector = KeypointFile(str(inputs / "keypoints"), skeleton="lsp14")
    pipeline.run(cheap(inputs / "in", inputs, data=data, detector=detector))
    return {path.stem: dict(np.load(path)) for path in (inputs / "output").glob("*.npz")}


def test_a_piece_of_a_photo_gives_the_same_body_with_its_principal_point(inputs: Path) -> None:
    people = fitted(inputs, intrinsics=str(inputs / "cameras"))
    np.testing.assert_allclose(people["piece"]["joints"], people["whole"]["joints"], atol=1e-3)
    np.testing.assert_allclose(people["piece"]["center"], [[CENTER[0] - CUT, CENTER[1]]])
    np.testing.assert_allclose(people["piece"]["focal_length"], [FOCAL])


def test_without_it_the_body_is_turned_and_beside_its_place(inputs: Path) -> None:
    people = fitted(inputs, focal_length=FOCAL)
    apart = people["piece"]["joints"] - people["whole"]["joints"]
    assert np.linalg.norm(apart.mean(axis=1)) > 0.2, "m"
    turned = [Rotation.from_rotvec(people[name]["global_orient"]) for name in ("piece", "whole")]
    assert 2 < np.rad2deg((turned[0] * turned[1].inv()).magnitude())[0] < 10
    np.testing.assert_allclose(people["piece"]["center"], [[(WIDTH - CUT - 1) / 2, CENTER[1]]])


def test_another_camera_is_no_reason_to_detect_again(inputs: Path) -> None:
    (inputs / "in/piece.png").unlink()
    summaries = []
    for center in ([47.5, 63.5], [50.0, 63.5]):
        data = Files(str(inputs / "in"), center=center, focal_length="160")
        config = cheap(inputs / "in", inputs, data=data, detector=FakeDetector())
        summaries.append(pipeline.run(config))
    assert calls(inputs) == ["whole.png"]
    first, second = (s["inputs"][0]["people"][0]["reprojection_error_px"] for s in summaries)
    assert first != second


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        ({"focal_length": 9}, r"^data\.focal_length: 9 px is not possible for .* say 9mm"),
        ({"focal_length": "wide"}, r"^data\.focal_length: expected 'auto', a number of px"),
        ({"center": [1, 2, 3]}, r"^data\.center: expected x and y in px"),
        ({"center": [0.5, 0.5]}, r"^data\.center: .* looks like parts of the width"),
        ({"center": [9e9, 0]}, r"^data\.center: the principal point .* too far from a picture"),
        ({"intrinsics": "nowhere.json"}, r"^data\.intrinsics: no such file"),
    ],
)
def test_cameras_that_cannot_be_are_refused_before_any_work(
    camera: dict[str, Any], message: str, inputs: Path
) -> None:
    with pytest.raises((ConfigError, ValueError), match=message):
        pipeline.run(
            cheap(inputs, inputs, data=Files(str(inputs / "in"), **camera), detector=FakeDetector())
        )
    assert not (inputs / "weights").exists()


def test_a_lens_typed_as_pixels_is_refused_with_what_it_would_be(inputs: Path) -> None:
    (inputs / "in/piece.png").unlink()
    config = cheap(inputs / "in", inputs, "fit.focal_length=12", detector=FakeDetector())
    line = r"fit\.focal_length: 12 px is not possible for 96 x 128 px, expected 18\.\.73960 px; .* "
    with pytest.raises(ConfigError, match=f"^{line}say 12mm, which is 44 px$"):
        pipeline.run(config)
    assert not (inputs / "weights").exists()


@pytest.mark.parametrize("focal", [1, 4, 2001, 60_000])
def test_exif_that_no_lens_has_is_not_believed_and_that_is_said(
    focal: int, inputs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = inputs / "in/phone.jpg"
    Pillow.fromarray(photo(90)).save(path, exif=exif(focal=focal))
    with caplog.at_level(logging.WARNING):
        summary = pipeline.run(cheap(path, inputs, detector=FakeDetector()))
    assert summary["inputs"][0]["people"][0]["focal_length_px"] == 160
    assert f"{path}: EXIF gives {focal} mm as the focal length on 35-mm film, expected 5..2000" in (
        caplog.text
    )


@pytest.mark.parametrize("focal", [5, 28, 2000])
def test_exif_of_a_lens_is_believed(focal: int, inputs: Path) -> None:
    path = inputs / "in/phone.jpg"
    Pillow.fromarray(photo(90)).save(path, exif=exif(focal=focal))
    summary = pipeline.run(cheap(path, inputs, detector=FakeDetector()))
    px = summary["inputs"][0]["people"][0]["focal_length_px"]
    assert px == pytest.approx(160 * focal / np.hypot(36, 24), abs=0.01)


def test_a_setting_wins_over_exif_and_that_is_said(
    inputs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = inputs / "in/phone.jpg"
    Pillow.fromarray(photo(90)).save(path, exif=exif(focal=28))
    with caplog.at_level(logging.WARNING):
        summary = pipeline.run(
            cheap(path, inputs, "fit.focal_length=50mm", detector=FakeDetector())
        )
    assert summary["inputs"][0]["people"][0]["focal_length_px"] == pytest.approx(184.9, abs=0.1)
    assert f"{path}: fit.focal_length counts, 185 px, not EXIF's 28 mm, 104 px" in caplog.text
