"""How points move with the unknowns of a stage, against finite differences."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from fitting.body.kinematics import Kinematics
from fitting.objective.point_jacobian import PointJacobian
from fitting.objective.unknowns import Unknowns
from fitting.rotations import rotation_and_left_jacobian
from tests.fitting.body.test_kinematics import draw

UNKNOWNS = {
    "all": lambda k: Unknowns(True, tuple(range(1, 24)), k.n_betas, True),
    "what moves points": lambda k: Unknowns(True, k.movers, k.n_betas, True),
    "camera": lambda k: Unknowns(True, (), 0, True),
    "shape and place": lambda k: Unknowns(False, (), k.n_betas, True),
    "legs and betas": lambda k: Unknowns(False, (1, 2, 4, 5), k.n_betas, False),
}


@pytest.mark.parametrize("extras", [False, True])
@pytest.mark.parametrize("free", UNKNOWNS)
def test_jacobian_equals_finite_differences(any_body, free, extras):
    params = draw(any_body)
    kinematics = Kinematics(any_body, any_body.n_betas, extras=extras)
    unknowns = UNKNOWNS[free](kinematics)
    root, pose, betas, transl = (
        torch.as_tensor(getattr(params, name))
        for name in ("global_orient", "body_pose", "betas", "transl")
    )
    root = rotation_and_left_jacobian(root)[0]
    outer = torch.eye(3, dtype=root.dtype).expand(len(root), kinematics.n_points, 3, 3)
    found = PointJacobian(kinematics, unknowns)(kinematics.points(root, pose, betas), outer)
    assert found.shape[-1] == unknowns.size
    h = 1e-6
    for column in range(unknowns.size):
        step = torch.zeros(unknowns.size, dtype=torch.float64)
        step[column] = h

        def moved(sign, step=step):
            turned, now, shape, shift = root, pose.clone(), betas, transl
            if unknowns.root:
                turned = rotation_and_left_jacobian(sign * step[:3])[0] @ root
            now[:, unknowns.pose_entries] += sign * step[unknowns.pose]
            if unknowns.n_betas:
                shape = betas + sign * step[unknowns.betas]
            if unknowns.transl:
                shift = transl + sign * step[unknowns.translation]
            return kinematics.points(turned, now, shape).points + shift[:, None]

        numeric = (moved(1) - moved(-1)) / (2 * h)
        assert torch.allclose(found[..., column], numeric, atol=2e-8), column


def test_along_other_directions_it_is_the_product_and_rows_stand_alone(any_body):
    params, kinematics = draw(any_body), Kinematics(any_body, any_body.n_betas)
    root = rotation_and_left_jacobian(torch.as_tensor(params.global_orient))[0]
    posed = kinematics.points(
        root, torch.as_tensor(params.body_pose), torch.as_tensor(params.betas)
    )
    derivative = PointJacobian(kinematics, UNKNOWNS["all"](kinematics))
    rng = np.random.default_rng(0)
    outer = torch.as_tensor(rng.normal(size=(len(root), kinematics.n_points, 2, 3)))
    eye = torch.eye(3, dtype=root.dtype).expand(*outer.shape[:2], 3, 3)
    found = derivative(posed, outer)
    torch.testing.assert_close(found, outer @ derivative(posed, eye), rtol=1e-10, atol=1e-10)
    for rows in (slice(1, 2), slice(0, 0)):
        some = replace(posed, **{f.name: getattr(posed, f.name)[rows] for f in fields(posed)})
        torch.testing.assert_close(derivative(some, outer[rows]), found[rows])
