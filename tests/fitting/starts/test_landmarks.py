"""Landmarks of a detector and points of the body: by hand, and on drawn people."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting import Camera, FitConfig, Keypoints, fit, load_preset
from fitting.joints import LSP_14, PARTS, POINTS
from fitting.presets import load_landmark_offsets
from fitting.starts.landmarks import landmarks, limb_frames, table_of
from fitting.starts.starts import observe
from pipeline.evaluation.metrics import mpjpe
from tests.conftest import ROOT
from tests.fitting.test_smplify import people, seen

CALIBRATION = ROOT / "conf/calibration/blazepose33.yaml"
OFFSETS = load_landmark_offsets(CALIBRATION)


@pytest.fixture
def config() -> FitConfig:
    table = [[0.1, 0.3], [0.9, 0.05]]
    return load_preset(ROOT / "conf/fit/lifted.yaml", table, landmark_offsets=OFFSETS)


def standing() -> torch.Tensor:
    """Somebody who faces the camera (y down, z forward): their left is right in the picture."""
    at = dict.fromkeys(LSP_14, (0.0, 0.0, 0.0))
    for side, sign in (("left", 1), ("right", -1)):
        for name, y in (("shoulder", -0.5), ("elbow", -0.2), ("wrist", 0.0)):
            at[f"{side}_{name}"] = (0.2 * sign, y, 0.0)
        for name, y in (("hip", 0.0), ("knee", 0.4), ("ankle", 0.8)):
            at[f"{side}_{name}"] = (0.1 * sign, y, 0.0)
    at |= {"neck": (0, -0.6, 0), "head_top": (0, -0.85, 0)}
    return torch.tensor([list(at[name]) for name in LSP_14], dtype=torch.float64)[None]


def test_out_up_and_front_of_somebody_who_faces_the_camera():
    frames = limb_frames(standing())[0]
    for point, frame in zip(POINTS, frames, strict=True):
        out = -1.0 if point.startswith("right") else 1.0
        axes = torch.tensor([[out, 0, 0], [0, -1, 0], [0, 0, -1]], dtype=torch.float64)
        torch.testing.assert_close(frame.T, axes, msg=point)


def test_landmarks_turn_with_their_limb():
    """A shin that points back and up, as of somebody who kneels on a chair."""
    joints = standing()
    joints[0, LSP_14.index("left_ankle")] = torch.tensor([0.1, 0.4, 0.4], dtype=torch.float64)
    moved = landmarks(joints, {"ankle": [0.01, 0.04, 0.02]})[0] - joints[0]
    expected = torch.zeros(14, 3, dtype=torch.float64)
    expected[LSP_14.index("left_ankle")] = torch.tensor([0.01, 0.02, -0.04])
    expected[LSP_14.index("right_ankle")] = torch.tensor([-0.01, -0.04, -0.02])
    torch.testing.assert_close(moved, expected)


def test_an_offset_counts_for_both_sides_and_no_other_point():
    rows = table_of({"hip": [0.1, 0.2, 0.3]})
    named = [point for point, row in zip(POINTS, rows, strict=True) if row.any()]
    assert named == ["right_hip", "left_hip"]
    assert rows[LSP_14.index("left_hip")].tolist() == [0.1, 0.2, 0.3]


def test_keypoints_of_a_person_who_is_drawn_come_back_to_the_joints(body, prior, assets, config):
    """The landmarks are 4 cm off; half of it or more is made good where the lifter sees a limb."""
    who = people(prior, n=24)
    keypoints, camera, truth = seen(body, who)[:3]
    drawn = landmarks(torch.as_tensor(truth), OFFSETS).numpy()
    xy = camera.focal_length[:, None, None] * drawn[..., :2] / drawn[..., 2:]
    xy = (xy + camera.center[:, None]).astype(np.float32)
    given = replace(keypoints, xy=xy)
    found = observe(given, camera, assets.lifter, None, config, "cpu").xy.numpy()
    before, after = (np.linalg.norm(a - keypoints.xy, axis=-1).mean() for a in (xy, found))
    assert after < 0.4 * before
    errors = [
        mpjpe(fit(given, camera, assets, one).joints, truth).mean()
        for one in (config, replace(config, landmark_offsets={}))
    ]
    assert errors[0] < errors[1] - 5, "mm"


def test_without_offsets_and_where_a_point_is_missing_nothing_moves(body, prior, assets, config):
    keypoints, camera = seen(body, people(prior, n=3))[:2]
    none = replace(config, landmark_offsets={})
    plain = observe(keypoints, camera, assets.lifter, None, none, "cpu").xy
    np.testing.assert_array_equal(plain.numpy().astype(np.float32), keypoints.xy)
    sure = keypoints.confidence.copy()
    sure[:, 3] = 0
    moved = observe(
        replace(keypoints, confidence=sure), camera, assets.lifter, None, config, "cpu"
    ).xy
    assert not moved[:, 3].any()
    assert (moved[:, 2] != plain[:, 2]).all()


def test_the_same_from_every_distance(assets, config):
    """A picture of twice the size has offsets of twice the pixels."""
    rng = np.random.default_rng(0)
    xy = (rng.normal(0, 60, (2, 14, 2)) + 200).astype(np.float32)
    number, sure = np.zeros(2, np.int32), np.ones((2, 14), np.float32)
    moves = []
    for scale in (1, 2):
        keypoints = Keypoints(number, number, scale * xy, sure)
        camera = Camera(np.full(2, 500.0 * scale), np.full((2, 2), 200.0 * scale))
        found = observe(keypoints, camera, assets.lifter, None, config, "cpu").xy.numpy()
        moves.append(found - scale * xy)
    np.testing.assert_allclose(moves[1], 2 * moves[0], rtol=1e-3, atol=1e-3)


def test_blazeposes_offsets_are_those_that_were_measured():
    """Hips and shoulders are inside and above the joints, the neck in front of it."""
    assert set(OFFSETS) == set(PARTS) - {"small_toe"}, "BlazePose has no small toes"
    sizes = {part: np.linalg.norm(offset) for part, offset in OFFSETS.items()}
    assert max(sizes.values()) < 0.08, "m: landmarks are on the body"
    for part in ("hip", "shoulder"):
        out, up, _ = OFFSETS[part]
        assert -0.05 < out < -0.01
        assert 0.03 < up < 0.06
    assert OFFSETS["neck"][2] > 0.03
    assert sizes["wrist"] < 0.01
