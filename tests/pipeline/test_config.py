"""Every file under conf/ composes; what is wrong stops before any work and names itself."""

import copy
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from fitting.fit_config import FitConfig, Gender
from pipeline.checks import check_device, project_path
from pipeline.config import Config, ConfigError, to_config
from pipeline.datasets.lsp import Lsp, Split
from pipeline.datasets.synthetic_video import Filming
from pipeline.drawing.rasterizers import Backend
from pipeline.groups import Picture
from pipeline.inputs.clips import PeopleChoice
from pipeline.inputs.sources import Photos, Video
from tests.conftest import ROOT

CONF = ROOT / "conf"
OPTIONS = sorted(
    f"{path.parent.name}={path.stem}" for path in CONF.glob("*/*.yaml")
)  # experiment=demo, fit=smplify, ...
NEEDED = {
    "calibration=none": "fit=smplify_release",  # the others count in sigmas
    "data=lsp": "data.root=x",
    "detector=keypoint_file": "detector.path=x",
    "detector=mmpose": "detector.config=x",
    "detector=synthetic": "data=synthetic",
    "detector=synthetic_video": "data=synthetic_video",
    "experiment=lsp_smplify": "data.root=x",
}
HEAVY = ("torch", "cv2", "mediapipe", "mmpose", "smplx", "pyrender", "trimesh", "scipy")


@cache
def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(overrides))


def config(*overrides: str) -> Config:
    return to_config(composed(*overrides))


def changed(overrides: str) -> DictConfig:
    """What Hydra makes of the overrides, composing (which is slow) once per choice of groups."""
    words = overrides.split()
    choices = [word for word in words if word.split("=")[0] in ("data", "detector", "fit")]
    cfg = copy.deepcopy(composed(*choices))
    OmegaConf.set_struct(cfg, False)
    for word in words:
        key, _, value = word.lstrip("+").partition("=")
        if word.startswith("~"):
            del cfg[word[1:]]
        elif word not in choices:
            OmegaConf.update(cfg, key, yaml.safe_load(value), force_add=True)
    return cfg


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_composes_and_has_the_right_types(option: str) -> None:
    extra = [NEEDED[option]] if option in NEEDED else []
    if not option.startswith(("data=lsp", "experiment=")) and "synthetic" not in option:
        extra.append("data.path=x")
    group, name = option.split("=")
    result = config(option, *extra)
    assert isinstance(result.fit, FitConfig)
    if group not in ("experiment", "data") and not name.startswith("synthetic"):
        assert result == config("data.path=x", *extra, option)
    file = OmegaConf.load(CONF / group / f"{name}.yaml")
    made = result.export[name] if group == "export" else getattr(result, group, None)
    target = (file[name] if group == "export" else file).get("_target_")
    if target:
        assert type(made).__name__ == target.rpartition(".")[2]


def test_all_groups_have_files() -> None:
    assert {option.split("=")[0] for option in OPTIONS} == {
        "calibration",
        "data",
        "detector",
        "fit",
        "sequence",
        "render",
        "export",
        "executor",
        "experiment",
    }


def test_values_arrive_as_their_types() -> None:
    result = config(
        "data=video",
        "data.path=a b.mp4",
        "data.max_frames=5",
        "data.people=largest",
        "fit.gender=male",
        "+fit.joint_weights.neck=0.5",
        "render=side_by_side",
        "render.backend=raycast",
        "runtime.threads=1",
    )
    assert result.data == Video("a b.mp4", max_frames=5, people=PeopleChoice.largest)
    assert result.fit.gender is Gender.male
    assert result.fit.joint_weights == {"neck": 0.5}
    assert result.fit.stages[0].free == ["global_orient", "body_pose", "betas", "transl"]
    assert (result.render.picture, result.render.backend) == (Picture.side_by_side, Backend.raycast)
    assert config("data=lsp", "data.root=r", "data.split=train").data == Lsp("r", Split.train)


@pytest.mark.parametrize(("name", "kind"), [("demo", Photos), ("demo_video", Video)])
def test_the_demo_needs_no_download_and_no_settings(name: str, kind: type) -> None:
    demo = config(f"experiment={name}")
    assert isinstance(demo.data, kind)
    assert demo.data.path.startswith("assets/demo")
    assert type(demo.detector).__name__ == "BlazePose"


def test_the_release_s_protocol_on_lsp() -> None:
    result = config("experiment=lsp_smplify", "data.root=r", "data.genders=g.csv")
    assert result.data == Lsp("r", fit_scale=2, genders="g.csv")
    assert result.detector.path == "r/est_joints.npz"
    assert (result.fit.focal_length, result.fit.reference_torso) == ("5000", 0)
    assert result.remap.min_confidence == 0
    assert list(result.export) == ["npz", "picture", "release"]


@pytest.mark.parametrize(
    ("words", "formats"),
    [
        ((), ["npz", "picture", "page"]),
        (("export=[release,npz]",), ["release", "npz"]),
        (("export=npz",), ["npz"]),
        (("+export=progress",), ["npz", "picture", "page", "progress"]),
        (("export=[]",), []),
    ],
    ids=str,
)
def test_formats_are_a_list(words: tuple[str, ...], formats: list[str]) -> None:
    assert list(config("data.path=x", *words).export) == formats


@pytest.mark.parametrize(("key", "name"), [("show", "progress"), ("release_layout", "release")])
def test_keys_of_before_still_choose_their_format_and_say_so(
    key: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    result = config("data.path=x", f"runtime.{key}=true")
    assert result.export == config("data.path=x", f"+export={name}").export
    (record,) = caplog.records
    assert record.getMessage() == f"runtime.{key}: this key has moved, write +export={name} instead"


def test_synthetic_data_brings_its_detector_and_draws_no_pictures() -> None:
    result = config("data=synthetic", "data.seed=3", "fit.gender=male", "models.bodies=/b")
    assert type(result.detector).__name__ == "SyntheticDetector"
    for name in ("seed", "body", "poses", "errors", "extras"):
        assert getattr(result.detector, name) == getattr(result.data, name), name
    assert (result.data.seed, result.data.body) == (3, "/b/male.npz")
    assert result.render.picture is Picture.none
    other = config("data=synthetic", "detector=blazepose", "render=overlay")
    assert type(other.detector).__name__ == "BlazePose", "what the user says counts more"
    assert other.render.picture is Picture.overlay


def test_synthetic_video_brings_its_detector_and_draws_no_pictures() -> None:
    result = config("data=synthetic_video", "data.seed=3", "data.swaps=0.1", "data.camera=panning")
    assert type(result.detector).__name__ == "SyntheticVideoDetector"
    for name in Filming.__dataclass_fields__:
        assert getattr(result.detector, name) == getattr(result.data, name), name
    assert (result.data.seed, result.data.swaps, result.data.camera) == (3, 0.1, "panning")
    assert result.render.picture is Picture.none


def test_the_pictures_names_of_options_are_what_they_draw() -> None:
    for picture in Picture:
        assert config("data.path=x", f"render={picture.name}").render.picture is picture


# What is wrong -> what the message must say.
WRONG = {
    "data.path=x +render.opasity=0.5": r"^render\.opasity: no such key, did you mean opacity\?",
    "data.path=x +data.pth=x": r"^data\.pth: no such key, did you mean path\?",
    "data.path=x +fit.camera.strat=image": r"^fit\.camera\.strat: no such key, did you mean start",
    "data.path=x +detector.zzz=1": r"^detector\.zzz: no such key, expected one of person_boxes, ",
    "data.path=x +colour=red": r"^colour: no such group, expected one of data, detector",
    "data.path=x +rendr.opacity=1": r"^rendr: no such group, did you mean render\?",
    "": r"^data\.path: missing, give it as data\.path=",
    "data=lsp": r"^data\.root: missing",
    "data.path=x detector=keypoint_file": r"^detector\.path: missing",
    "data.path=x runtime.threads=many": r"^runtime\.threads: .*'many'.*Integer",
    "data.path=x runtime.threads=0": r"^runtime\.threads: expected 1 or more, got 0",
    "data.path=x runtime.batch_size=0": r"^runtime\.batch_size: expected 1 or more, got 0",
    "data.path=x runtime.device=1": r"^runtime\.device: expected e\.g\. cpu",
    "data.path=x fit.camera.weights.depth=deep": r"^fit\.camera\.weights\.depth: .*'deep'.*Float",
    "data.path=x fit.stages.0.weights.shape=x": r"^fit\.stages\[0\]\.weights\.shape: .*'x'.*Float",
    "data.path=x fit.stages.0.weights.shape=-1": r"^fit\.stages\[0\]\.weights\.shape: .* 0 or more",
    "data.path=x +fit.stages.0.weights.bendng=1": r"^fit\.stages\[0\]\.weights\.bendng: no such "
    r"term, did you mean bending\?",
    "data.path=x +fit.choice.weights.colour=1": r"^fit\.choice\.weights\.colour: no such term, "
    r"expected some of data, pose_prior",
    "data.path=x +fit.stages.0.pose_prior=1": r"^fit\.stages\[0\]\.pose_prior: no such key, "
    r"weights of terms have a group of their own now, write weights\.pose_prior",
    "data.path=x +fit.camera.depth=1": r"^fit\.camera\.depth: .* write weights\.depth",
    "data.path=x fit=smplify fit.stages.1.free=[beta]": r"^fit\.stages 2: .*\['beta'\]",
    "data.path=x fit.gender=robot": r"^fit\.gender: .*robot.*neutral",
    "data.path=x fit.camera.start=sideways": r"^fit\.camera\.start: .*sideways.*upright",
    "data.path=x +fit.joint_weights.nose=1": r"^fit\.joint_weights: .*, got \['nose'\]",
    "data.path=x render.picture=painting": r"^render\.picture: .*painting.*side_by_side",
    "data.path=x render.backend=opengl": r"^render\.backend: .*opengl.*pyrender",
    "data.path=x render.opacity=1.5": r"^render\.opacity: expected 0\.\.1, got 1\.5",
    "data.path=x remap.min_confidence=-1": r"^remap\.min_confidence: expected 0\.\.1, got -1",
    "data.path=x data.people=nobody": r"^data\.people: .*nobody.*largest",
    "data=video data.path=x data.stride=0": r"^data\.stride: expected 1 or more, got 0",
    "data.path=x detector=blazepose detector.max_people=0": r"^detector\.max_people: expected 1",
    "data.path=x detector.box_score=7": r"^detector\.box_score: expected 0\.\.1",
    "data.path=x detector._target_=os.system": r"^detector\._target_: expected a dataclass",
    "data.path=x detector._target_=detectors.no.No": r"^detector\._target_: no class 'detectors",
    "data.path=x data._target_=null": r"^data\._target_: missing",
    "data=synthetic data.n=0": r"^data\.n: expected 1 or more, got 0",
    "data=synthetic data.seed=-1": r"^data\.seed: expected 0 or more, got -1",
    "data=synthetic_video data.camera=zoom": r"^data\.camera: expected one of static, panning",
    "data=synthetic_video data.gaps=0.9": r"^data\.gaps: expected 0\.\.0\.5, got 0\.9",
    "data.path=x detector=synthetic": r"^data\.seed: .*not found|^detector\.seed: .*data\.seed",
    "data.path=x ~render": r"^render: this group is missing",
    "data.path=x +export.npz.size=3": r"^export\.npz\.size: no such key",
    "data.path=x export.npz=3": r"^export\.npz: expected a group of keys, got 3",
    "data.path=x export=npz": r"^export: expected a list of formats, got 'npz'",
    "data.path=x +export.npz._target_=os.system": r"^export\.npz\._target_: expected a dataclass",
    "data.path=x +export.obj.a=3": r"^export\.obj\._target_: missing",
    "data.path=x remap=null": r"^remap: expected a group of keys, got None",
    "data.path=${nowhere}": r"^data\.path: .*nowhere",
}


@pytest.mark.parametrize("overrides", WRONG, ids=str)
def test_what_is_wrong_is_named_in_full(overrides: str) -> None:
    with pytest.raises(ConfigError, match=WRONG[overrides]) as caught:
        to_config(changed(overrides))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("data.pth=x", "data.pth"),
        ("runtime.devise=cpu", "runtime.devise"),
        ("fit.camera.strat=image", "fit.camera.strat"),
        ("rendr.opacity=1", "rendr"),
        ("detector=blaze", "detector/blaze"),
        ("fit=quickest", "fit/quickest"),
        ("experiment=nope", "experiment/nope"),
    ],
)
def test_hydra_names_a_misspelt_override(override: str, named: str) -> None:
    with pytest.raises(HydraException) as caught:
        config(override)
    text = str(caught.value) + str(caught.value.__cause__)
    assert named in text


def test_interpolation_may_point_out_of_its_group() -> None:
    result = config("data.path=x", "runtime.output_dir=${runtime.cache_dir}/${data.path}")
    assert result.runtime.output_dir == "cache/x"


def test_models_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert project_path("assets/bodies") == ROOT / "assets/bodies"
    assert project_path("/data/smpl") == Path("/data/smpl")


def test_the_cpu_is_not_checked_and_an_unknown_device_is_named() -> None:
    check_device("cpu")
    with pytest.raises(ConfigError, match=r"^runtime\.device: abacus cannot be used here: "):
        check_device("abacus")


def test_checking_a_configuration_imports_no_heavy_library() -> None:
    code = f"""
import sys
from hydra import compose, initialize_config_dir
from pipeline.config import to_config
from pipeline.pipeline import run, stages_of
with initialize_config_dir({str(CONF)!r}, version_base="1.3"):
    for detector in ("blazepose", "rtmpose_halpe26"):
        stages_of(to_config(compose("config", ["data.path=x", f"detector={{detector}}"])))
sys.exit(" ".join(name for name in {HEAVY!r} if name in sys.modules) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
