"""Angles and lengths of bodies whose pose is known."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from benchmarks.biases import measures, side_of
from fitting import BodyParams
from fitting.body.skeleton import SMPL_24
from tools.render_people import points_of

DOWN, FACING = np.array([np.pi, 0, 0]), 180.0  # SMPL's y is up, the camera's is down


def person(yaw: float = 0.0, lean: float = 0.0, **bends: list[float]) -> BodyParams:
    """Somebody who faces the camera, or is turned by yaw; lean is to the front, degrees."""
    upright = Rotation.from_rotvec(DOWN)
    turned = upright * Rotation.from_euler("YX", [yaw, lean], degrees=True)
    pose = np.zeros((24, 3))
    for joint, bend in bends.items():
        pose[SMPL_24.names.index(joint)] = np.radians(bend)
    return BodyParams(
        betas=np.zeros((1, 10)),
        global_orient=turned.as_rotvec()[None],
        body_pose=pose[1:].reshape(1, 69),
        transl=np.array([[0.0, 0.0, 4.0]]),
    )


def measured(body, params: BodyParams) -> dict[str, float]:
    joints = points_of(body, params)[None, :14]
    return {name: float(values[0]) for name, values in measures(joints, params).items()}


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("knee flexion", {"left_knee": [30, 0, 0], "right_knee": [30, 0, 0]}, 30),
        ("elbow flexion", {"left_elbow": [0, -40, 0], "right_elbow": [0, 40, 0]}, 40),
        ("head up", {"head": [-15, 0, 0]}, 15),
        ("trunk, forward", {"lean": 10}, 10),
        ("trunk, forward", {"lean": 10, "yaw": 90}, 10),
        ("trunk, away", {"lean": 10}, -10),
        ("trunk, away", {"lean": 10, "yaw": 180}, 10),
    ],
)
def test_a_bend_is_measured_with_its_sign(body, name, change, expected):
    plain = measured(body, person(yaw=change.get("yaw", 0)))
    assert measured(body, person(**change))[name] - plain[name] == pytest.approx(expected, abs=4)


def test_thighs_at_a_right_angle_to_the_trunk(body):
    seated = person(left_hip=[-90, 0, 0], right_hip=[-90, 0, 0])
    assert measured(body, seated)["hip flexion"] == pytest.approx(90, abs=8)
    assert measured(body, person())["hip flexion"] < 20


def test_lengths_do_not_change_with_the_pose(body):
    one, other = measured(body, person()), measured(body, person(lean=40, left_knee=[90, 0, 0]))
    for name in ("legs, cm", "arms, cm"):
        assert other[name] == pytest.approx(one[name], abs=1e-6)
    assert 70 < one["legs, cm"] < 95


@pytest.mark.parametrize(
    ("yaw", "side"), [(0, "front"), (40, "front"), (-90, "side"), (120, "side"), (150, "back")]
)
def test_the_side_that_a_person_is_seen_from(yaw, side):
    assert side_of(person(yaw)).tolist() == [side]
