"""The settings of a sequence: what cannot be is refused by its key."""

from dataclasses import replace

import pytest
from omegaconf import OmegaConf

from fitting.sequence.settings import CameraKind, Method, SequenceConfig
from tests.conftest import ROOT

ABOVE_0 = (
    "acceleration",
    "kernel",
    "rotation",
    "standing",
    "errors_last",
    "max_iterations",
    "tolerance",
)


@pytest.fixture(scope="module")
def settings() -> SequenceConfig:
    """Those of conf/sequence/track.yaml."""
    values = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/sequence/track.yaml"))
    return SequenceConfig(**{**values, "method": Method.track, "camera": CameraKind.static})


@pytest.mark.parametrize("value", [0, -1.0, float("inf"), float("nan")])
@pytest.mark.parametrize(
    "name",
    [
        "acceleration",
        "kernel",
        "rotation",
        "standing",
        "errors_last",
        "max_iterations",
        "tolerance",
    ],
)
def test_numbers_are_above_0(settings, name, value):
    with pytest.raises(ValueError, match=rf"^sequence\.{name}: expected a number above 0, got"):
        replace(settings, **{name: value})


@pytest.mark.parametrize("value", [-0.1, 60.1, float("nan")])
def test_gaps_of_more_than_a_minute_are_not_filled(settings, value):
    with pytest.raises(ValueError, match=r"^sequence\.max_fill: expected 0\.\.60, got"):
        replace(settings, max_fill=value)
    assert replace(settings, max_fill=0).max_fill == 0, "no gap at all may be filled"


@pytest.mark.parametrize(
    ("window", "overlap", "sound"),
    [(10, 1, False), (10, 2, True), (10, 7, True), (10, 8, False), (4, 2, False), (5, 2, True)],
)
def test_a_piece_is_longer_than_what_it_shares_with_others(settings, window, overlap, sound):
    if sound:
        assert replace(settings, window=window, overlap=overlap).window == window
        return
    expected = rf"^sequence\.overlap: expected 2 or more and less than window - 2 = {window - 2}, "
    with pytest.raises(ValueError, match=expected):
        replace(settings, window=window, overlap=overlap)
