"""What is missing is named with the command that mends it, and nothing stops the report."""

import json
import os
import re
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import ROOT
from tools import doctor
from tools.checks import detection, machine, models, packages
from tools.checks.finding import MISSING, NOTE, OK, Finding, attempt, isolated


def named(findings: list[Finding], name: str) -> Finding:
    (found,) = (f for f in findings if f.name == name)
    return found


def broken() -> list[Finding]:
    raise RuntimeError("no such thing")


def fine() -> list[Finding]:
    return [Finding("machine", "cores", OK, "2 cores")]


def test_a_check_that_fails_stops_no_other() -> None:
    first, second, third = doctor.examine([fine, broken, fine])
    assert first == third == fine()[0]
    assert (second.topic, second.state) == ("broken", MISSING)
    assert second.detail == "failed with RuntimeError: no such thing"
    assert second.advice.startswith("make setup")


def test_code_that_takes_its_process_down_is_reported() -> None:
    assert attempt("import os; os.abort()") == (False, "crashed by signal 6")
    assert attempt("raise ValueError('no GL')") == (False, "ValueError: no GL")
    assert attempt("print('a'); print('b')") == (True, "b")


def test_only_what_the_demo_needs_decides(capsys: pytest.CaptureFixture[str]) -> None:
    optional = Finding("detectors", "rtmpose", MISSING, "no mmpose", "make setup")
    needed = Finding("bodies", "neutral", MISSING, "no file", "git checkout", needed=True)
    assert doctor.demo_runs([*fine(), optional])
    assert not doctor.demo_runs([*fine(), optional, needed])
    assert doctor.verdict([optional]) == "The demo can run: make demo"
    assert doctor.verdict([optional, needed]).endswith("it lacks bodies (neutral)")
    long = Finding("detectors", "rtmpose", NOTE, "", command=f"curl {'x' * 300}")
    doctor.print_report([*fine(), needed, long])
    printed = capsys.readouterr().out
    assert "-> git checkout" in printed
    assert f"detectors: rtmpose: {long.command}" in printed.splitlines(), "one line to copy"
    assert printed.splitlines()[-1].strip().endswith("it lacks bodies (neutral)")


@pytest.mark.parametrize(("state", "code"), [(OK, 0), (NOTE, 0), (MISSING, 1)])
def test_the_exit_code_and_the_json(
    state: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finding = Finding("bodies", "neutral", state, "neutral.npz", needed=True, sha256="ab")
    monkeypatch.setattr(doctor, "CHECKS", (lambda: [finding], fine))
    assert doctor.main(["--json"]) == code
    report = json.loads(capsys.readouterr().out)
    assert report["demo_runs"] is (code == 0)
    assert [f["name"] for f in report["findings"]] == ["neutral", "cores"]
    assert report["findings"][0]["sha256"] == "ab"


def test_packages_missing_or_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = metadata.version

    def version(name: str) -> str:
        if name in ("mediapipe", "mmpose", "pre-commit"):
            raise metadata.PackageNotFoundError(name)
        return {"scipy": "9.9", "torch": "2.13.0+cpu"}.get(name) or installed(name)

    monkeypatch.setattr(packages.metadata, "version", version)
    findings = packages.packages()
    missing = named(findings, "mediapipe")
    assert (missing.state, missing.advice, missing.needed) == (MISSING, "make setup", True)
    assert not named(findings, "mmpose").needed, "the demo runs without"
    for_developers = named(findings, "pre-commit")
    assert (for_developers.state, for_developers.advice) == (NOTE, "make lint")
    other = named(findings, "scipy")
    assert other.state == NOTE
    assert other.detail.startswith("9.9, tested with 1.")
    assert "make setup" in other.advice
    good = findings[0]
    assert good.name.endswith("as pinned")
    assert "numpy 1." in good.detail
    assert "torch 2.13.0+cpu" in good.detail, "the CPU build is the same version"
    assert "scipy" not in good.detail


def test_another_python_says_how_to_start_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert packages.python()[0].state == OK
    monkeypatch.setattr(packages.sys, "version_info", (3, 12, 1))
    (found,) = packages.python()
    assert (found.state, found.needed) == (MISSING, True)
    assert "Python 3.11" in found.advice
    assert "make setup" in found.advice


def without(*words: str):
    """`attempt` on a machine where code with one of these words fails."""

    def tried(code: str, **environment: str) -> tuple[bool, str]:
        text = code + str(environment)
        lacking = next((word for word in words if word in text), None)
        return lacking is None, f"ImportError: {lacking}" if lacking else "fine"

    return tried


@pytest.fixture
def weights_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(detection, "_weights_dir", lambda: tmp_path)
    return tmp_path


def test_detectors_and_what_each_needs(weights_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "attempt", without())
    findings = detection.detectors()
    assert [f.name for f in findings] == [
        path.stem for path in sorted((ROOT / "conf/detector").glob("*.yaml"))
    ], "one line each"
    assert named(findings, "blazepose").state == OK
    assert "detector.path=" in named(findings, "keypoint_file").detail
    assert "detector.config=" in named(findings, "mmpose").detail
    assert "mmpretrain" in named(findings, "vitpose_s_coco17").detail
    rtmpose = named(findings, "rtmpose_halpe26")
    assert rtmpose.state == NOTE
    command, *urls = re.findall(r"^curl -fL --remote-name-all|https://\S+", rtmpose.command)
    assert command.startswith("curl")
    person, pose = (url.rsplit("/", 1)[1] for url in urls)
    assert f"{person} (person boxes) and {pose} (pose)" in rtmpose.detail
    assert str(weights_dir) in rtmpose.advice
    assert "detector=blazepose" in rtmpose.advice
    assert not named(findings, "rtmpose_l_halpe26").command, "one command, of the default"
    for url in urls:
        (weights_dir / url.rsplit("/", 1)[1]).touch()
    assert named(detection.detectors(), "rtmpose_halpe26").state == OK


def test_detectors_that_cannot_run(weights_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "attempt", without("mmpose", "blazepose"))
    findings = detection.detectors()
    blazepose, rtmpose = (named(findings, name) for name in ("blazepose", "rtmpose_coco17"))
    assert (blazepose.state, blazepose.needed) == (MISSING, True)
    assert blazepose.detail == "ImportError: blazepose"
    assert "make setup" in blazepose.advice
    assert (rtmpose.state, rtmpose.needed) == (MISSING, False)
    assert "detector=blazepose" in rtmpose.advice


def test_weights_are_held_to_the_digest_in_their_name(weights_dir: Path) -> None:
    (none,) = detection.weights()
    assert none.state == NOTE
    # sha256 of "abc" starts with ba7816bf
    (weights_dir / "good-ba7816bf_20230101.pth").write_text("abc")
    (weights_dir / "wrong-05d8511e.pth").write_text("abc")
    (weights_dir / "mine.pth").write_text("abc")
    findings = detection.weights()
    good, wrong = (
        named(findings, name) for name in ("good-ba7816bf_20230101.pth", "wrong-05d8511e.pth")
    )
    assert good.state == named(findings, "mine.pth").state == OK
    assert good.sha256.startswith("ba7816bf8f01cfea")
    assert "as its name says" in good.detail
    assert wrong.state == MISSING
    assert wrong.advice.startswith("rm ")


NO_GL = {"pyrender on egl": NOTE, "pyrender on osmesa": NOTE}


@pytest.mark.parametrize(
    ("lacking", "states", "raycast_needed"),
    [
        ((), {"pyrender on egl": OK, "raycast": OK}, False),
        (("'egl'",), {"pyrender on egl": NOTE, "pyrender on osmesa": OK, "raycast": OK}, False),
        (("Pyrender",), {**NO_GL, "raycast": OK}, True),
        (("Raster",), {**NO_GL, "raycast": MISSING}, True),
    ],
)
def test_renderers(
    lacking: tuple[str, ...], states: dict, raycast_needed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYOPENGL_PLATFORM", raising=False)
    monkeypatch.setattr(machine, "attempt", without(*lacking))
    findings = machine.renderer()
    assert {f.name: f.state for f in findings} == states
    assert named(findings, "raycast").needed is raycast_needed
    if lacking:
        assert "apt-get install libgl1 libegl1" in findings[0].advice


def test_bodies_missing_and_smpls_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("conf", "assets/bodies", "models"):
        (tmp_path / place).mkdir(parents=True)
    for name in ("male.npz", "female.npz"):
        (tmp_path / "assets/bodies" / name).write_text("x")
    (tmp_path / "models/SMPL_MALE.npz").write_text("abc")
    (tmp_path / "models/basicModel_f_lbs_10_207_0_v1.0.0.pkl").write_text("x")
    monkeypatch.setattr(models, "ROOT", tmp_path)
    monkeypatch.setattr(models, "attempt", without("female"))
    neutral, female, male, *official = models.bodies()
    assert (neutral.state, neutral.needed) == (MISSING, True)
    assert "git checkout -- assets" in neutral.advice
    assert (female.state, female.needed, female.detail) == (MISSING, False, "ImportError: female")
    assert male.state == OK
    assert [(f.name, f.state) for f in official] == [("male", NOTE), ("female", NOTE)]
    assert official[0].sha256.startswith("ba7816bf")
    assert all(f"models.bodies={tmp_path / 'models'}" in found.advice for found in official)


def test_assets_that_settings_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    findings = models.assets()
    assert {f.state for f in findings} == {OK}
    assert named(findings, "demo").detail == "4 pictures and the clip"
    assert len(named(findings, "models.pose_prior").sha256) == 64
    monkeypatch.setattr(models, "ROOT", tmp_path)
    findings = models.assets()
    assert {(f.state, f.needed) for f in findings} == {(MISSING, True)}


@pytest.mark.parametrize(("free", "state"), [(50e9, OK), (1e9, NOTE), (1e7, MISSING)])
def test_disk(free: float, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    cache = named(machine.disk(), "cache_dir")
    assert cache.state == state
    assert ("runtime.cache_dir=FOLDER" in cache.advice) == (state != OK)


def test_cores_and_threads() -> None:
    (found,) = machine.cores()
    assert f"{len(os.sched_getaffinity(0))} cores" in found.detail
    assert "runtime.threads=1" in found.detail


def test_a_missing_yaml_is_one_line_and_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    (found,) = isolated(machine.cores)
    assert found.state == MISSING
    assert "yaml" in found.detail
    assert found.advice.startswith("make setup")


def test_an_empty_environment_gets_a_report_of_what_to_install(tmp_path: Path) -> None:
    """A Python without a single package, not even rich: what the doctor is for."""
    venv.create(tmp_path / "venv", with_pip=False)
    done = subprocess.run(
        [tmp_path / "venv/bin/python", ROOT / "tools/doctor.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stderr
    assert re.search(r"missing packages: \d+ of them: not installed: numpy, .*torch", done.stdout)
    assert "missing renderer: raycast: ModuleNotFoundError" in done.stdout
    assert "The demo cannot run yet, because it lacks packages (numpy, scipy," in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.slow
def test_the_whole_examination_of_this_machine() -> None:
    done = subprocess.run(
        [sys.executable, "tools/doctor.py", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert report["demo_runs"]
    states = {(f["topic"], f["name"]): f["state"] for f in report["findings"]}
    assert states["detectors", "blazepose"] == OK
    assert states["renderer", "raycast"] == OK
