"""Bodies whose parts go through each other, for tests of E_sp."""

import numpy as np
import torch

from fitting.rotations import matrix_from_quaternion, quaternion_from_vector

FACING = [np.pi, 0.0, 0.0]
LEFT_SHOULDER, LEFT_ELBOW, RIGHT_SHOULDER, RIGHT_ELBOW = (slice(s, s + 3) for s in (45, 51, 48, 54))
IN_BELLY = ([0.77, 0.0, -1.14], [0.02, -2.01, -0.08])  # left shoulder and elbow


def posed(kinematics, poses, betas, root=FACING):
    turn = torch.as_tensor([root], dtype=poses.dtype).expand(len(poses), 3)
    return kinematics.points(matrix_from_quaternion(quaternion_from_vector(turn)), poses, betas)


def cost_of(term, body, betas, weight):
    """Only the value of the term: no contact is looked at twice."""
    _, row, exponent, _ = term._near(*term._spheres(body, betas))
    squared = (weight * torch.exp(-exponent)) ** 2
    return betas.new_zeros(len(betas)).index_add_(0, row, 0.5 * squared)
