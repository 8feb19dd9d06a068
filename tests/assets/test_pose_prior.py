"""The shipped pose prior: a valid mixture, mirror-symmetric, and able to tell bent from broken."""

from pathlib import Path

import numpy as np
import pytest

from tools.train_pose_prior import (
    JOINTS,
    Mixture,
    held_out,
    implausible,
    limit_subjects,
    mirror,
    read,
    split_subjects,
    train,
    variance_floors,
)

ROOT = Path(__file__).parents[2]
PRIOR = ROOT / "assets" / "pose_prior.npz"
MOCAP = ROOT.parent / "shared" / "mocap" / "cmu_poses_train.npz"
needs_mocap = pytest.mark.skipif(not MOCAP.exists(), reason=f"CMU poses not at {MOCAP}")


@pytest.fixture(scope="module")
def prior() -> Mixture:
    with np.load(PRIOR, allow_pickle=False) as data:
        return Mixture(data["weights"], data["means"], data["covars"])


def angle(name: str, axis: str) -> int:
    return 3 * JOINTS.index(name) + "xyz".index(axis)


def pose(**angles: float) -> np.ndarray:
    """One pose (1, 69) at rest but for angles given as joint_axis=rad."""
    row = np.zeros((1, 69))
    for name, value in angles.items():
        row[0, angle(*name.rsplit("_", 1))] = value
    return row


def test_is_a_normalised_mixture_of_eight_positive_definite_gaussians(prior):
    assert prior.means.shape == (8, 69)
    assert prior.covars.shape == (8, 69, 69)
    assert prior.weights.sum() == pytest.approx(1, abs=1e-9)
    assert prior.weights.min() > 0.02, "a component nobody belongs to"
    np.testing.assert_allclose(prior.covars, prior.covars.transpose(0, 2, 1), atol=1e-12)
    floor = variance_floors().min()
    assert np.linalg.eigvalsh(prior.covars).min() >= 0.99 * floor
    assert np.linalg.eigvalsh(prior.covars.astype(np.float32)).min() >= 0.99 * floor


def test_file_is_small_and_carries_its_terms():
    assert PRIOR.stat().st_size < 3e6
    with np.load(PRIOR, allow_pickle=False) as data:
        assert {"means", "covars", "weights", "source", "licence", "command"} == set(data)
        assert "EIA-0196217" in str(data["licence"])
        assert "train_pose_prior.py" in str(data["command"])
        assert "/work" not in str(data["command"]) + str(data["source"])
    terms = " ".join(PRIOR.with_suffix(".LICENSE.md").read_text().replace(">", "").split())
    assert "This dataset of motions is free for all uses. You may include this data in " in terms
    assert "obtained from mocap.cs.cmu.edu. The database was created with funding" in terms


def test_degrees_of_freedom_nobody_captured_stay_free(prior):
    std = np.sqrt(prior.covars.diagonal(axis1=1, axis2=2))
    assert (std[:, angle("left_hand", "x")] >= 0.20).all()
    assert (std[:, angle("right_knee", "y")] >= 0.15).all()
    assert (std[:, angle("left_foot", "z")] >= 0.20).all()


def test_mirroring_swaps_sides_and_is_its_own_inverse():
    raised = pose(left_shoulder_x=0.1, left_shoulder_y=0.2, left_shoulder_z=-0.9, head_y=0.3)
    expected = pose(right_shoulder_x=0.1, right_shoulder_y=-0.2, right_shoulder_z=0.9, head_y=-0.3)
    np.testing.assert_array_equal(mirror(raised), expected)
    np.testing.assert_array_equal(mirror(mirror(raised)), raised)


def test_bending_directions(prior):
    """In SMPL's frames the left elbow closes about -y, the right about +y, both knees about +x."""
    assert angle("left_elbow", "y") + 3 == 55
    assert angle("right_elbow", "y") + 3 == 58
    assert angle("left_knee", "x") + 3 == 12
    assert angle("right_knee", "x") + 3 == 15
    assert (prior.means[:, angle("left_elbow", "y")] < -0.2).all()
    assert (prior.means[:, angle("right_elbow", "y")] > 0.2).all()
    assert (prior.means[:, angle("left_knee", "x")] > 0.2).all()
    assert (prior.means[:, angle("right_knee", "x")] > 0.2).all()


@pytest.mark.parametrize(
    ("bent", "broken"),
    [
        (pose(left_elbow_y=-0.7), pose(left_elbow_y=0.7)),
        (pose(right_elbow_y=0.7), pose(right_elbow_y=-0.7)),
        (pose(left_knee_x=0.7), pose(left_knee_x=-0.7)),
        (pose(right_knee_x=0.7), pose(right_knee_x=-0.7)),
        (pose(left_hip_x=-0.9), pose(left_hip_x=0.9)),
    ],
    ids=["left elbow", "right elbow", "left knee", "right knee", "left hip"],
)
def test_bent_costs_less_than_broken(prior, bent, broken):
    # Only by a factor of e^2: the energy is soft here, the fit's own angle term does the rest.
    assert prior.energy(bent)[0] + 2 < prior.energy(broken)[0]


def test_standing_is_ordinary_and_noise_is_not(prior):
    noise = np.random.default_rng(0).normal(0, 0.5, (50, 69))
    assert prior.energy(np.zeros((1, 69)))[0] < 40
    assert prior.energy(noise).min() > 60


def test_energy_is_the_negative_log_of_the_likeliest_component():
    covars = np.stack([np.eye(69), 4 * np.eye(69)])
    toy = Mixture(np.array([0.25, 0.75]), np.zeros((2, 69)), covars)
    # At the mean the narrow component wins: its log determinant is 69 log 2 below the wide one's.
    assert toy.energy(np.zeros((1, 69)))[0] == pytest.approx(-np.log(0.25))
    far = np.full((1, 69), 10.0)
    wide = 0.5 * 69 * 100 / 4 + 69 * np.log(2) - np.log(0.75)
    assert toy.energy(far)[0] == pytest.approx(wide)


@needs_mocap
def test_a_pose_and_its_mirror_image_are_equally_likely(prior):
    poses = limit_subjects(read([MOCAP])).poses[::10]
    here, there = prior.log_likelihood(poses), prior.log_likelihood(mirror(poses))
    assert abs(here.mean() - there.mean()) < 0.5
    assert np.abs(here - there).mean() < 1


@needs_mocap
def test_reading_cmu_data_caps_each_subject():
    data = limit_subjects(read([MOCAP]))
    _, counts = np.unique(data.subject, return_counts=True)
    assert counts.max() == 500
    assert len(data.poses) == 7586
    assert not data.poses[:, 63:].any(), "hands are at rest"


def test_reads_both_kinds_of_amass_files(tmp_path):
    body = np.random.default_rng(0).normal(size=(5, 63))
    (tmp_path / "walker").mkdir()
    full = np.concatenate([np.ones((5, 3)), body, np.ones((5, 90))], axis=1)
    np.savez(tmp_path / "walker" / "a.npz", poses=full)
    np.savez(tmp_path / "walker" / "b.npz", pose_body=body)
    data = read([tmp_path / "walker" / "a.npz", tmp_path / "walker" / "b.npz"])
    np.testing.assert_array_equal(data.poses[:5, :63], body)
    np.testing.assert_array_equal(data.poses[5:], data.poses[:5])
    assert data.trial.tolist() == [0] * 5 + [1] * 5
    assert set(data.subject) == {"walker"}
    assert len(limit_subjects(data, 4).poses) == 4


def test_refuses_files_without_poses(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match=r"other\.npz: expected body_pose"):
        read([tmp_path / "other.npz"])


@pytest.mark.slow
@needs_mocap
def test_retraining_reproduces_the_asset(prior):
    data = limit_subjects(split_subjects(read([MOCAP]))[0])
    again = train(data.poses).log_likelihood(data.poses).mean()
    assert again == pytest.approx(prior.log_likelihood(data.poses).mean(), abs=0.05)


@pytest.mark.slow
@needs_mocap
def test_unseen_trials_are_likely_and_broken_poses_stand_out():
    data = limit_subjects(read([MOCAP]))
    hidden = held_out(data.trial)[0]
    mixture, real = train(data.poses[~hidden]), data.poses[hidden]
    assert mixture.log_likelihood(real).mean() > 40
    energy = mixture.energy(real)
    assert np.median(energy) < 33
    wins = {name: (mixture.energy(x) > energy).mean() for name, x in implausible(real).items()}
    assert min(wins.values()) > 0.8, wins
