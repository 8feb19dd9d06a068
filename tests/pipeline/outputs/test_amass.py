"""AMASS's npz and Meshcapade's .smpl: read back with the package smplx, joints are the fit's."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fitting import BodyModel
from fitting.body.body_model import BodyParams
from pipeline.outputs.amass import Amass, Betas, amass_arrays
from pipeline.outputs.scene import Scene, scene_of
from pipeline.outputs.smpl_file import SmplFile, smpl_bytes
from tests.pipeline.outputs.people import FPS, SIZE, smplx_joints, upright, walkers
from tests.toy_body import toy_body

MM = 1e-3
TO_Z_UP = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])


def official_scene(frames: dict[int, list[int]]) -> tuple[Any, Scene]:
    result = walkers(frames, n_betas=4)
    scene = scene_of(result, toy_body(), SIZE, fps=FPS, gender="female", official=True)
    return result, scene


def read(poses: np.ndarray, trans: np.ndarray, betas: np.ndarray, body: BodyModel) -> np.ndarray:
    """Joints as a reader of AMASS gets them: root and body joints, hands of SMPL at rest."""
    body_pose = np.zeros((len(poses), 69))
    body_pose[:, :63] = poses[:, 3:66]
    shape = np.tile(betas[: body.n_betas], (len(poses), 1))
    return smplx_joints(body, BodyParams(shape, poses[:, :3], body_pose, trans))


def test_amass_of_an_official_body() -> None:
    result, scene = official_scene({0: [0, 1, 2]})
    arrays = amass_arrays(scene.actors[0], scene)
    truth = upright(smplx_joints(scene.body, result.params)) @ TO_Z_UP.T
    found = read(arrays["poses"], arrays["trans"], arrays["betas"], scene.body)
    np.testing.assert_allclose(found[:, :22], truth[:, :22], atol=0.01 * MM)
    assert arrays["poses"].shape == (3, 156)
    assert not arrays["poses"][:, 66:].any()
    assert arrays["betas"].shape == (16,)
    assert (str(arrays["gender"]), float(arrays["mocap_framerate"])) == ("female", FPS)
    assert arrays["mocap_frame_rate"] == arrays["mocap_framerate"]


def test_people_stand_upright_in_amass(body: BodyModel) -> None:
    scene = scene_of(walkers({0: [0]}), body, SIZE)
    arrays = amass_arrays(scene.actors[0], scene, Betas.write)
    joints = read(arrays["poses"], arrays["trans"], arrays["betas"], body)[0]
    assert joints[15, 2] - joints[7, 2] > 1.2, "the head is above the ankle along z"


def test_betas_of_other_bodies_are_not_written_for_amass(body: BodyModel) -> None:
    """The pelvis is then where it was in a body of the mean shape, and every bone has its turn."""
    result = walkers({0: [0, 1]})
    scene = scene_of(result, body, SIZE, fps=FPS)
    arrays = amass_arrays(scene.actors[0], scene)
    assert not arrays["betas"].any()
    np.testing.assert_allclose(arrays["fitted_betas"], result.params.betas[0])
    truth = upright(smplx_joints(body, result.params)) @ TO_Z_UP.T
    np.testing.assert_allclose(arrays["pelvis"], truth[:, 0], atol=0.01 * MM)
    mean = read(arrays["poses"], arrays["trans"], arrays["betas"], body)
    np.testing.assert_allclose(mean[:, 0], truth[:, 0], atol=0.01 * MM)
    rest = smplx_joints(
        body,
        BodyParams(result.params.betas[:1], np.zeros((1, 3)), np.zeros((1, 69)), np.zeros((1, 3))),
    )[0, 0]
    own = read(arrays["poses"], arrays["pelvis"] - rest, arrays["fitted_betas"], body)
    np.testing.assert_allclose(own[:, :22], truth[:, :22], atol=0.01 * MM)
    written = amass_arrays(scene.actors[0], scene, Betas.write)
    np.testing.assert_allclose(written["betas"][:10], result.params.betas[0])


def test_gaps_and_late_starts_in_amass() -> None:
    _, scene = official_scene({0: [0, 1, 5], 1: [2, 3]})
    files = Amass().files(scene)
    assert list(files) == ["-person0-amass.npz", "-person1-from2-amass.npz"]
    with np.load(io.BytesIO(files["-person0-amass.npz"]), allow_pickle=False) as archive:
        assert archive["found"].tolist() == [True, True, False, False, False, True]
        assert len(archive["poses"]) == len(archive["trans"]) == 6
        assert "y up" not in str(archive["world"]).split(";")[1]
    with np.load(io.BytesIO(files["-person1-from2-amass.npz"])) as archive:
        assert (int(archive["first_frame"]), int(archive["track"])) == (2, 1)
    assert Amass().files(replace(scene, actors=())) == {}


def test_a_smpl_file_holds_the_joints_of_the_fit() -> None:
    result, scene = official_scene({0: [0, 1, 2]})
    with np.load(io.BytesIO(smpl_bytes(scene.actors[0], scene)), allow_pickle=False) as archive:
        data = {name: archive[name] for name in archive}
    pose = data["bodyPose"].reshape(3, 72).astype(float)
    params = BodyParams(
        np.tile(data["shapeParameters"].astype(float), (3, 1)),
        pose[:, :3],
        pose[:, 3:],
        data["bodyTranslation"].astype(float),
    )
    truth = upright(smplx_joints(scene.body, result.params))
    np.testing.assert_allclose(smplx_joints(scene.body, params), truth, atol=0.1 * MM)
    kinds = {array.dtype.name for array in data.values()}
    assert kinds == {"int32", "float32"}
    assert (data["frameCount"], data["gender"], data["smplVersion"]) == (3, 2, 0)
    assert data["frameRate"] == pytest.approx(FPS)


def test_smpl_files_of_others_than_official_bodies_have_no_betas(body: BodyModel) -> None:
    scene = scene_of(walkers({4: [3]}), body, SIZE)
    files = SmplFile().files(scene)
    assert list(files) == ["-person4-from3.smpl"]
    with np.load(io.BytesIO(files["-person4-from3.smpl"])) as archive:
        assert not archive["shapeParameters"].any()
        assert archive["frameCount"] == 1
