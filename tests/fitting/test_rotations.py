import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation, Slerp

from fitting.rotations import (
    matrix_from_quaternion,
    quaternion_from_vector,
    quaternion_product,
    rotation_and_left_jacobian,
    slerp,
    vector_from_quaternion,
)

AXIS = np.array([0.48, -0.6, 0.64])
ANGLES = [0.0, 1e-12, 1e-8, 1e-4, 0.9e-3, 1.1e-3, 0.3, 2.0, np.pi - 1e-9, np.pi, 3.5, 6.0]


@pytest.mark.parametrize("angle", ANGLES)
def test_matrix_equals_scipys(angle):
    v = torch.as_tensor(AXIS * angle)
    expected = Rotation.from_rotvec(AXIS * angle).as_matrix()
    assert np.abs(rotation_and_left_jacobian(v)[0].numpy() - expected).max() < 1e-12
    assert (
        np.abs(matrix_from_quaternion(quaternion_from_vector(v)).numpy() - expected).max() < 1e-12
    )


@pytest.mark.parametrize("angle", ANGLES)
def test_left_jacobian_predicts_a_small_turn(angle):
    v, h = torch.as_tensor(AXIS * angle), 1e-6
    rotation, left = rotation_and_left_jacobian(v)
    for i in range(3):
        d = torch.zeros(3, dtype=torch.float64)
        d[i] = h
        plus, minus = (rotation_and_left_jacobian(v + s * d)[0] for s in (1, -1))
        turn = (plus - minus) / (2 * h) @ rotation.T  # = hat(L e_i)
        found = torch.stack([turn[2, 1], turn[0, 2], turn[1, 0]])
        assert torch.allclose(found, left[:, i], atol=2e-9)


@pytest.mark.parametrize("angle", [a for a in ANGLES if a < np.pi])
def test_vector_and_quaternion_are_inverse(angle):
    v = torch.as_tensor(AXIS * angle)
    assert torch.allclose(vector_from_quaternion(quaternion_from_vector(v)), v, atol=1e-12)


def test_long_vectors_come_back_by_the_short_way():
    v = torch.as_tensor(AXIS * 6.0)
    found = vector_from_quaternion(quaternion_from_vector(v)).numpy()
    assert np.linalg.norm(found) <= np.pi
    turn = Rotation.from_rotvec(found) * Rotation.from_rotvec(AXIS * 6.0).inv()
    assert turn.magnitude() < 1e-12


def test_product_is_the_right_factor_first():
    rng = np.random.default_rng(0)
    a, b = (torch.as_tensor(rng.normal(size=(5, 3))) for _ in range(2))
    found = quaternion_product(quaternion_from_vector(a), quaternion_from_vector(b))
    expected = rotation_and_left_jacobian(a)[0] @ rotation_and_left_jacobian(b)[0]
    assert torch.allclose(matrix_from_quaternion(found), expected, atol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.8, 1.0])
def test_slerp_equals_scipys(share):
    rng = np.random.default_rng(1)
    for ends in rng.normal(0, 2, (20, 2, 3)):
        p, q = quaternion_from_vector(torch.as_tensor(ends))
        expected = Slerp([0, 1], Rotation.from_rotvec(ends))(share).as_matrix()
        for sign in (1, -1):  # both name the same rotation
            found = matrix_from_quaternion(slerp(p, sign * q, share)).numpy()
            assert np.abs(found - expected).max() < 1e-12
