"""The signs of a wrong fit and the error they tell, by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting.fit_config import SIGNS
from fitting.joints import HIPS, LSP_14, TORSO, part_of
from fitting.objective.residuals import Observations
from fitting.reliability import expected_error, expected_joint_error, signs

FOCAL, DEPTH, TALL = 800.0, 4.0, 0.5  # px, m, m from hip to shoulder


def standing(n: int = 2) -> tuple[torch.Tensor, torch.Tensor, Observations]:
    """Joints 4 m away with a trunk of 0.5 m, their pixels, and what is seen: the same."""
    joints = torch.as_tensor(np.random.default_rng(0).normal(0, 0.3, (n, 14, 3)))
    joints[..., 2] = DEPTH
    for shoulder, hip, side in ((TORSO[0], TORSO[2], 0.2), (TORSO[1], TORSO[3], -0.2)):
        joints[:, shoulder] = torch.tensor([side, -TALL, DEPTH], dtype=torch.float64)
        joints[:, hip] = torch.tensor([side, 0.0, DEPTH], dtype=torch.float64)
    one = torch.ones(n, dtype=torch.float64)
    pixels = FOCAL * joints[..., :2] / DEPTH
    target = joints - joints[:, HIPS].mean(1, keepdim=True)
    seen = Observations(
        xy=pixels.clone(),
        seen=torch.ones(n, 14, dtype=torch.bool),
        weight=torch.ones(n, 14, dtype=torch.float64),
        focal_length=FOCAL * one,
        center=torch.zeros(n, 2, dtype=torch.float64),
        scale=one,
        depth=DEPTH * one,
        depth_unit=one,
        target=torch.cat([target, torch.full((n, 14, 1), 20.0, dtype=torch.float64)], -1),
    )
    return joints, pixels, seen


def told(joints, pixels, seen, spread=0.0) -> dict[str, np.ndarray]:
    """The signs themselves, not their logarithms."""
    values = signs(joints, pixels, seen, torch.full((len(joints),), spread).double())
    assert tuple(values) == SIGNS
    return {name: value.exp().numpy() - 1e-3 for name, value in values.items()}


def test_a_fit_that_agrees_with_all_leaves_no_signs():
    found = told(*standing())
    assert found["lifted_sigma"] == pytest.approx(0.05), "each target is sure to 1 / 20 m"
    for name in ("lifted_distance", "reprojection", "spread"):
        assert found[name] == pytest.approx(0, abs=1e-12)


def test_the_signs_are_distances_to_what_was_lifted_and_seen():
    joints, pixels, seen = standing()
    pixels = pixels + torch.tensor([3.0, 4.0], dtype=torch.float64)
    target = seen.target.clone()
    target[:, 6, :3] += torch.tensor([0.0, 0.0, 0.28], dtype=torch.float64)  # one wrist
    found = told(joints, pixels, replace(seen, target=target), spread=0.07)
    trunk = TALL * FOCAL / DEPTH
    assert found["reprojection"] == pytest.approx(5 / trunk)
    assert found["lifted_distance"] == pytest.approx(0.28 / 14)
    assert found["spread"] == pytest.approx(0.07)


def test_joints_that_are_not_seen_do_not_count():
    joints, pixels, seen = standing()
    off, known = pixels.clone(), seen.seen.clone()
    off[:, 0] += 1000
    known[:, 0] = False
    assert told(joints, off, replace(seen, seen=known))["reprojection"] == pytest.approx(0)
    nothing = replace(seen, seen=torch.zeros_like(known))
    assert told(joints, off, nothing)["reprojection"] == pytest.approx(0)


def test_a_row_tells_the_same_alone_and_no_rows_tell_nothing():
    joints, pixels, seen = standing(3)
    joints = joints + 0.1 * torch.arange(3).double()[:, None, None]
    together = told(joints, pixels, seen)
    alone = told(joints[1:2], pixels[1:2], seen[1:2])
    none = told(joints[:0], pixels[:0], seen[:0])
    for name in SIGNS:
        assert alone[name][0] == pytest.approx(together[name][1], rel=1e-12)
        assert none[name].shape == (0,)


def test_the_error_is_linear_in_its_logarithm_and_ends_at_a_metre():
    logs = {name: torch.tensor([-2.0, -1.0, 40.0]) for name in SIGNS}
    found = expected_error({"constant": -1.0, "spread": 0.5, "reprojection": 0.25}, logs)
    assert found.tolist() == pytest.approx([np.exp(-2.5), np.exp(-1.75), 1.0])
    assert expected_error({"constant": -3.0}, logs).tolist() == pytest.approx([np.exp(-3)] * 3)
    assert expected_error({}, logs).tolist() == [0, 0, 0]


def test_a_joint_is_as_far_off_as_its_kind_and_its_sigma_say():
    _, _, seen = standing()
    target = seen.target.clone()
    target[1, 6, 3] = 5.0  # a wrist, sure to 0.2 m
    target[1, 0, 3] = 0.0  # an ankle about which nothing is known
    seen = replace(seen, target=target)
    constants = {part_of(joint): -float(k) / 10 for k, joint in enumerate(LSP_14)}
    found = expected_joint_error({"lifted_sigma": 0.5, **constants}, seen).numpy()
    by_kind = np.array([np.exp(constants[part_of(joint)]) for joint in LSP_14])
    assert found[0] == pytest.approx(by_kind * 0.05**0.5)
    assert found[1, 6] == pytest.approx(2 * found[0, 6]), "a fourfold sigma, exponent one half"
    assert found[1, 0] == 1.0, "the largest that is told, m"
    assert not expected_joint_error({}, seen).any()
