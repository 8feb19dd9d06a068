"""People over time: a drawn body that moves is got back steadier than frame by frame."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from fitting import Camera, Keypoints, Status, fit
from fitting.body.kinematics import Kinematics
from fitting.camera import project
from fitting.joints import HIPS
from fitting.rotations import rotation_and_left_jacobian
from fitting.sequence.follow import follow
from fitting.sequence.settings import CameraKind, Method, SequenceConfig
from fitting.sequence.sides import exchanged
from tests.conftest import ROOT

FRAMES, FPS, FOCAL = 24, 24.0, 800.0


@pytest.fixture(scope="module")
def settings() -> SequenceConfig:
    values = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/sequence/track.yaml"))
    return SequenceConfig(**{**values, "method": Method.track, "camera": CameraKind.static})


def body_in_motion(body, prior, seed=0, noise=2.0):
    """Keypoints, camera and true joints of somebody who waves and walks sideways."""
    rng, time = np.random.default_rng(seed), np.arange(FRAMES) / FPS
    pose = np.tile(prior.mean_pose, (FRAMES, 1))
    pose[:, 3 * 15 + 2] += 0.6 * np.sin(4 * time)  # left shoulder
    pose[:, 3 * 17 + 1] += 0.5 * np.cos(3 * time)  # left elbow
    root = rotation_and_left_jacobian(torch.tensor([[np.pi, 0.0, 0.0]] * FRAMES))[0].double()
    betas = np.tile(rng.normal(0, 0.7, 10), (FRAMES, 1))
    transl = np.stack([0.5 * time - 0.2, 0 * time, 3.5 + 0.3 * time], 1)
    posed = Kinematics(body).points(root, torch.as_tensor(pose), torch.as_tensor(betas))
    joints = posed.points.numpy() + transl[:, None]
    camera = Camera(np.full(FRAMES, FOCAL), np.full((FRAMES, 2), 319.5))
    tensors = map(torch.as_tensor, (joints, camera.focal_length, camera.center))
    xy = project(*tensors)[0].numpy() + rng.normal(0, noise, (FRAMES, 14, 2))
    keypoints = Keypoints(
        np.arange(FRAMES, dtype=np.int32),
        np.zeros(FRAMES, np.int32),
        xy.astype(np.float32),
        np.full((FRAMES, 14), 0.9, np.float32),
    )
    return keypoints, camera, joints


def shake(joints):
    """Mean acceleration, mm per frame^2."""
    return 1000 * np.linalg.norm(joints[2:] - 2 * joints[1:-1] + joints[:-2], axis=-1).mean()


def error(found, truth):
    about = [j - j[:, HIPS].mean(1, keepdims=True) for j in (found, truth)]
    return 1000 * np.linalg.norm(about[0] - about[1], axis=-1).mean()


@pytest.fixture(scope="module")
def clip(body, prior, assets, preset):
    keypoints, camera, truth = body_in_motion(body, prior)
    return keypoints, fit(keypoints, camera, assets, preset("lifted")), truth


TIMES = np.arange(FRAMES) / FPS


def test_steadier_nearer_and_of_one_shape(clip, assets, preset, settings) -> None:
    keypoints, result, truth = clip
    motion = follow(keypoints, result, TIMES, assets, preset("lifted"), settings)
    joints = motion.result.joints
    assert shake(joints) < 0.1 * shake(result.joints)
    assert shake(joints - truth) < 3
    assert error(joints, truth) < 0.9 * error(result.joints, truth)
    assert np.ptp(motion.result.params.betas, axis=0).max() == 0
    assert motion.result.fitted.all()
    assert motion.result.stage_terms.shape[1] == result.stage_terms.shape[1] + 1
    np.testing.assert_allclose(motion.result.stage_terms[:, -1].sum(1), motion.result.cost)
    np.testing.assert_array_equal(motion.keypoints.xy, keypoints.xy)


@pytest.mark.parametrize("name", ["multistart", "smplify", "smplify_release"])
def test_every_preset(clip, assets, preset, settings, name) -> None:
    keypoints, lifted, _ = clip
    some = slice(0, 6)
    config = preset(name)
    result = fit(keypoints[some], lifted.camera[some], assets, config)
    motion = follow(keypoints[some], result, TIMES, assets, config, settings)
    assert shake(motion.result.joints) < 0.2 * shake(result.joints)
    assert motion.result.reprojection_error.mean() < 2 * result.reprojection_error.mean() + 2


def test_a_gap_is_filled_with_what_lies_between(clip, assets, preset, settings) -> None:
    keypoints, result, truth = clip
    there = np.r_[:10, 15:FRAMES]
    motion = follow(keypoints[there], result[there], TIMES, assets, preset("lifted"), settings)
    assert motion.result.frame.tolist() == list(range(FRAMES))
    filled = motion.result.status == Status.FILLED
    assert np.flatnonzero(filled).tolist() == [10, 11, 12, 13, 14]
    assert motion.keypoints.confidence[filled].max() == 0
    assert motion.keypoints.confidence[~filled].min() > 0
    assert error(motion.result.joints[filled], truth[filled]) < 80
    assert shake(motion.result.joints) < 0.1 * shake(result.joints)


def test_a_long_gap_stays_open(clip, assets, preset, settings) -> None:
    keypoints, result, _ = clip
    there, short = np.r_[:8, 16:FRAMES], replace(settings, max_fill=0.1)
    motion = follow(keypoints[there], result[there], TIMES, assets, preset("lifted"), short)
    assert motion.result.frame.tolist() == there.tolist()
    assert (motion.result.status != Status.FILLED).all()
    assert np.ptp(motion.result.params.betas, axis=0).max() == 0  # the same person all the same


def test_too_few_joints_in_some_frames(clip, assets, preset, settings) -> None:
    keypoints, result, _ = clip
    confidence = keypoints.confidence.copy()
    confidence[5:8, 2:] = 0
    seen = replace(keypoints, confidence=confidence)
    poor = fit(seen, result.camera, assets, preset("lifted"))
    assert not poor.fitted[5:8].any()
    motion = follow(seen, poor, TIMES, assets, preset("lifted"), settings)
    assert (motion.result.status[5:8] == Status.FILLED).all()
    assert shake(motion.result.joints) < 0.1 * shake(result.joints)


def test_sides_are_left_as_detected_if_that_is_asked_for(clip, assets, preset, settings) -> None:
    labels = np.zeros(FRAMES, np.int32)
    labels[10:13] = 1
    seen = exchanged(clip[0], labels)
    result = fit(seen, clip[1].camera, assets, preset("lifted"))
    for sides, reading in ((True, 1), (False, 0)):
        with_sides = replace(settings, sides=sides)
        motion = follow(seen, result, TIMES, assets, preset("lifted"), with_sides)
        np.testing.assert_array_equal(motion.reading, reading * labels)


def test_people_do_not_touch_each_other(clip, assets, preset, settings) -> None:
    keypoints, result, _ = clip
    other = replace(keypoints, track=keypoints.track + 4, xy=keypoints.xy + 40)
    theirs = fit(other, result.camera, assets, preset("lifted"))
    both = [Keypoints.concatenate([keypoints, other]), type(result).concatenate([result, theirs])]
    order = np.argsort(both[0].frame, kind="stable")
    motion = follow(both[0][order], both[1][order], TIMES, assets, preset("lifted"), settings)
    alone = follow(keypoints, result, TIMES, assets, preset("lifted"), settings)
    mine = motion[motion.result.track == 0]
    np.testing.assert_allclose(mine.result.joints, alone.result.joints, atol=1e-6)


def test_pieces_give_what_the_whole_gives(clip, assets, preset, settings) -> None:
    keypoints, result, _ = clip
    pieces = replace(settings, window=9, overlap=4)
    whole, parts = (
        follow(keypoints, result, TIMES, assets, preset("lifted"), s).result.joints
        for s in (settings, pieces)
    )
    assert error(parts, whole) < 20
    assert shake(parts) < 0.15 * shake(result.joints)  # no jerk where pieces meet


def test_two_frames_stay_as_they_are(clip, assets, preset, settings) -> None:
    keypoints, result, _ = clip
    motion = follow(keypoints[:2], result[:2], TIMES, assets, preset("lifted"), settings)
    np.testing.assert_array_equal(motion.result.joints, result.joints[:2])
    np.testing.assert_array_equal(motion.result.stage_terms[:, -1], result.stage_terms[:2, -1])


def test_nobody(clip, assets, preset, settings) -> None:
    keypoints, result, _ = clip
    assert len(follow(keypoints[:0], result[:0], TIMES, assets, preset("lifted"), settings)) == 0
