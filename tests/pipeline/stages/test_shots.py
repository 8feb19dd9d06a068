"""Cuts of the camera are seen; motion, light, flashes and plain frames are none."""

import numpy as np
import pytest

from pipeline.stages.shots import Shots

SIZE = (90, 120)


def scene(seed: int, size: tuple[int, int] = SIZE, shift: int = 0) -> np.ndarray:
    """A picture of coarse random patches, moved sideways by `shift` px."""
    height, width = size
    coarse = np.random.default_rng(seed).integers(30, 200, (12, 40, 3))
    rows, columns = np.arange(height) * 12 // height, (np.arange(width) + shift) * 16 // width
    return coarse[rows[:, None], columns % 40].astype(np.uint8)


def shots_of(*frames: np.ndarray) -> list[int]:
    shots = Shots()
    for frame in frames:
        shots.see(frame)
    return shots.of(np.arange(len(frames), dtype=np.int32)).tolist()


@pytest.mark.parametrize("size", [SIZE, (1080, 1920), (1920, 1080), (20, 30)])
def test_a_cut_starts_a_new_shot(size: tuple[int, int]) -> None:
    frames = [scene(seed, size) for seed in (0, 0, 1, 1, 1, 2)]
    assert shots_of(*frames) == [0, 0, 1, 1, 1, 2]


def test_a_moving_camera_is_no_cut() -> None:
    assert set(shots_of(*(scene(0, shift=2 * k) for k in range(60)))) == {0}
    assert np.abs(scene(0).astype(int) - scene(0, shift=118)).mean() > 40, "far away in the end"


def test_a_light_that_is_switched_on_is_no_cut() -> None:
    dark = (scene(0) * 0.3).astype(np.uint8)
    assert shots_of(dark, dark, scene(0), scene(0)) == [0, 0, 0, 0]


def test_a_flash_or_a_damaged_frame_does_not_end_a_shot() -> None:
    assert shots_of(scene(0), scene(5), scene(0), scene(0)) == [0, 1, 0, 0]
    white = np.full((*SIZE, 3), 255, np.uint8)
    assert shots_of(scene(0), white, scene(0)) == [0, 0, 0]


def test_a_cut_through_black_is_one() -> None:
    black = np.zeros((*SIZE, 3), np.uint8)
    assert shots_of(black, black, scene(0), black, black, scene(1)) == [0, 0, 0, 0, 0, 1]


def test_frames_that_were_never_seen_belong_to_the_last_shot() -> None:
    assert Shots().of(np.array([0, 0, 3], np.int32)).tolist() == [0, 0, 0]
    shots = Shots()
    shots.see(scene(0))
    shots.see(scene(1))
    result = shots.of(np.array([0, 1, 2, 9], np.int32))
    assert result.tolist() == [0, 1, 1, 1]
    assert result.dtype == np.int32
