import numpy as np
import pytest
import torch

from fitting import BodyParams
from fitting.body.kinematics import Kinematics
from fitting.joints import SMPL_JOINT_OF_LSP
from fitting.rotations import rotation_and_left_jacobian


def draw(body, n=3, seed=1):
    rng = np.random.default_rng(seed)
    return BodyParams(
        betas=rng.normal(0, 1, (n, body.n_betas)),
        global_orient=rng.normal(0, 2, (n, 3)),
        body_pose=rng.normal(0, 0.6, (n, 69)),
        transl=rng.normal(0, 1, (n, 3)),
    )


def posed_points(body, params, extras=False):
    tensors = [torch.as_tensor(a) for a in (params.global_orient, params.body_pose, params.betas)]
    root = rotation_and_left_jacobian(tensors[0])[0]
    return Kinematics(body, body.n_betas, extras=extras).points(root, *tensors[1:]).points.numpy()


@pytest.mark.parametrize("extras", [False, True])
def test_points_equal_smplxs_joints_and_vertices(any_body, extras):
    params = draw(any_body)
    layer = any_body._smplx_layer
    tensors = {n: torch.as_tensor(getattr(params, n)) for n in params.__dataclass_fields__}
    # smplx appends landmark vertices that a toy has not: its own LBS is what we compare with
    from smplx.lbs import lbs

    pose = torch.cat([tensors["global_orient"], tensors["body_pose"]], 1)
    vertices, joints = lbs(
        tensors["betas"],
        pose,
        layer.v_template,
        layer.shapedirs,
        layer.posedirs,
        layer.J_regressor,
        layer.parents,
        layer.lbs_weights,
    )
    skin = [any_body.head_top, *(any_body.landmarks if extras else ())]
    expected = torch.cat([joints[:, list(SMPL_JOINT_OF_LSP)], vertices[:, skin]], 1)
    difference = np.abs(posed_points(any_body, params, extras) - expected.detach().numpy()).max()
    assert difference < 1e-6  # smplx adds 1e-8 to every axis-angle entry


def test_joints_that_are_not_movers_move_no_point(any_body):
    kinematics = Kinematics(any_body, any_body.n_betas)
    params = draw(any_body)
    before = posed_points(any_body, params)
    for joint in set(range(1, 24)) - set(kinematics.movers):
        pose = params.body_pose.copy()
        pose[:, 3 * joint - 3 : 3 * joint] += 0.5
        moved = BodyParams(params.betas, params.global_orient, pose, params.transl)
        assert np.abs(posed_points(any_body, moved) - before).max() < 1e-12


def test_hands_feet_and_toes_are_no_movers_of_lsps_points(body):
    still = set(range(1, 24)) - set(Kinematics(body).movers)
    assert still == {7, 8, 10, 11, 20, 21, 22, 23}
    assert {7, 8} <= set(Kinematics(body, extras=True).movers)


def test_fewer_betas_are_the_first_ones(body):
    params = draw(body)
    short = BodyParams(params.betas[:, :4], params.global_orient, params.body_pose, params.transl)
    zeros = params.betas.copy()
    zeros[:, 4:] = 0
    padded = BodyParams(zeros, params.global_orient, params.body_pose, params.transl)
    kinematics = Kinematics(body, 4)
    root = rotation_and_left_jacobian(torch.as_tensor(short.global_orient))[0]
    found = kinematics.points(root, torch.as_tensor(short.body_pose), torch.as_tensor(short.betas))
    assert np.abs(found.points.numpy() - posed_points(body, padded)).max() < 1e-12


def test_more_betas_than_the_body_has_are_refused(body):
    with pytest.raises(ValueError, match=r"n_betas: expected 1\.\.10, got 11"):
        Kinematics(body, 11)
