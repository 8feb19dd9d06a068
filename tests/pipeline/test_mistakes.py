"""Thirty typical mistakes on the command line: the message names the key and the nearest one."""

import subprocess
import sys

import pytest

from pipeline.mistakes import explained
from tests.conftest import ROOT

MISTAKES = {
    "data.pth=x": "data.pth: no such key, did you mean data.path?",
    "data.Path=x": "data.Path: no such key, did you mean data.path?",
    "path=x": "path: no such key, did you mean data.path?",
    "dta.path=x": "dta.path: no such key, did you mean data.path?",
    "data.peple=all": "data.peple: no such key, did you mean data.people?",
    "data=vidio": "data: no such choice 'vidio', did you mean video?",
    "data=photo": "data: no such choice 'photo', did you mean photos?",
    "data=video data.strid=2": "data.strid: no such key, did you mean data.stride?",
    "data=video data.max_frame=2": "data.max_frame: no such key, did you mean data.max_frames?",
    "data=lsp data.rot=x": "data.rot: no such key, did you mean data.root?",
    "data=lsp data.path=x": "data.path: no such key, did you mean data.parts?",
    "detector=blaze": "detector: no such choice 'blaze', did you mean blazepose?",
    "detector=rtmpose": "detector: no such choice 'rtmpose', did you mean rtmpose_",
    "detector=openpose": "detector: no such choice 'openpose', expected one of blazepose",
    "detector=blazepose detector.max_person=1": "detector.max_person: no such key, did you mean "
    "detector.max_people?",
    "detector=keypoint_file detector.pth=x": "no such key, did you mean detector.path?",
    "fit=smplfy": "fit: no such choice 'smplfy', did you mean smplify?",
    "fit=quick": "fit: no such choice 'quick', expected one of lifted, multistart, smplify",
    "fit.gendr=female": "fit.gendr: no such key, did you mean fit.gender?",
    "gender=female": "gender: no such key, did you mean fit.gender?",
    "fit.focal=1800": "fit.focal: no such key, did you mean fit.focal_length?",
    "fit.camera.strat=image": "fit.camera.strat: no such key, did you mean fit.camera.start?",
    "fit.camera.depth=30": "fit.camera.depth: no such key, did you mean fit.camera.weights.depth?",
    "fit.stages.0.joints_3d=0": "fit.stages.0.joints_3d: no such key, did you mean "
    "fit.stages.0.weights.joints_3d?",
    "fit.stages.0.weights.bending=1": "fit.stages.0.weights.bending: no such key; to set a weight "
    "that the preset does not name: +fit.stages.0.weights.bending=...",
    "fit.start=1": "fit.start: no such key, did you mean fit.starts?",
    "render=sidebyside": "render: no such choice 'sidebyside', did you mean side_by_side?",
    "render=off": "render: no such choice 'off', expected one of none, overlay, side_by_side",
    "render.opasity=1": "render.opasity: no such key, did you mean render.opacity?",
    "export=gbl": "export: no such choice 'gbl', did you mean glb?",
    "export=[npz,pictures]": "export: no such choice 'pictures', did you mean picture?",
    "+export=releas": "export: no such choice 'releas', did you mean release?",
    "export=npz,picture": "expected a list for several formats, did you mean export=[npz,picture]?",
    "rendr=none": "rendr: no such key, did you mean render?",
    "runtime.devise=cuda": "runtime.devise: no such key, did you mean runtime.device?",
    "device=cuda": "device: no such key, did you mean runtime.device?",
    "runtime.output=x": "runtime.output: no such key, did you mean runtime.output_dir?",
    "output_dir=x": "output_dir: no such key, did you mean runtime.output_dir?",
    "model.bodies=x": "model.bodies: no such key, did you mean models.bodies?",
    "experiment=dmo": "experiment: no such choice 'dmo', did you mean demo?",
    "runtime.threads.n=2": "no such key, runtime.threads is a value and has no keys",
    "remap.confidence=0.3": "remap.confidence: no such key, did you mean remap.min_confidence?",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_typical_mistakes(words: str) -> None:
    text = explained(words.split())
    assert text
    assert MISTAKES[words] in text


@pytest.mark.parametrize(
    "words",
    [
        "data.path=x",
        "data=video data.stride=2",
        "+new=1",
        "~render",
        "--help",
        "fit=null",
        "export=[]",
        "export=[npz, picture]",
        "+export=progress",
    ],
)
def test_what_is_no_mistake_of_a_name(words: str) -> None:
    assert explained(words.split()) is None


def test_the_command_says_it_last() -> None:
    command = [sys.executable, "run.py", "detector=blazepose", "data.pth=photo.jpg"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == ("error: data.pth: no such key, did you mean data.path?")
    assert "Traceback" not in done.stderr


def test_hydra_explains_its_own_groups() -> None:
    assert explained(["hydra/launcher=submitit_nothing"]) is None
