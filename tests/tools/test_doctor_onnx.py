"""What `make doctor` says about detector=rtmlib."""

from pathlib import Path

import pytest

from tests.tools.test_doctor import named, without
from tools.checks import detection
from tools.checks.finding import NOTE, OK


@pytest.fixture
def weights_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(detection, "_weights_dir", lambda: tmp_path)
    return tmp_path


def test_onnx_models_and_what_they_need(weights_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "attempt", without())
    rtmlib = named(detection.detectors(), "rtmlib")
    assert (rtmlib.state, rtmlib.detail) == (
        NOTE,
        "onnxruntime is here; weights are not here yet",
    )
    options = detection.settings("detector/rtmlib.yaml")
    for option in ("checkpoint", "person_checkpoint"):
        (weights_dir / options[option].rsplit("/", 1)[1]).touch()
    findings = detection.detectors()
    assert named(findings, "rtmlib").state == named(findings, "rtmlib_halpe26").state == OK
    assert named(findings, "rtmlib_t_halpe26").state == NOTE
    monkeypatch.setattr(detection, "find_spec", lambda name: None)
    rtmlib = named(detection.detectors(), "rtmlib")
    assert (rtmlib.state, rtmlib.needed) == (NOTE, False)
    assert rtmlib.detail == "needs the package onnxruntime"
    assert rtmlib.advice.endswith("-c constraints.txt onnxruntime")
