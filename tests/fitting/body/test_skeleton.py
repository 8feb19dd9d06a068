"""Names, parents and counts of a body's joints."""

import numpy as np
import pytest

from fitting.body.skeleton import SMPL_24, Skeleton


def test_smpl_counts_and_hangs_together(body):
    assert (SMPL_24.n_joints, SMPL_24.n_turned, SMPL_24.n_pose) == (24, 23, 69)
    assert len(set(SMPL_24.names)) == 24
    assert body.skeleton == SMPL_24, "the project's own bodies hang together as SMPL's"
    for joint, name in enumerate(SMPL_24.names):
        side, _, rest = name.partition("_")
        if side == "left":
            other = SMPL_24.names.index(f"right_{rest}")
            parents = (SMPL_24.names[SMPL_24.parents[j]] for j in (joint, other))
            left, right = (parent.replace("left", "right") for parent in parents)
            assert left == right, name


def test_a_row_has_a_joint_and_all_between_it_and_the_root():
    above = SMPL_24.above()
    wrist = np.flatnonzero(above[SMPL_24.names.index("left_wrist")])
    assert [SMPL_24.names[joint] for joint in wrist] == [
        "pelvis",
        "spine1",
        "spine2",
        "spine3",
        "left_collar",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
    ]
    assert above[0].tolist() == [1.0] + 23 * [0.0]


def test_what_is_no_skeleton_is_refused():
    with pytest.raises(ValueError, match="1 names, 2 parents"):
        Skeleton(("pelvis",), (-1, 0))
    with pytest.raises(ValueError, match="every parent before its children"):
        Skeleton(("pelvis", "knee", "hip"), (-1, 2, 0))
