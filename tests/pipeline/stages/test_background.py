"""The motion of what is behind people is measured; people in front of it count for nothing."""

import cv2
import numpy as np
import pytest

from pipeline.stages.background import Background

WIDTH, HEIGHT = 640, 360
DIAGONAL = np.hypot(WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def scenery() -> np.ndarray:
    """A large picture of soft patches."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (90, 160, 3)).astype(np.uint8)
    return cv2.resize(coarse, (1280, 720), interpolation=cv2.INTER_CUBIC)


def look(scenery: np.ndarray, right=0.0, down=0.0, turn=0.0, growth=0.0) -> np.ndarray:
    """The middle of the scenery, moved, turned and grown in the picture."""
    matrix = cv2.getRotationMatrix2D((639.5, 359.5), -np.degrees(turn), np.exp(growth))
    matrix[:, 2] += right - 320, down - 180
    return cv2.warpAffine(scenery, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)


def moved(frames: list[np.ndarray], boxes: list[list[float]] | None = None):
    """What is measured in every frame; a box in each, the same row."""
    background = Background()
    for frame in frames:
        background.see(frame)
    rows = np.arange(len(frames), dtype=np.int32)
    if boxes is None:
        boxes = [[0, 0, 1, 1]] * len(frames)
    return background.of(rows, np.array(boxes, np.float32))


def test_a_pan_is_measured(scenery: np.ndarray) -> None:
    found, together = moved([look(scenery, -7.0 * k, 2.0 * k) for k in range(30)])
    np.testing.assert_allclose(found[-1, :2] * DIAGONAL, [-203, 58], atol=1.5)
    np.testing.assert_allclose(found[:, 2:], 0, atol=0.01)
    assert together.min() > 0.8


def test_a_turn_and_a_zoom_are_measured(scenery: np.ndarray) -> None:
    found, _ = moved([look(scenery, turn=0.01 * k, growth=0.005 * k) for k in range(25)])
    np.testing.assert_allclose(found[-1], [0, 0, 0.24, 0.12], atol=0.01)


def test_a_camera_on_a_tripod_does_not_drift(scenery: np.ndarray) -> None:
    rng, still = np.random.default_rng(1), look(scenery).astype(float)
    frames = [(still + rng.normal(0, 6, still.shape)).clip(0, 255).astype(np.uint8)] * 3
    frames += [(still + rng.normal(0, 6, still.shape)).clip(0, 255).astype(np.uint8) for _ in "123"]
    found, _ = moved(frames * 10)
    assert np.abs(found[:, :2]).max() < 0.0005


def test_a_shake_comes_back_to_where_it_was(scenery: np.ndarray) -> None:
    way = 12 * np.sin(np.arange(40))
    found, _ = moved([look(scenery, right) for right in way])
    np.testing.assert_allclose(found[:, 0] * DIAGONAL, way - way[0], atol=0.5)


def walker(frame: np.ndarray, place: int) -> tuple[np.ndarray, list[float]]:
    """A large striped person in front of it, and their box."""
    frame = frame.copy()
    stripes = (np.arange(330)[:, None] // 12 + np.arange(260) // 15) % 2
    frame[20:350, place : place + 260] = 60 + 140 * stripes[..., None]
    return frame, [place, 20, place + 260, 350]


def test_a_person_who_walks_in_front_is_no_camera_motion(scenery: np.ndarray) -> None:
    frames, boxes = zip(*(walker(look(scenery), 20 + 6 * k) for k in range(50)), strict=True)
    found, together = moved(list(frames), list(boxes))
    assert np.abs(found[:, :2]).max() < 0.001
    assert together.min() > 0.9


def test_nothing_is_known_where_a_person_fills_the_picture(scenery: np.ndarray) -> None:
    found, together = moved([look(scenery, k) for k in range(5)], [[0, 0, WIDTH, HEIGHT]] * 5)
    assert np.isnan(found).all()
    assert np.isnan(together).all()


def test_plain_frames_and_frames_never_seen_tell_nothing(scenery: np.ndarray) -> None:
    assert np.isnan(moved([np.full((90, 120, 3), 128, np.uint8)] * 4)[0]).all()
    found, _ = Background().of(np.array([0, 3], np.int32), np.zeros((2, 4), np.float32))
    assert found.shape == (2, 4)
    assert np.isnan(found).all()
