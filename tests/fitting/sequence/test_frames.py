"""The data of a track: rows of its frames, where its bodies start, what is seen of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fitting import BodyParams, Keypoints
from fitting.joints import LSP_14
from fitting.objective.model import Model
from fitting.rotations import matrix_from_quaternion, rotation_and_left_jacobian
from fitting.sequence.frames import keypoints_of, observed, states_of
from fitting.sequence.timeline import ADDED, Timeline
from fitting.starts.retrieval import TORSO_LENGTH
from tests.fitting.test_smplify import people, seen

# Six frames of person 7. Frame 11 has no row, frame 13 a row without a fit; rows are not in order.
TIMELINE = Timeline(
    track=7,
    row=np.array([2, ADDED, 0, 4, 3, 1]),
    frame=np.array([10, 11, 12, 13, 14, 15]),
    times=np.array([1.0, 1.1, 1.4, 1.5, 1.7, 1.8]),
    known=np.array([True, False, True, False, True, True]),
    segment=np.zeros(6, int),
)
KNOWN = np.flatnonzero(TIMELINE.known)


@pytest.fixture(scope="module")
def rows(body, prior) -> tuple[Keypoints, BodyParams]:
    """Keypoints and bodies of five rows."""
    params = people(prior, n=5)
    turn = np.array([[np.pi, 0, 0]]) + 0.3 * np.random.default_rng(0).normal(size=(5, 3))
    return seen(body, params)[0], replace(params, global_orient=turn)


def test_frames_have_their_rows_and_nothing_is_seen_in_those_that_were_added(rows):
    found = keypoints_of(TIMELINE, rows[0])
    assert found.frame.tolist() == [10, 11, 12, 13, 14, 15]
    assert found.track.tolist() == [7] * 6
    there = TIMELINE.row != ADDED
    np.testing.assert_array_equal(found.xy[there], rows[0].xy[TIMELINE.row[there]])
    assert not found.confidence[1].any()
    assert not found.extra_confidence[1].any()
    assert found.confidence[there].all()


def test_fitted_frames_start_at_their_fits_and_others_on_the_way_between(rows):
    x, params = states_of(TIMELINE, rows[1], "cpu").numpy(), rows[1]
    rest = np.concatenate([params.body_pose, params.betas, params.transl], 1)
    np.testing.assert_allclose(x[KNOWN, 4:], rest[TIMELINE.row[KNOWN]], atol=1e-12)
    np.testing.assert_allclose(
        x[1, 4:], 0.75 * rest[2] + 0.25 * rest[0], atol=1e-12
    )  # 0.1 of 0.4 s
    np.testing.assert_allclose(x[3, 4:], (2 * rest[0] + rest[3]) / 3, atol=1e-12)  # 0.1 of 0.3 s
    turns = matrix_from_quaternion(torch.as_tensor(x[:, :4]))
    own = rotation_and_left_jacobian(torch.as_tensor(params.global_orient))[0]
    torch.testing.assert_close(turns[KNOWN], own[TIMELINE.row[KNOWN]])
    whole, part = own[2].T @ own[0], own[2].T @ turns[1]

    def angle(turn):
        return torch.arccos((turn.trace() - 1) / 2)

    assert angle(part).item() == pytest.approx(0.25 * angle(whole).item(), rel=1e-6)


@pytest.fixture(scope="module")
def model(body, prior) -> Model:
    return Model(body, prior, extras=True)


@pytest.fixture
def looked(rows, body, prior, assets, preset, model):
    """What is seen of the track with some settings, and the states that it starts from."""

    def look(name: str = "smplify", **changes):
        config = replace(preset(name), **changes)
        keypoints, camera = keypoints_of(TIMELINE, rows[0]), seen(body, people(prior, n=6))[1]
        x = states_of(TIMELINE, rows[1], "cpu")
        return observed(model, TIMELINE, (keypoints, camera), x, assets, config), x

    return look


def test_every_frame_has_all_points_those_of_face_and_feet_unseen(looked):
    found, _ = looked()
    assert found.xy.shape == (6, 25, 2)
    assert found.seen[:, 14:].sum() == found.weight[:, 14:].sum() == 0
    assert found.seen[[0, 2, 3, 4, 5], :14].all()
    assert not found.seen[1].any()


def test_depth_is_that_of_the_triangles_where_there_is_a_body(looked, model):
    found, x = looked(relative_depth=True)
    points = model.pose(x).points
    hips, shoulders = [2, 3], [8, 9]
    up = points[:, shoulders].mean(1) - points[:, hips].mean(1)
    flat = found.xy[:, shoulders].mean(1) - found.xy[:, hips].mean(1)
    rough = found.focal_length * up.norm(dim=1) / flat.norm(dim=1)
    assert found.depth[KNOWN].numpy() == pytest.approx(rough[KNOWN].numpy(), rel=0.15)
    unknown = ~TIMELINE.known
    np.testing.assert_array_equal(found.depth[unknown], x[unknown, -1])
    assert found.depth_unit[unknown].isinf().all(), "nothing pulls them"
    np.testing.assert_array_equal(found.depth_unit[KNOWN], found.depth[KNOWN])
    metres, _ = looked(relative_depth=False)
    assert (metres.depth_unit[KNOWN] == 1).all()


def test_pixels_count_as_if_all_were_of_the_reference_size(looked):
    found, _ = looked(reference_torso=100.0)
    torso = found.focal_length * TORSO_LENGTH / found.depth
    torch.testing.assert_close(found.scale * torso, torch.full((6,), 100.0).double())
    assert (looked(reference_torso=0.0)[0].scale == 1).all()


def test_lifted_joints_are_those_of_frames_with_a_body(looked):
    found, _ = looked("lifted")
    assert found.target.shape == (6, len(LSP_14), 4)
    sure = found.target[..., 3] > 0
    assert sure[KNOWN].all()
    assert not found.target[~TIMELINE.known].any()
