import numpy as np
import pytest
import torch

from fitting import BodyParams
from fitting.joints import SMPL_JOINT_OF_LSP
from fitting.kinematics import Kinematics
from fitting.rotations import rotation_and_left_jacobian
from tests.toy_body import toy_body


@pytest.fixture(params=["toy", "neutral"])
def any_body(request, body):
    return toy_body() if request.param == "toy" else body


def draw(body, n=3, seed=1):
    rng = np.random.default_rng(seed)
    return BodyParams(
        betas=rng.normal(0, 1, (n, body.n_betas)),
        global_orient=rng.normal(0, 2, (n, 3)),
        body_pose=rng.normal(0, 0.6, (n, 69)),
        transl=rng.normal(0, 1, (n, 3)),
    )


def posed_points(body, params):
    tensors = [torch.as_tensor(a) for a in (params.global_orient, params.body_pose, params.betas)]
    root = rotation_and_left_jacobian(tensors[0])[0]
    return Kinematics(body, body.n_betas).points(root, *tensors[1:]).points.numpy()


def test_points_equal_smplxs_joints_and_vertex(any_body):
    params = draw(any_body)
    layer = any_body._smplx_layer
    tensors = {n: torch.as_tensor(getattr(params, n)) for n in params.__dataclass_fields__}
    # smplx appends landmark vertices that a toy has not: its own LBS is what we compare with
    from smplx.lbs import lbs

    pose = torch.cat([tensors["global_orient"], tensors["body_pose"]], 1)
    vertices, joints = lbs(
        tensors["betas"], pose, layer.v_template, layer.shapedirs, layer.posedirs,
        layer.J_regressor, layer.parents, layer.lbs_weights,
    )  # fmt: skip
    expected = torch.cat(
        [joints[:, list(SMPL_JOINT_OF_LSP)], vertices[:, any_body.head_top, None]], 1
    )
    difference = np.abs(posed_points(any_body, params) - expected.detach().numpy()).max()
    assert difference < 1e-6  # smplx adds 1e-8 to every axis-angle entry


def test_jacobian_equals_finite_differences(any_body):
    params = draw(any_body)
    kinematics = Kinematics(any_body, any_body.n_betas)
    root, pose, betas = (
        torch.as_tensor(a) for a in (params.global_orient, params.body_pose, params.betas)
    )
    root = rotation_and_left_jacobian(root)[0]
    outer = torch.eye(3, dtype=root.dtype).expand(len(root), 14, 3, 3)
    jacobian = kinematics.jacobian(kinematics.points(root, pose, betas), outer)
    h = 1e-6
    for column in range(72 + any_body.n_betas):
        step = torch.zeros(72 + any_body.n_betas, dtype=torch.float64)
        step[column] = h

        def moved(sign, step=step):
            turn = rotation_and_left_jacobian(sign * step[:3])[0]
            return kinematics.points(
                turn @ root, pose + sign * step[3:72], betas + sign * step[72:]
            ).points

        numeric = (moved(1) - moved(-1)) / (2 * h)
        assert torch.allclose(jacobian[..., column], numeric, atol=2e-8), column


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
