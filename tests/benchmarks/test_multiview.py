"""A scene filmed by three cameras, from videos and keypoints to the measures."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.multiview import Views, calibration_in, errors_in, filmed, measured
from fitting.joints import LSP_14
from pipeline.inputs.videos import write_video
from tests.pipeline.datasets.drawn_clips import CLEAN, SHORT, source

FRAMES, SIDE, FOCAL = 12, 320, 300.0


def cameras() -> dict[str, dict[str, list]]:
    """Three about the origin at the height of a hip, 4 m away; the world's y is up."""
    from scipy.spatial.transform import Rotation

    matrix = [[FOCAL, 0, (SIDE - 1) / 2], [0, FOCAL, (SIDE - 1) / 2], [0, 0, 1]]
    turns = Rotation.from_euler("x", np.pi) * Rotation.from_euler("y", [0.2, 1.6, 3.5])
    return {
        name: {"K": matrix, "R": turn.as_matrix().tolist(), "t": [0, 0.9, 4.0]}
        for name, turn in zip(("front", "left", "back"), turns, strict=True)
    }


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Views]:
    """Somebody who walks, seen exactly by all cameras."""
    folder = tmp_path_factory.mktemp("scene")
    true = source(**CLEAN).true(SHORT)[:FRAMES]
    world = np.einsum("tab,tnb->tna", true.world_from_camera, true.joints)
    world = world + true.camera_place[:, None]
    world = world - world.mean((0, 1)) * (1, 0, 1)
    (folder / "calibration.json").write_text(json.dumps(cameras()))
    names, pixels = [], []
    for name, camera in cameras().items():
        seen = world @ np.array(camera["R"]).T + np.array(camera["t"])
        pixels.append(FOCAL * seen[..., :2] / seen[..., 2:] + (SIDE - 1) / 2)
        names += [f"{name}.mp4"] * FRAMES
        frame = np.full((SIDE, SIDE, 3), 128, np.uint8)
        write_video(folder / f"{name}.mp4", [frame] * FRAMES, 24)
    np.savez(
        folder / "keypoints.npz",
        image=np.array(names),
        keypoints=np.concatenate(pixels),
        scores=np.ones((3 * FRAMES, 14)),
        joint_names=np.array(LSP_14),
        frame=np.tile(np.arange(FRAMES), 3),
    )
    places = [f"runtime.{n}_dir={folder / n}" for n in ("cache", "output", "weights")]
    settings = ["detector=keypoint_file", f"detector.path={folder / 'keypoints.npz'}", *places]
    views = filmed(folder, calibration_in(folder), [*settings, "fit.focal_length='300'"])
    return folder, views


def test_every_view_is_measured_against_all_of_them(scene: tuple[Path, Views]) -> None:
    _, views = scene
    (person,) = views.people(agree=3)
    rows = dict(measured(views, [person]))
    assert set(rows) == {"front, person 0", "left, person 0", "back, person 0"}
    for errors in rows.values():
        assert errors["frames"] == FRAMES
        assert 3 < errors["pa_mpjpe_mm"] < 90
        assert errors["pa_mpjpe_mm"] <= errors["mpjpe_mm"] < 200
        assert errors["exchanged_keypoints_percent"] == 0
        assert errors["true_camera_accel_mm_per_frame2"] < 20


def test_a_fit_as_good_as_the_truth_has_no_errors(scene: tuple[Path, Views]) -> None:
    _, views = scene
    (person,) = views.people(agree=3)
    truth = views.cameras[0].in_camera(person.joints)
    views.fits[0].joints[:] = truth
    errors = errors_in(views, 0, person)
    assert errors is not None
    assert errors["wa_mpjpe_mm"] == pytest.approx(0, abs=1e-6)
    assert errors["camera_accel_error_mm_per_frame2"] == pytest.approx(0, abs=1e-6)
    assert errors["turned_percent"] == 0


def test_what_is_missing_is_named(scene: tuple[Path, Views], tmp_path: Path) -> None:
    folder, _ = scene
    with pytest.raises(SystemExit, match=r"expected one \.qca\.txt, \.toml or \.json, found 0"):
        calibration_in(tmp_path)
    cameras_ = json.loads((folder / "calibration.json").read_text())
    del cameras_["back"]
    (tmp_path / "two.json").write_text(json.dumps(cameras_))
    with pytest.raises(SystemExit, match="no camera is named back"):
        filmed(folder, tmp_path / "two.json", [])
