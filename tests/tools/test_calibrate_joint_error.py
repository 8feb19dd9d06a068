"""The regression of joints' distances on sigmas, on numbers that follow its law."""

import numpy as np
import pytest

from fitting.joints import LSP_14, part_of
from tools.calibrate_joint_error import KINDS, coefficients, told, told_line


def test_what_made_the_distances_is_found_again() -> None:
    rng = np.random.default_rng(0)
    factors = {"lifted_sigma": 0.8, **{kind: 0.1 * k - 0.5 for k, kind in enumerate(KINDS)}}
    sigma = rng.uniform(0.02, 0.3, (500, 14))
    distance = told(factors, sigma)
    assert distance[3, 6] == pytest.approx(np.exp(factors["wrist"]) * sigma[3, 6] ** 0.8)
    found = coefficients(sigma, distance - 1e-3)
    assert list(found) == ["lifted_sigma", *dict.fromkeys(map(part_of, LSP_14))]
    assert found == pytest.approx(factors)
    noisy = distance * rng.lognormal(0, 0.5, distance.shape)
    assert coefficients(sigma, noisy - 1e-3) == pytest.approx(factors, abs=0.12)


def test_the_worst_joints_have_the_largest_expected_distances() -> None:
    distance = np.linspace(0.01, 0.2, 140).reshape(10, 14)
    assert told_line("whole", distance + 1e-3, distance) == "whole    told / true 1.00, area 1.000"
    assert told_line("whole", 0.21 - distance, distance).endswith("area 0.000")
