"""Calibrations of the formats that are read, and what is said about others."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.calibration import read_calibration

QUALISYS = """<?xml version="1.0"?>
<calibration><cameras><camera serial="front">
  <transform x="1000" y="2000" z="3000" r11="1" r12="0" r13="0" r21="0" r22="0" r23="1"
    r31="0" r32="-1" r33="0"/>
  <intrinsic focalLengthU="64000" focalLengthV="64640" centerPointU="32000" centerPointV="12800"
    radialDistortion1="-0.05" radialDistortion2="0.1" radialDistortion3="0"
    tangentalDistortion1="0.001" tangentalDistortion2="0.002"/>
</camera></cameras></calibration>
"""
PLAIN = {
    "K": [[1000, 0, 500], [0, 1010, 200], [0, 0, 1]],
    "R": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
    "t": [-1, 3, -2],
}


def test_qualisys_axes_and_units_become_opencvs(tmp_path: Path) -> None:
    """A camera at (1, 2, 3) m with the world's z up, looking along +y: what is before it and above
    lies at positive depth and negative y."""
    (tmp_path / "c.qca.txt").write_text(QUALISYS)
    camera = read_calibration(tmp_path / "c.qca.txt")["front"]
    np.testing.assert_allclose(camera.matrix, PLAIN["K"])
    np.testing.assert_allclose(camera.distortion, (-0.05, 0.1, 0.001, 0.002, 0))
    np.testing.assert_allclose(camera.in_camera(np.array([1.0, 2, 3])), 0, atol=1e-12)
    np.testing.assert_allclose(camera.in_camera(np.array([1.5, 6.0, 4])), (0.5, -1, 4), atol=1e-12)


def test_json_and_toml_with_either_names(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps({"front": PLAIN}))
    (tmp_path / "c.toml").write_text(
        '[cam_0]\nname = "front"\nmatrix = [[1000, 0, 500], [0, 1010, 200], [0, 0, 1]]\n'
        f"rotation = [{np.pi / 2}, 0, 0]\ntranslation = [-1, 3, -2]\n"
        "distortions = [-0.05, 0.1, 0, 0]\n[metadata]\nerror = 0.1\n"
    )
    plain, named = (read_calibration(tmp_path / f"c.{kind}")["front"] for kind in ("json", "toml"))
    np.testing.assert_allclose(named.projection, plain.projection, atol=1e-12)
    np.testing.assert_allclose(named.distortion, (-0.05, 0.1, 0, 0, 0))
    np.testing.assert_allclose(plain.distortion, 0)


def test_pixels_become_rays_without_the_lenss_distortion(tmp_path: Path) -> None:
    import cv2

    camera = {**PLAIN, "distortion": [-0.2, 0.05, 0.001, 0.002, 0]}
    (tmp_path / "c.json").write_text(json.dumps({"a": camera}))
    found = read_calibration(tmp_path / "c.json")["a"]
    points = np.random.default_rng(0).uniform((-1, -1, 3), (1, 1, 5), (2, 7, 3))
    zero = np.zeros(3)
    pixels, _ = cv2.projectPoints(points.reshape(-1, 3), zero, zero, found.matrix, found.distortion)
    rays = found.normalised(pixels.reshape(2, 7, 2))
    np.testing.assert_allclose(rays, points[..., :2] / points[..., 2:], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.json", "{}", "expected a table for each camera"),
        ("c.json", '{"a": {"K": 1}}', "a camera lacks R or rotation"),
        ("c.json", "nonsense", "not a calibration"),
        ("c.toml", "a = [", "not a calibration"),
        ("c.qca.txt", "<calibration/>", "expected <camera> elements"),
        ("c.qca.txt", '<c><camera serial="a"/></c>', "a camera lacks <transform>"),
        ("c.qca.txt", "plain text", "not a calibration"),
        (
            "c.json",
            json.dumps({"a": {**PLAIN, "R": [[2, 0, 0], [0, 1, 0], [0, 0, 1]]}}),
            "rotation",
        ),
        ("c.json", json.dumps({"a": {**PLAIN, "t": [1, 2]}}), "translation: expected finite"),
    ],
)
def test_other_files_are_refused(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_calibration(tmp_path / name)
