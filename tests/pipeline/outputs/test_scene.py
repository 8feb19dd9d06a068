"""People in an upright world with one shape each: joints stay where the fit had them."""

from dataclasses import replace

import numpy as np
import pytest

from fitting import BodyModel
from fitting.body.skeleton import SMPL_24
from fitting.camera import project
from fitting.solver.status import Status
from pipeline.outputs.actor import posed_joints
from pipeline.outputs.scene import UPRIGHT, WORLD, scene_of
from tests.pipeline.outputs.people import FOCAL, FPS, SIZE, smplx_joints, upright, walkers
from tests.toy_body import PARENTS, toy_body


def joints(scene, actor) -> np.ndarray:
    return posed_joints(actor.rest[None], scene.body.parents, actor.pose, actor.pelvis)


def test_joints_are_those_of_smplx_in_the_upright_world() -> None:
    """Of a body whose shape, pose and skin all count."""
    body = toy_body()
    result = walkers({0: [0, 1, 2, 3], 1: [1, 2]}, n_betas=4)
    scene = scene_of(result, body, SIZE, name="walk", fps=FPS)
    assert [actor.track for actor in scene.actors] == [0, 1]
    for actor in scene.actors:
        rows = result[result.track == actor.track]
        truth = upright(smplx_joints(body, rows.params))
        assert actor.frames.tolist() == rows.frame.tolist()
        np.testing.assert_allclose(joints(scene, actor), truth, atol=1e-6)
        np.testing.assert_allclose(smplx_joints(body, actor.params()), truth, atol=1e-6)
        assert actor.deviation == 0
    assert (scene.focal_length, scene.image_size, scene.n_frames) == (FOCAL, SIZE, 4)
    assert scene.center == (319.5, 239.5)
    assert scene.world == UPRIGHT


def test_the_world_of_a_track_fit_is_used_where_there_is_one() -> None:
    body, result = toy_body(), walkers({0: [0, 1]}, n_betas=4)
    turn, move = np.eye(4), np.array([0.3, 1.6, -4.0])
    turn[:3, :3] = [[0, 0, 1], [0, -1, 0], [1, 0, 0]]
    turn[:3, 3] = move
    scene = scene_of(result, body, SIZE, world_from_camera=turn)
    truth = smplx_joints(body, result.params) @ turn[:3, :3].T + move
    np.testing.assert_allclose(joints(scene, scene.actors[0]), truth, atol=1e-6)
    assert scene.world == WORLD
    np.testing.assert_array_equal(scene.world_from_camera, turn)


def test_frames_with_shapes_of_their_own_are_seen_where_they_were(body: BodyModel) -> None:
    """With the mean shape in place of each frame's: the picture hardly changes, depth may."""
    import torch

    result = walkers({0: list(range(8))}, own_shapes=True)
    scene = scene_of(result, body, SIZE)
    (actor,) = scene.actors
    np.testing.assert_allclose(actor.betas, result.params.betas.mean(0))
    own, now = smplx_joints(body, result.params), upright(joints(scene, actor))
    focal, center = torch.full((8,), FOCAL), torch.as_tensor(result.camera.center)
    seen = [project(torch.as_tensor(points), focal, center)[0].numpy() for points in (own, now)]
    moved = np.linalg.norm(seen[0] - seen[1], axis=-1)
    only_shape = replace(result.params, betas=np.tile(actor.betas, (8, 1)))
    unmoved = project(torch.as_tensor(smplx_joints(body, only_shape)), focal, center)[0].numpy()
    assert moved.mean() < 1.0, "px"
    assert moved.mean() < 0.4 * np.linalg.norm(seen[0] - unmoved, axis=-1).mean()
    off = np.linalg.norm(own - now, axis=-1).max()
    assert actor.deviation == pytest.approx(off, abs=1e-6)
    assert off > 0.01


def test_gaps_are_filled_between_their_ends() -> None:
    result = walkers({3: [2, 3, 6]}, n_betas=4)
    (actor,) = scene_of(result, toy_body(), SIZE).actors
    whole = actor.filled()
    assert whole.frames.tolist() == [2, 3, 4, 5, 6]
    np.testing.assert_allclose(whole.pelvis[[0, 1, 4]], actor.pelvis, atol=1e-12)
    third = actor.pelvis[1] + (actor.pelvis[2] - actor.pelvis[1]) / 3
    np.testing.assert_allclose(whole.pelvis[2], third, atol=1e-12)
    from scipy.spatial.transform import Rotation

    ends = [Rotation.from_rotvec(actor.pose[row, 5]) for row in (1, 2)]
    whole_turn = (ends[0].inv() * ends[1]).magnitude()
    part = (ends[0].inv() * Rotation.from_rotvec(whole.pose[2, 5])).magnitude()
    assert part == pytest.approx(whole_turn / 3)
    alone = scene_of(walkers({0: [4]}, n_betas=4), toy_body(), SIZE).actors[0]
    assert alone.filled() is alone


def test_rows_that_hold_no_body_are_left_out() -> None:
    result = walkers({0: [0, 1, 2], 1: [0, 1, 2]}, n_betas=4)
    status = np.where(result.track == 1, Status.SKIPPED, 0).astype(np.int32)
    status[0] = Status.NONFINITE
    scene = scene_of(replace(result, status=status), toy_body(), SIZE)
    assert [actor.frames.tolist() for actor in scene.actors] == [[1, 2]]
    nobody = scene_of(replace(result, status=np.full(6, 4, np.int32)), toy_body(), SIZE)
    assert nobody.actors == ()
    assert nobody.focal_length > 0
    assert scene_of(result[:0], toy_body(), SIZE).n_frames == 1


def test_the_names_of_the_joints_go_with_the_tree() -> None:
    parents = {name: SMPL_24.names[PARENTS[k]] for k, name in enumerate(SMPL_24.names) if k}
    assert parents["left_knee"] == "left_hip"
    assert parents["right_hand"] == "right_wrist"
    assert parents["head"] == "neck"
    assert parents["left_collar"] == "spine3"
    assert len(set(SMPL_24.names)) == 24
