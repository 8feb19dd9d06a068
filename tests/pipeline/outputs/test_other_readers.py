"""Exports opened by the programs they are for: Blender, three.js, Khronos's validator and others.

Their packages (0.5 GB) go into an environment of their own, from the package registries.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from fitting import BodyModel
from fitting.body.body_model import BodyParams
from fitting.body.skeleton import SMPL_24
from pipeline.drawing.mesh_renderer import Mesh, View, render
from pipeline.drawing.rasterizers import Backend
from pipeline.outputs.bvh import bvh_text
from pipeline.outputs.glb import glb_bytes
from pipeline.outputs.scene import Scene, scene_of
from pipeline.outputs.smpl_file import smpl_bytes
from tests.pipeline.outputs.people import FOCAL, FPS, SIZE, smplx_joints, upright, walkers
from tests.toy_body import toy_body

pytestmark = pytest.mark.slow

PYTHON = ("bpy==5.0.1", "pygltflib==1.16.5", "pybvh==0.9.0", "smplcodec==2.3.0")
NODE = ("gltf-validator@2.0.0-dev.3.10", "three@0.140.2")  # trimesh's viewer has this three.js
READERS = Path(__file__).parent / "readers"
FRAMES = {0: [0, 1, 2, 3, 4, 5], 1: [2, 4]}
BLENDER_FPS = 25  # Blender's importers know whole numbers
MM = 1e-3


def installed(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    if done.returncode:
        pytest.skip(f"cannot install what reads the exports: {done.stderr.strip()[-300:]}")


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the readers."""
    folder = tmp_path_factory.mktemp("readers") / "env"
    uv = (sys.executable, "-m", "uv")
    installed(*uv, "venv", "-q", "--python", "3.11", str(folder))
    installed(*uv, "pip", "install", "-q", "--python", str(folder / "bin/python"), *PYTHON)
    return folder / "bin/python"


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which node finds the readers."""
    if not shutil.which("npm"):
        pytest.skip("no npm here")
    folder = tmp_path_factory.mktemp("node")
    installed("npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", *NODE)
    return folder


def in_python(python: Path, script: str, *words: Any) -> dict[str, Any]:
    command = [str(python), str(READERS / script), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # bpy is talkative


def in_node(node: Path, script: str, *words: Any) -> dict[str, Any]:
    shutil.copy(READERS / script, node)
    command = ["node", script, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=node)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def clip(body: BodyModel) -> Scene:
    """One person in all frames, another with a gap, a late start and an early end."""
    return scene_of(walkers(FRAMES), body, SIZE, fps=FPS, name="walk")


@pytest.fixture(scope="session")
def truth(body: BodyModel) -> dict[int, np.ndarray]:
    """Joints in the upright world by track, of the frames with a row."""
    result = walkers(FRAMES)
    joints = upright(smplx_joints(body, result.params))
    return {track: joints[result.track == track] for track in FRAMES}


def test_khronos_s_validator_finds_nothing(clip: Scene, node: Path, tmp_path: Path) -> None:
    nobody = replace(clip, actors=())
    dense = toy_body()
    photo = scene_of(walkers({0: [0], 7: [0]}, n_betas=4), dense, SIZE, name='a "b"/<c>')
    for name, scene in (("clip", clip), ("nobody", nobody), ("photo", photo)):
        (tmp_path / f"{name}.glb").write_bytes(glb_bytes(scene))
        issues = in_node(node, "validate.cjs", tmp_path / f"{name}.glb")["issues"]
        serious = [m for m in issues["messages"] if m["severity"] < 2]
        assert serious == [], name


def test_three_js_has_the_same_joints(
    clip: Scene, truth: dict[int, np.ndarray], node: Path, tmp_path: Path
) -> None:
    (tmp_path / "walk.glb").write_bytes(glb_bytes(clip))
    times = [frame / FPS for frame in range(6)]
    found = in_node(node, "in_three.mjs", tmp_path / "walk.glb", json.dumps(times))
    for track, frames in FRAMES.items():
        joints = np.array([found["frames"][frame][track] for frame in frames])
        np.testing.assert_allclose(joints, truth[track], atol=MM)
    assert found["fov"] == pytest.approx(np.degrees(2 * np.arctan(SIZE[1] / 2 / FOCAL)))
    assert found["aspect"] == pytest.approx(SIZE[0] / SIZE[1])


def test_blender_has_the_same_joints_in_a_glb(
    clip: Scene, truth: dict[int, np.ndarray], python: Path, tmp_path: Path
) -> None:
    (tmp_path / "walk.glb").write_bytes(glb_bytes(replace(clip, fps=BLENDER_FPS)))
    found = in_python(python, "in_blender.py", tmp_path / "walk.glb", BLENDER_FPS, list(range(6)))
    assert sorted(found["joints"]) == ["person0", "person1"]
    for track, frames in FRAMES.items():
        rows = [found["joints"][f"person{track}"][frame] for frame in frames]
        joints = np.array([[row[name] for name in SMPL_24.names] for row in rows])
        np.testing.assert_allclose(joints, truth[track], atol=MM)


def test_blender_sees_what_the_render_stage_draws(
    body: BodyModel, python: Path, tmp_path: Path
) -> None:
    result = walkers({0: [0], 1: [0]})
    (tmp_path / "photo.glb").write_bytes(glb_bytes(scene_of(result, body, SIZE)))
    picture = tmp_path / "seen.png"
    in_python(python, "in_blender.py", tmp_path / "photo.glb", BLENDER_FPS, [0], picture, *SIZE)
    view = View(FOCAL, ((SIZE[0] - 1) / 2, (SIZE[1] - 1) / 2), SIZE)
    color = np.array([200, 200, 200], np.uint8)
    meshes = [Mesh(vertices, body.faces, color) for vertices in body.vertices(result.params)]
    drawn = render(meshes, view, Backend.raycast).mask
    seen = np.asarray(Pillow.open(picture))[..., 3] >= 128
    assert (drawn & seen).sum() / (drawn | seen).sum() > 0.98


def test_blender_and_pybvh_have_the_same_joints_in_a_bvh(
    clip: Scene, truth: dict[int, np.ndarray], python: Path, tmp_path: Path
) -> None:
    path = tmp_path / "walk.bvh"
    path.write_text(bvh_text(clip.actors[0], clip))
    found = in_python(python, "in_python.py", "pybvh", path)
    columns = [found["names"].index(name) for name in SMPL_24.names]
    places = np.array(found["places"])[:, columns] / 100
    np.testing.assert_allclose(places, truth[0], atol=MM)
    assert found["frame_time"] == pytest.approx(1 / FPS)
    found = in_python(python, "in_blender.py", path, BLENDER_FPS, list(range(6)))
    (rig,) = found["joints"].values()
    joints = np.array([[row[name] for name in SMPL_24.names] for row in rig])
    np.testing.assert_allclose(joints, truth[0], atol=MM)


def test_pygltflib_finds_people_by_track(clip: Scene, python: Path, tmp_path: Path) -> None:
    (tmp_path / "walk.glb").write_bytes(glb_bytes(clip))
    found = in_python(python, "in_python.py", "pygltflib", tmp_path / "walk.glb")
    assert found == {"skins": [list(SMPL_24.names)] * 2, "tracks": [0, 1], "animations": 1}


def test_smplcodec_has_the_same_joints(python: Path, tmp_path: Path) -> None:
    body, result = toy_body(), walkers({0: [0, 1, 2]}, n_betas=4)
    scene = scene_of(result, body, SIZE, fps=FPS, gender="male", official=True)
    (tmp_path / "walk.smpl").write_bytes(smpl_bytes(scene.actors[0], scene))
    found = in_python(python, "in_python.py", "smplcodec", tmp_path / "walk.smpl")
    pose = np.array(found["pose"]).reshape(3, 72)
    betas = np.tile(found["betas"], (3, 1))
    params = BodyParams(betas, pose[:, :3], pose[:, 3:], np.array(found["transl"]))
    expected = upright(smplx_joints(body, result.params))
    np.testing.assert_allclose(smplx_joints(body, params), expected, atol=MM)
    assert (found["version"], found["gender"], found["rate"]) == ("SMPL", "MALE", FPS)
