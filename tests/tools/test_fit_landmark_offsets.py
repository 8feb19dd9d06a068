"""Offsets that people are drawn with are found again from their keypoints."""

import numpy as np

from fitting import Camera, Keypoints
from fitting.joints import EXTRA, LSP_14, PARTS
from fitting.starts.landmarks import landmarks
from pipeline.datasets.synthetic import draw_cases
from tests.conftest import ROOT
from tools.calibrate_reliability import settings
from tools.fit_landmark_offsets import lacking, learn, report
from tools.rendered_people import Seen

DRAWN = {"hip": [-0.02, 0.04, 0.02], "shoulder": [-0.03, 0.04, 0.0], "ankle": [0.0, 0.04, 0.01]}


def drawn(body, n: int = 150) -> Seen:
    """People from every side, whose landmarks lie off their joints; one in ten is found wrongly."""
    import torch

    from fitting.starts.retrieval import load_pose_library

    poses = load_pose_library(ROOT / "assets/test_poses.npz")
    cases = draw_cases(n, body, poses, None)
    camera, params = cases.camera, cases.params
    points = np.concatenate([cases.joints, np.ones((n, len(EXTRA), 3))], 1)
    extra = cases.keypoints.extra_xy
    off = landmarks(torch.as_tensor(cases.joints), DRAWN).numpy()

    def flat(joints: np.ndarray) -> np.ndarray:
        focal, center = camera.focal_length[:, None, None], camera.center[:, None]
        return focal * joints[..., :2] / joints[..., 2:] + center

    xy = flat(off).astype(np.float32)
    xy[::10] += np.random.default_rng(0).normal(0, 40, xy[::10].shape)
    number = np.arange(n, dtype=np.int32)
    sure = np.ones((n, len(LSP_14)), np.float32)
    keypoints = Keypoints(number, number, xy, sure, extra, np.ones(extra.shape[:2], np.float32))
    known = Camera(camera.focal_length, camera.center)
    pixels = np.concatenate([flat(cases.joints), extra], 1)
    return Seen(number, keypoints, known, points, pixels, params)


def test_drawn_offsets_are_found_again(body, assets, capsys):
    measured = lacking(drawn(body), assets, settings("lifted", "blazepose33")[0])
    found = learn(*measured)
    assert set(found) == set(PARTS)
    for part, offset in found.items():
        expected = DRAWN.get(part, [0.0, 0.0, 0.0])
        np.testing.assert_allclose(offset, expected, atol=0.012, err_msg=part)
    report(found, measured)
    lines = capsys.readouterr().out.splitlines()
    hip = next(line.split() for line in lines if line.startswith("hip"))
    assert float(hip[1]) > 35
    assert float(hip[2]) < 15, "mm, median, with the limbs as the lifter sees them"
