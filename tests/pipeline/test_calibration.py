"""What a detector's scores mean to the fit: data of its own, which the detector's file chooses."""

from pathlib import Path

import pytest

from fitting import load_calibration, load_landmark_offsets
from pipeline.config import ConfigError
from tests.conftest import ROOT
from tests.pipeline.test_config import config

TABLES = sorted((ROOT / "conf/calibration").glob("*.yaml"))


@pytest.mark.parametrize(
    ("detector", "calibration"),
    [
        ("blazepose", "blazepose33"),
        ("rtmpose_halpe26", "mmpose"),
        ("vitpose_s_coco17", "mmpose"),
        ("keypoint_file", "movenet17"),
    ],
)
def test_a_detector_brings_its_own(detector: str, calibration: str) -> None:
    path = ["detector.path=x"] if detector == "keypoint_file" else []
    found = config("data.path=x", f"detector={detector}", *path).fit.confidence_sigma
    assert found == load_calibration(ROOT / f"conf/calibration/{calibration}.yaml")


def test_the_command_line_chooses_another_and_the_detector_stays_the_same() -> None:
    own = config("data.path=x", "detector=blazepose")
    other = config("data.path=x", "detector=blazepose", "calibration=movenet17")
    assert own.fit.confidence_sigma != other.fit.confidence_sigma
    assert own.detector == other.detector  # so its cached detections are


@pytest.mark.parametrize("preset", ["lifted", "multistart", "smplify", "smplify_release"])
def test_landmarks_of_blazepose_are_moved_where_a_lifter_tells_how(preset: str) -> None:
    found = config("data.path=x", "detector=blazepose", f"fit={preset}").fit.landmark_offsets
    own = load_landmark_offsets(ROOT / "conf/calibration/blazepose33.yaml")
    assert found == (own if preset == "lifted" else {})


def test_nothing_is_said_of_landmarks_that_nobody_has_measured() -> None:
    for name in ("mmpose", "movenet17", "none"):
        assert load_landmark_offsets(ROOT / f"conf/calibration/{name}.yaml") == {}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_less_sure_is_further_off(path: Path) -> None:
    table = load_calibration(path)
    assert table == sorted(table)
    errors = [error for _, error in table]
    assert errors == sorted(errors, reverse=True)
    assert all(0 <= score <= 1 and 0 < error < 1 for score, error in table)


def test_a_fit_that_counts_in_sigmas_says_what_to_give() -> None:
    with pytest.raises(ConfigError, match=r"fit\.confidence_sigma: .*give calibration=NAME"):
        config("data.path=x", "calibration=none")
