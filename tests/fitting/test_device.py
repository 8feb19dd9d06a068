"""A device that is not the CPU: everything is made on it, and Python rarely waits for it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting import FitResult, fit
from fitting.assets import Assets, load_assets
from fitting.fit_config import FitConfig
from tests.conftest import ROOT
from tests.fake_device import NAME, fake_device
from tests.fitting.test_smplify import people, seen

WAITS = 3  # of an iteration: for who is done, who was rejected, and who left the batch


def fitted(assets: Assets, config: FitConfig, device: str) -> tuple[FitResult, Counter[str]]:
    """Four people, of whom two are not seen in full."""
    keypoints, camera, _ = seen(assets.body, people(assets.prior, 4), noise=2.0)
    confidence = keypoints.confidence.copy()
    confidence[1, :2] = confidence[2, 6:8] = 0
    keypoints = replace(keypoints, confidence=confidence)
    if device == "cpu":
        return fit(keypoints, camera, assets, config), Counter()
    with fake_device() as counts:
        there = load_assets(ROOT / "assets", device=device)
        counts.clear()
        return fit(keypoints, camera, there, config, device), counts


def test_the_fake_device_refuses_what_cuda_refuses() -> None:
    with fake_device() as counts:
        there = torch.ones(3, device=NAME)
        with pytest.raises(AssertionError, match="on the CPU"):
            there + torch.ones(3)
        with pytest.raises(AssertionError, match="into the CPU"):
            torch.ones(3)[there > 0]
        assert counts == {}
        assert float((there + 1).sum()) == 6
        assert counts["waits"] == 1
        assert there.cpu().tolist() == [1, 1, 1]
        assert there[[0, 2]].device.type == NAME
    assert counts == {"waits": 1, "to the CPU": 1, "to the device": 1}


@pytest.mark.parametrize("name", ["lifted", pytest.param("smplify", marks=pytest.mark.slow)])
def test_a_fit_on_a_device_is_that_on_the_cpu(
    name: str, assets: Assets, preset: Callable[..., FitConfig]
) -> None:
    """A tensor that was made on the CPU would be refused by the first one of the device."""
    config = preset(name)
    expected, _ = fitted(assets, config, "cpu")
    result, counts = fitted(assets, config, NAME)
    np.testing.assert_array_equal(result.joints, expected.joints)
    np.testing.assert_array_equal(result.status, expected.status)
    assert counts["to the CPU"] <= 60  # the result's fields, and E_sp


def test_an_iteration_sends_nothing_to_the_device(
    assets: Assets, preset: Callable[..., FitConfig]
) -> None:
    """Ten more iterations cost no upload, no download, and few waits."""
    config = preset("lifted", interpenetration=False)
    counts = []
    for more in (5, 15):
        stages = [replace(stage, max_iterations=more, tolerance=1e-300) for stage in config.stages]
        counts.append(fitted(assets, replace(config, stages=stages), NAME)[1])
    few, many = counts
    assert many["to the device"] == few["to the device"]
    assert many["to the CPU"] == few["to the CPU"]
    assert 10 <= many["waits"] - few["waits"] <= 10 * WAITS * len(config.stages)
