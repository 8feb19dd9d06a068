"""The addresses of published weights, against the indices in the wheels of mmpose and mmdet."""

from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from detectors.checkpoints import published_url
from tests.conftest import ROOT
from tools.checks.finding import settings

PRESETS = {
    path.stem: options
    for path in sorted((ROOT / "conf/detector").glob("*.yaml"))
    for options in [settings(f"detector/{path.name}")]
    if "mmpose_topdown" in options["_target_"] and path.stem != "mmpose"
}
PERSON = {options["person_config"] for options in PRESETS.values()}
ONNX = {
    path.stem: settings(f"detector/{path.name}")
    for path in sorted((ROOT / "conf/detector").glob("rtmlib_*.yaml"))
}


@cache
def index(package: str) -> dict[str, str | list[str]]:
    """Every model that a wheel's model-index.yml leads to: config below `configs` -> address."""
    folder = Path(str(files(package))) / ".mim"
    found = {}
    for name in yaml.safe_load((folder / "model-index.yml").read_text())["Import"]:
        content = yaml.safe_load((folder / name).read_text())
        models = content if isinstance(content, list) else content.get("Models", [])
        for model in models:
            if "Weights" in model:
                found[model["Config"].removeprefix("configs/")] = model["Weights"]
    return found


def test_the_indices_are_read_whole():
    assert len(index("mmpose")) > 200
    assert len(index("mmdet")) > 200


@pytest.mark.parametrize("preset", PRESETS)
def test_the_weights_of_a_preset_are_those_of_the_index(preset):
    """`published_url` reads one file beside the config; the index is the way of OpenMMLab's mim."""
    config = PRESETS[preset]["config"]
    assert PRESETS[preset]["checkpoint"] is None
    assert published_url(config) == index("mmpose")[config]


def test_no_index_has_the_person_finder():
    """Its address comes from projects/rtmpose/README.md, and wheels have no `projects`. If this
    fails, a new wheel has it: take the address from there."""
    assert list(PERSON) == ["rtmdet_nano_320-8xb32_coco-person.py"]
    name = published_url(*PERSON).rsplit("/", 1)[1]
    for package in ("mmpose", "mmdet"):
        known = index(package)
        assert not [config for config in known if Path(config).name in PERSON]
        assert not [address for address in known.values() if str(address).endswith(f"/{name}")]
        assert not [config for config in known if "person" in config and "rtmdet" in config]


def test_the_person_finder_is_named_like_its_siblings_in_the_wheel():
    """mmpose's inferencer has the address of RTMDet-m in its code: same training, same pattern."""
    code = files("mmpose") / "apis/inferencers/utils/default_det_models.py"
    assert "rtmdet_m_8xb32-100e_coco-obj365-person-235e8209.pth" in code.read_text()
    assert "rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth" in published_url(*PERSON)


@pytest.mark.parametrize("preset", ONNX)
def test_an_onnx_preset_is_the_model_of_the_mmpose_preset(preset):
    """OpenMMLab's onnx_sdk keeps the names of the checkpoints; only RTMW's date has another mark
    before it. The files cannot be downloaded where this was written."""
    _, _, model = preset.partition("_")
    size, _, joints = model.rpartition("_")
    family = "rtmw" if joints == "wholebody133" else "rtmpose"
    config = PRESETS["_".join(part for part in (family, size, joints) if part)]["config"]
    weights = index("mmpose")[config]
    folder, _, name = weights.rpartition("/")
    stem = name.removesuffix(".pth").replace("-20231122", "_20231122")
    assert ONNX[preset]["checkpoint"] == f"{folder}/onnx_sdk/{stem}.zip"


def test_the_onnx_person_finder_is_the_one_of_mmpose():
    finders = {options["person_checkpoint"] for options in ONNX.values()}
    (finder,) = finders
    assert Path(finder).stem == Path(published_url(*PERSON)).stem
    assert settings("detector/rtmlib.yaml")["person_checkpoint"] == finder
    assert settings("detector/rtmlib.yaml")["checkpoint"] == ONNX["rtmlib_halpe26"]["checkpoint"]
