"""Settings of a fit that cannot be are refused by the key that the user wrote."""

import pytest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_betas": 11}, r"fit\.n_betas: expected 1\.\.10, got 11"),
        ({"robust_sigma": 0}, r"fit\.robust_sigma: expected a number above 0, got 0"),
        ({"camera": {"tolerance": -1}}, r"fit\.camera\.tolerance: expected a number above 0"),
        ({"joint_weights": {"left_hop": 1}}, r"fit\.joint_weights: .*, got \['left_hop'\]"),
        ({"camera": {"weights": {"depth": -3}}}, r"fit\.camera\.weights\.depth: .* 0 or more"),
        ({"stages": []}, r"fit\.stages: expected at least one stage"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(preset, changes, message):
    with pytest.raises(ValueError, match=message):
        preset("smplify", **changes)
