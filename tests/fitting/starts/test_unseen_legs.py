"""Legs that nobody sees stand; whoever's legs are seen is left alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting import fit
from fitting.joints import LSP_14
from fitting.starts.starts import observe
from fitting.starts.unseen_legs import legs_unseen, with_hanging_legs
from pipeline.evaluation.metrics import knee_flexion
from tests.fitting.test_smplify import people, seen

LEGS = [LSP_14.index(f"{s}_{j}") for s in ("left", "right") for j in ("knee", "ankle")]
HIP, KNEE, ANKLE = (LSP_14.index(f"left_{name}") for name in ("hip", "knee", "ankle"))
SIGMA = 0.2


@pytest.fixture
def cut(body, prior):
    """People without legs in the picture, and the same people whole."""
    keypoints, camera, _ = seen(body, people(prior, n=12))
    sure = keypoints.confidence.copy()
    sure[:, LEGS] = 0
    return replace(keypoints, confidence=sure), keypoints, camera


def target(turn: np.ndarray, given, camera, assets, config):
    """Observations of the first person whose lifted joints are turned."""
    found = observe(given[:1], camera[:1], assets.lifter, None, config, "cpu")
    joints = found.target[..., :3] @ torch.as_tensor(turn).T
    return replace(found, target=torch.cat([joints, found.target[..., 3:]], -1))


def test_a_knee_or_an_ankle_that_is_more_than_a_guess_is_seen():
    sure = torch.zeros(4, 14)
    sure[1, KNEE], sure[2, HIP], sure[3, ANKLE] = 0.7, 0.7, 0.6
    assert legs_unseen(sure, 0.65).tolist() == [True, False, True, True]
    assert legs_unseen(sure, 0.0).tolist() == [True, False, True, False]


def test_legs_hang_straight_down_under_upright_people(cut, assets, preset):
    config = preset("lifted", hanging_legs=0.0)
    plain = target(np.eye(3), cut[0], cut[2], assets, config)
    found = with_hanging_legs(plain, torch.tensor([True]), SIGMA).target[0]
    down = torch.tensor([0, 0.4, 0], dtype=torch.float64)
    torch.testing.assert_close(found[KNEE, :3] - found[HIP, :3], down)
    torch.testing.assert_close(found[ANKLE, :3] - found[KNEE, :3], down)
    assert found[LEGS, 3].tolist() == pytest.approx([1 / SIGMA] * 4)
    others = [joint for joint in range(14) if joint not in LEGS]
    torch.testing.assert_close(found[others], plain.target[0, others])


def test_who_lies_has_legs_in_line_with_the_trunk(cut, assets, preset):
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # in the picture
    config = preset("lifted", hanging_legs=0.0)
    plain = target(quarter, cut[0], cut[2], assets, config)
    found = with_hanging_legs(plain, torch.tensor([True]), SIGMA).target[0, :, :3]
    leg, trunk = found[ANKLE] - found[HIP], -found[LSP_14.index("neck")]
    assert torch.nn.functional.cosine_similarity(leg, trunk, dim=0) > 0.99


def test_legs_that_are_seen_are_left_alone(cut, assets, preset):
    config, whole = preset("lifted"), cut[1]
    off = replace(config, hanging_legs=0.0)
    targets = [observe(whole, cut[2], assets.lifter, None, c, "cpu").target for c in (config, off)]
    torch.testing.assert_close(*targets, rtol=0, atol=0)


def test_people_who_are_cut_off_stand_and_do_not_squat(cut, assets, preset):
    config = preset("lifted")
    bent = [
        knee_flexion(fit(cut[0], cut[2], assets, one).joints).mean()
        for one in (config, replace(config, hanging_legs=0.0))
    ]
    assert bent[0] < 25
    assert bent[0] < bent[1] - 15, "degrees"
