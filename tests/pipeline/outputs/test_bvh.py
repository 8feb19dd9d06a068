"""BVH: the same joints read back, in cm; pybvh and Blender read it in test_other_readers.py."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from fitting import BodyModel
from fitting.body.body_model import BodyParams
from fitting.body.skeleton import SMPL_24
from pipeline.outputs.bvh import Bvh, bvh_text
from pipeline.outputs.scene import scene_of
from tests.pipeline.outputs.bvh_reader import read_bvh
from tests.pipeline.outputs.people import FPS, SIZE, smplx_joints, upright, walkers
from tests.toy_body import PARENTS, toy_body

MM = 0.1  # of the unit, cm


def test_joints_are_those_of_the_fit(body: BodyModel) -> None:
    result = walkers({0: [0, 1, 2, 3]})
    scene = scene_of(result, body, SIZE, fps=FPS)
    file = read_bvh(bvh_text(scene.actors[0], scene))
    truth = 100 * upright(smplx_joints(body, result.params))
    for name, place in file.places().items():
        np.testing.assert_allclose(place, truth[:, SMPL_24.names.index(name)], atol=0.05 * MM)
    assert file.frame_time == pytest.approx(1 / FPS)
    names = [joint.name for joint in file.joints]
    assert sorted(names) == sorted(SMPL_24.names)
    for joint in file.joints[1:]:
        parent = PARENTS[SMPL_24.names.index(joint.name)]
        assert names[joint.parent] == SMPL_24.names[parent]
    assert [len(joint.channels) for joint in file.joints] == [6] + [3] * 23
    assert not file.joints[0].offset.any(), "readers differ on whether it is added"


def test_chains_end_at_toes_head_top_and_fingers(body: BodyModel) -> None:
    scene = scene_of(walkers({0: [0]}), body, SIZE)
    ends = read_bvh(bvh_text(scene.actors[0], scene)).ends
    assert set(ends) == {"left_foot", "right_foot", "head", "left_hand", "right_hand"}
    assert ends["head"][1] > 10
    assert ends["left_foot"][2] > 3
    assert ends["left_hand"][0] > 3
    assert ends["right_hand"][0] < -3


def test_every_pose_can_be_written(body: BodyModel) -> None:
    """A quarter turn about x is where the angles of this order are not unique."""
    pose = np.zeros((3, 69))
    pose[:, 0] = [np.pi / 2, -np.pi / 2, np.pi / 2 - 1e-9]
    pose[:, 5] = [0.4, 0.4, 0.4]
    result = walkers({0: [0, 1, 2]})
    params = BodyParams(result.params.betas, pose[:, :3] * 2, pose, result.params.transl)
    result = replace(result, params=params)
    scene = scene_of(result, body, SIZE, fps=FPS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = bvh_text(scene.actors[0], scene)
    truth = 100 * upright(smplx_joints(body, params))
    for name, place in read_bvh(text).places().items():
        np.testing.assert_allclose(place, truth[:, SMPL_24.names.index(name)], atol=0.05 * MM)


def test_angles_do_not_jump_by_a_full_turn() -> None:
    result = walkers({0: list(range(6))}, n_betas=4)
    orient = np.zeros((6, 3))
    orient[:, 2] = np.linspace(2.5, 4.0, 6)
    params = BodyParams(result.params.betas, orient, np.zeros((6, 69)), result.params.transl)
    scene = scene_of(replace(result, params=params), toy_body(), SIZE, fps=FPS)
    values = read_bvh(bvh_text(scene.actors[0], scene)).values
    assert np.abs(np.diff(values[:, 3:], axis=0)).max() < 30


def test_gaps_are_filled_and_a_late_start_is_in_the_name() -> None:
    scene = scene_of(walkers({0: [0, 3], 2: [1, 2]}, n_betas=4), toy_body(), SIZE, fps=FPS)
    files = Bvh().files(scene)
    assert list(files) == ["-person0.bvh", "-person2-from1.bvh"]
    assert len(read_bvh(files["-person0.bvh"].decode()).values) == 4
    assert Bvh().files(replace(scene, actors=())) == {}
