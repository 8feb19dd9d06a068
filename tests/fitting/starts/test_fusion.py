"""The detector's 3-D joints beside the lifter's: by hand where numbers can be told."""

import numpy as np
import pytest
import torch

from fitting.joints import HIPS, LSP_14
from fitting.starts.fusion import Fusion, load_fusion, sized_as, straight_at, torso_frame
from fitting.starts.lifter import Lifted
from tests.conftest import ROOT

AHEAD = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
NECK = LSP_14.index("neck")
LEFT, RIGHT = LSP_14.index("left_shoulder"), LSP_14.index("right_shoulder")


def person(seed: int = 0) -> torch.Tensor:
    """(1, 14, 3) about the hips; the trunk upright, facing the camera (y down, z forward)."""
    joints = np.random.default_rng(seed).normal(0, 0.3, (14, 3))
    joints[HIPS] = (-0.1, 0, 0), (0.1, 0, 0)
    joints[RIGHT], joints[LEFT], joints[NECK] = (-0.2, -0.5, 0), (0.2, -0.5, 0), (0, -0.5, 0)
    return torch.as_tensor(joints)[None]


def table(share: float = 0.0, **offset: list[float]) -> Fusion:
    offsets = torch.zeros(14, 3, dtype=torch.float64)
    for name, value in offset.items():
        offsets[LSP_14.index(name)] = torch.tensor(value, dtype=torch.float64)
    return Fusion(offsets, torch.full((14, 2), share, dtype=torch.float64))


def lifted(joints: torch.Tensor) -> Lifted:
    return Lifted(joints, torch.ones(joints.shape[:2], dtype=joints.dtype))


def test_the_frame_of_a_person_who_faces_the_camera():
    # Left of the person is right in the picture, up is -y, in front is towards the camera, -z.
    expected = torch.tensor([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]], dtype=torch.float64).T
    torch.testing.assert_close(torso_frame(person())[0], expected)


def test_no_share_changes_nothing_and_all_of_it_takes_the_detectors():
    ours, theirs = person(0), person(1)
    torch.testing.assert_close(table(0).fuse(lifted(ours), theirs, AHEAD).joints, ours)
    theirs = theirs * (1 / 1.7)  # a smaller body: only its shape counts
    got = table(1).fuse(lifted(ours), theirs, AHEAD).joints
    torch.testing.assert_close(got, sized_as(ours, theirs, torch.ones(1, 14, dtype=torch.bool)))
    half = table(0.5).fuse(lifted(ours), theirs, AHEAD).joints
    torch.testing.assert_close(half, (ours + got) / 2)


def test_across_the_picture_and_in_depth_have_shares_of_their_own():
    ours, theirs = person(0), person(1)
    share = torch.tensor([[1.0, 0.0]] * 14, dtype=torch.float64)
    got = Fusion(torch.zeros(14, 3, dtype=torch.float64), share).fuse(lifted(ours), theirs, AHEAD)
    torch.testing.assert_close(got.joints[..., 2], ours[..., 2])
    assert (got.joints[..., :2] - ours[..., :2]).abs().max() > 0.1


def test_offsets_are_in_the_frame_of_the_trunk():
    ours = person(0)
    moved = table(1, neck=[0, 0, 0], head_top=[0.0, 0.0, 0.1]).fuse(lifted(ours), ours, AHEAD)
    head = (moved.joints - ours)[0, LSP_14.index("head_top")]
    assert head[2] == pytest.approx(-0.1, abs=0.02), "in front of the person: towards the camera"
    assert head[:2].abs().max() < 0.03


def test_people_beside_the_axis_are_seen_from_their_side():
    ray = torch.tensor([[0.6, -0.3, 1.0]], dtype=torch.float64)
    turn = straight_at(ray)[0]
    torch.testing.assert_close(turn @ AHEAD[0], ray[0] / ray[0].norm())
    torch.testing.assert_close(turn @ turn.T, torch.eye(3, dtype=torch.float64))
    ours = person(0)
    seen_by_a_crop = torch.einsum("ij,bkj->bki", turn.T, ours)
    got = table(1).fuse(lifted(ours), seen_by_a_crop, ray)
    torch.testing.assert_close(got.joints, ours)


def test_what_the_detector_does_not_know_stays():
    ours, theirs = person(0), person(1)
    ankle, wrist = LSP_14.index("left_ankle"), LSP_14.index("right_wrist")
    theirs[0, ankle] = torch.nan
    got = table(1).fuse(lifted(ours), theirs, AHEAD).joints
    assert got.isfinite().all()
    torch.testing.assert_close(got[0, ankle], ours[0, ankle])
    assert (got - ours)[0, wrist].norm() > 0.05
    theirs[0, NECK] = torch.nan
    torch.testing.assert_close(table(1).fuse(lifted(ours), theirs, AHEAD).joints, ours)
    unknown = torch.full_like(ours, torch.nan)
    torch.testing.assert_close(table(1).fuse(lifted(ours), unknown, AHEAD).joints, ours)


def test_nobody():
    nobody = lifted(torch.zeros(0, 14, 3, dtype=torch.float64))
    got = table(1).fuse(nobody, nobody.joints, torch.zeros(0, 3, dtype=torch.float64))
    assert got.joints.shape == (0, 14, 3)


def test_tables_that_cannot_be(tmp_path):
    with pytest.raises(
        ValueError, match=r"Fusion\.offset: expected shape \(14, 3\), got \(13, 3\)"
    ):
        Fusion(torch.zeros(13, 3), torch.zeros(14, 2))
    with pytest.raises(ValueError, match=r"Fusion\.share: expected 0\.\.1"):
        table(1.5)
    np.savez(tmp_path / "t.npz", offset=np.full((14, 3), np.nan), share=np.zeros((14, 2)))
    with pytest.raises(ValueError, match=r"t\.npz: expected finite numbers"):
        load_fusion(tmp_path / "t.npz")


def test_the_projects_own_table_is_plausible():
    own = load_fusion(ROOT / "assets/fusion_blazepose.npz")
    assert own.offset.abs().max() < 0.12, "m: landmarks are on the body"
    assert 0.1 < own.share.mean() < 0.8, "neither guess is of no use"
    hips = own.share[HIPS]
    assert hips.max() < 0.2, "hips are the origin of both"
