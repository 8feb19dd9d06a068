"""Presets read without Hydra are those that a run composes; and the fit alone, as documented."""

import re

import numpy as np
import pytest

from fitting import load_calibration, load_landmark_offsets, load_preset
from tests.conftest import ROOT

TABLE = [[0.1, 0.3], [0.9, 0.05]]


@pytest.mark.parametrize("path", sorted((ROOT / "conf/fit").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_preset_is_what_a_run_composes(path, preset):
    composed = preset(path.stem)
    assert load_preset(path, composed.confidence_sigma) == composed


def test_offsets_of_a_detector_are_given_as_in_a_run(preset):
    path = ROOT / "conf/calibration/blazepose33.yaml"
    offsets = load_landmark_offsets(path)
    whole = load_preset(
        ROOT / "conf/fit/lifted.yaml", load_calibration(path), landmark_offsets=offsets
    )
    assert whole.landmark_offsets == offsets != {}
    assert load_preset(ROOT / "conf/fit/lifted.yaml", TABLE).landmark_offsets == {}


def test_values_can_be_changed_and_are_checked():
    path = ROOT / "conf/fit/lifted.yaml"
    assert load_preset(path, TABLE, n_betas=5).n_betas == 5
    assert load_preset(path, TABLE).confidence_sigma == TABLE
    with pytest.raises(ValueError, match=r"fit\.n_betas: expected 1\.\.10, got 11"):
        load_preset(path, TABLE, n_betas=11)
    with pytest.raises(TypeError, match="n_bettas"):
        load_preset(path, TABLE, n_bettas=5)


def test_a_weight_where_it_once_was_is_told_its_new_place(tmp_path):
    path = tmp_path / "old.yaml"
    whole = (ROOT / "conf/fit/smplify_release.yaml").read_text()
    path.write_text(whole.replace("weights: {depth: 100}", "depth: 100"))
    with pytest.raises(TypeError, match=r"CameraStage\.depth: .* write weights\.depth"):
        load_preset(path, TABLE)


def test_the_example_of_the_docs_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs/fitting_alone.md").read_text()
    code = re.findall(r"```python\n(.*?)```", page, flags=re.S)[0]
    names: dict = {}
    exec(code, names)
    result = names["result"]
    assert result.fitted.all()
    assert result.reprojection_error.max() < 10
    assert np.isfinite(result.joints).all()
