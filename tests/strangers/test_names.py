"""Whatever a shell can type reaches the program: file names, and what is none."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from PIL import Image as Pillow

from pipeline.command_line import OPTIONS, PATHS, overrides_of, without_inputs
from pipeline.config import to_config
from pipeline.groups import ModelsConfig, RuntimeConfig
from tests.conftest import ROOT
from tests.pipeline.test_config import CONF, composed
from tests.strangers.names import ORDINARY

PARSER = OverridesParser.create()


def value_of(word: str) -> Any:
    """What the program gets for an override, interpolations resolved."""
    (override,) = PARSER.parse_overrides([word])
    cfg = OmegaConf.create({"fit": {"gender": "wrong"}, "value": None})
    OmegaConf.update(cfg, "value", override.value())
    return OmegaConf.to_container(cfg, resolve=True)["value"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ORDINARY, ids=ascii)
def test_a_name_is_an_input(name: str, here: Path) -> None:
    (here / name).touch()
    words = ["--", name] if name.startswith("--") else [name]
    (word,) = overrides_of(words)
    assert value_of(word) == name


@pytest.mark.parametrize("name", ORDINARY, ids=ascii)
@pytest.mark.parametrize("key", ["data.path", "+detector.checkpoint", "runtime.output_dir"])
def test_a_name_is_the_value_of_a_path_option(name: str, key: str, here: Path) -> None:
    (
        here / name
    ).touch()  # `null` and what Hydra would interpolate mean the file where there is one
    (word,) = overrides_of([f"{key}={name}"])
    assert value_of(word) == name
    assert word.startswith(f"{key}=")


@given(st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=12))
def test_any_text_after_two_dashes_arrives(name: str) -> None:
    (word,) = overrides_of(["--", name])
    assert value_of(word) == name


def test_several_inputs_are_a_list_in_their_order(here: Path) -> None:
    words = ["fit=smplify", "photo (1).jpg", "clip.mp4", "render=none", "holiday/"]
    *settings, inputs = overrides_of(words)
    assert settings == ["fit=smplify", "render=none"]
    assert value_of(inputs) == ["photo (1).jpg", "clip.mp4", "holiday/"]


def test_data_path_and_inputs_add_up(here: Path) -> None:
    (word,) = overrides_of(["data.path=a b.jpg", "c.jpg"])
    assert value_of(word) == ["a b.jpg", "c.jpg"]
    (word,) = overrides_of(["data.path=[a b.jpg,'c,d.jpg']", "e.jpg"])
    assert value_of(word) == ["a b.jpg", "c,d.jpg", "e.jpg"]


@pytest.mark.parametrize(
    "word",
    [
        "data=video",
        "fit.gender=male",
        "+new=1",
        "++fit.x=[1,2]",
        "~render",
        "~fit.choice=null",
        "fit=smplify,lifted",
        "hydra.mode=MULTIRUN",
        "fit@x=lifted",
        "fit.stages.0.shape=2",
        "runtime.output_dir=${runtime.cache_dir}/x",
        "data.path='quoted, as Hydra wants it'",
        "detector.checkpoint=null",
        "dta.path=x",
        "data.path=",
        "data.people=choice(all,largest)",
    ],
)
def test_what_is_hydras_stays_as_it_is(word: str, here: Path) -> None:
    assert overrides_of([word]) == [word]


def test_a_file_in_the_way_of_a_setting_is_no_input(here: Path) -> None:
    for name in ("data=video", "fit.gender=male", "-m", "~render"):
        (here / name).touch()
    words = ["-m", "data=video", "fit.gender=male"]
    assert overrides_of(words) == words
    (word,) = overrides_of(["./-m", "./data=video", "~render"])
    assert value_of(word) == ["./-m", "./data=video", "~render"]


def test_a_list_is_a_list_unless_a_file_is_called_so(here: Path) -> None:
    (word,) = overrides_of(["data.path=[photo (1).jpg, b.jpg]"])
    assert value_of(word) == ["photo (1).jpg", "b.jpg"]
    (here / "[x]").mkdir()
    (word,) = overrides_of(["data.path=[x]"])
    assert value_of(word) == "[x]"


def test_a_pattern_with_an_equals_sign(here: Path) -> None:
    (here / "a=1.jpg").touch()
    (word,) = overrides_of(["a=*.jpg"])
    assert value_of(word) == "a=*.jpg"


def test_sweeps_over_paths(here: Path) -> None:
    for name in ("a (1).npz", "b.npz"):
        (here / name).touch()
    flag, word = overrides_of(["-m", "models.pose_prior=a (1).npz,b.npz"])
    (override,) = PARSER.parse_overrides([word])
    assert flag == "-m"
    assert override.is_sweep_override()
    assert list(override.sweep_string_iterator()) == ["'a (1).npz'", "'b.npz'"]
    assert overrides_of(["data.path=choice(a,b)", "--multirun"])[1] == "data.path=choice(a,b)"
    assert value_of(overrides_of(["models.bodies=a (1).npz,b.npz"])[0]) == "a (1).npz,b.npz"


def test_options_may_stand_anywhere(here: Path) -> None:
    (here / "-photo.jpg").touch()
    words = ["a.jpg", "-c", "job", "fit=smplify", "-photo.jpg", "--info", "--resolve", "-cn", "x=y"]
    *options, setting, inputs = overrides_of(words)
    assert options == ["-c", "job", "--info", "--resolve", "-cn", "x=y"]
    assert setting == "fit=smplify"
    assert value_of(inputs) == ["a.jpg", "-photo.jpg"]


def test_hydras_options_are_known() -> None:
    known = {
        flag: action.nargs if action.choices or action.nargs != 0 else 0
        for action in get_args_parser()._actions
        for flag in action.option_strings
    }
    assert {flag: takes != 0 for flag, takes in known.items()} == {
        flag: bool(takes) for flag, takes in OPTIONS.items()
    }


# Options of text that are no path.
OTHER = {
    "data": {"camera", "center", "focal_length", "people", "split"},
    "detector": {"camera", "format", "person_model", "person_signs", "scale", "skeleton", "units"},
    "runtime": {"device", "shard"},
    "models": set(),
}


def test_every_option_that_may_name_a_file_is_taken_literally() -> None:
    """A new option of text has to be put among the paths or the others."""
    kinds = {("runtime", RuntimeConfig), ("models", ModelsConfig)}
    for group in ("data", "detector"):
        for file in (CONF / group).glob("*.yaml"):
            module, _, name = OmegaConf.load(file).get("_target_", "").rpartition(".")
            if module:
                kinds.add((group, getattr(import_module(module), name)))
    for group, kind in kinds:
        for name, hint in get_type_hints(kind).items():
            if {str, Any} & {hint, *get_args(hint)} and name not in OTHER[group]:
                key = f"{group}.{name}"
                assert PATHS.fullmatch(key), f"{key}: put it into PATHS (pipeline) or OTHER (here)"


def test_names_pass_through_the_typed_configuration(here: Path) -> None:
    names = [name for name in ORDINARY if not name.startswith("--")]
    for name in names:
        (here / name).touch()
    words = overrides_of([*names, "models.bodies=${HOME}/b (1)", "runtime.output_dir=a\\${x}"])
    config = to_config(composed(*words))
    assert config.data.path == names
    assert config.models.bodies == "${HOME}/b (1)"
    assert config.runtime.output_dir == "a\\${x}"


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("python run.py 'photo (1).jpg' a=b.jpg data.path=x\\ y.jpg -m fit=", {"fit=lifted"}),
        ("python run.py photo\\ \\(1\\).jpg render.op", {"render.opacity="}),
    ],
)
def test_completion_is_hydras(line: str, offered: set[str], here: Path) -> None:
    (here / "a=b.jpg").touch()
    command = [sys.executable, str(ROOT / "run.py"), "-sc", "query=bash"]
    environment = {**os.environ, "COMP_LINE": line}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.stderr == ""
    assert offered <= set(done.stdout.split())


def test_completion_within_quotes_does_no_harm() -> None:
    assert without_inputs("python run.py 'photo (").split() == ["python"]


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new("RGB", (32, 24)).save(path, format="PNG")


def test_the_command_takes_them_all(tmp_path: Path) -> None:
    """`run.py *` in a folder of strange names: each is read, none is a setting."""
    for name in ORDINARY:
        picture(tmp_path / "in" / name)
    places = [f"runtime.{n}_dir={tmp_path / f'{n} (1)'}" for n in ("cache", "output", "weights")]
    command = [
        sys.executable,
        str(ROOT / "run.py"),
        "detector=keypoint_file",
        *places,
        "detector.path=x",
        "detector._target_=tests.pipeline.fake_detector.FakeDetector",
        "executor=here",
        "--",
        *sorted(ORDINARY),
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path / "in",
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2, done.stderr  # nobody is in them
    assert f"0 fitted, {len(ORDINARY)} skipped" in done.stderr
    assert str(tmp_path / "output (1)") in done.stderr
    called = (tmp_path / "weights (1)/calls.txt").read_text(errors="surrogateescape")
    assert set(called.split("\n")) == set("\n".join([*ORDINARY, ""]).split("\n"))
