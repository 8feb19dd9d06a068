"""Hydra composes the settings once for a single run, and still sweeps where it is asked to."""

from pathlib import Path

import pytest
from hydra._internal.hydra import Hydra
from hydra.types import RunMode

from pipeline.run_mode import composed_once, may_sweep


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["detector=blazepose", "data.path='-m hydra=1.jpg'"], False),
        (["fit=lifted,smplify"], False),  # an error, unless there is -m
        (["-m", "fit=lifted,smplify"], True),
        (["--multirun", "fit=lifted,smplify"], True),
        (["hydra.mode=MULTIRUN"], True),
        (["+hydra/launcher=joblib"], True),
        (["--config-dir", "mine"], True),
    ],
)
def test_which_command_lines_may_sweep(words: list[str], expected: bool) -> None:
    assert may_sweep(words) is expected


def test_a_file_of_settings_may_ask_for_a_sweep(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    experiment = tmp_path / "experiment/mine.yaml"
    experiment.write_text("hydra: {mode: MULTIRUN}\n")
    assert may_sweep(["experiment=mine"], tmp_path)
    experiment.write_text("fit: {gender: male}\n")
    assert not may_sweep(["experiment=mine"], tmp_path)


@pytest.mark.parametrize(("words", "mode"), [([], RunMode.RUN), (["-m"], "asked")])
def test_hydra_is_asked_for_the_mode_only_where_it_may_be_another(
    words: list[str], mode: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(self: Hydra, config_name: str, overrides: list[str]) -> str:
        return "asked"

    monkeypatch.setattr(Hydra, "get_mode", asked)
    hydra = object.__new__(Hydra)
    with composed_once(words):
        assert hydra.get_mode("config", []) == mode
    assert hydra.get_mode("config", []) == "asked"
