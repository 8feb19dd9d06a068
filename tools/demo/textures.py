"""Procedural floors, walls and skies: sRGB colours 0..1 at points in metres."""

import numpy as np


def noise(points: np.ndarray) -> np.ndarray:
    """Smooth noise 0..1 with one feature per unit, for points (n, 2 or 3)."""
    cell = np.floor(points)
    part = points - cell
    part = part * part * (3 - 2 * part)
    total = np.zeros(len(points))
    for corner in np.ndindex(*(2,) * points.shape[1]):
        weight = np.prod(np.where(corner, part, 1 - part), axis=1)
        total += weight * _hash(cell + corner)
    return total


def wood(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Planks along z."""
    row = np.floor(x / 0.14)
    along = z / 1.3 + _hash(np.stack([row, 0 * row], 1)) * 3
    tone = 0.8 + 0.35 * _hash(np.stack([row, np.floor(along)], 1))
    grain = 0.9 + 0.2 * noise(np.stack([x * 70, z * 4], 1))
    joint = np.minimum(_near(x / 0.14, 0.14, 0.004), _near(along, 1.3, 0.004))
    return np.array((0.62, 0.45, 0.30)) * (tone * grain * (0.55 + 0.45 * joint))[:, None]


def tiles(x: np.ndarray, z: np.ndarray, color=(0.66, 0.65, 0.63), side: float = 0.6) -> np.ndarray:
    """Square slabs of stone."""
    tone = 0.92 + 0.12 * _hash(np.stack([np.floor(x / side), np.floor(z / side)], 1))
    speck = 0.93 + 0.14 * noise(np.stack([x * 45, z * 45], 1))
    joint = np.minimum(_near(x / side, side, 0.006), _near(z / side, side, 0.006))
    return np.array(color) * (tone * speck * (0.72 + 0.28 * joint))[:, None]


def grass(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """A lawn, paler with distance."""
    flat = np.stack([x, z], 1)
    tone = 0.6 + 0.3 * noise(flat * 1.7) + 0.35 * noise(flat * 28) * noise(flat * 90)
    return np.array((0.38, 0.52, 0.22)) * tone[:, None]


def bricks(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A painted brick wall."""
    row = np.floor(y / 0.085)
    shifted = x / 0.25 + 0.5 * (row % 2)
    tone = 0.90 + 0.14 * _hash(np.stack([row, np.floor(shifted)], 1))
    joint = np.minimum(_near(y / 0.085, 0.085, 0.006), _near(shifted, 0.25, 0.006))
    rough = 0.95 + 0.1 * noise(np.stack([x * 60, y * 60], 1))
    return np.array((0.80, 0.78, 0.74)) * (tone * rough * (0.84 + 0.16 * joint))[:, None]


def plaster(x: np.ndarray, y: np.ndarray, color) -> np.ndarray:
    """A painted wall."""
    flat = np.stack([x, y], 1)
    return np.array(color) * (0.97 + 0.04 * noise(flat * 3) + 0.02 * noise(flat * 80))[:, None]


def landscape(angle: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Sky, hills and trees by direction: tangents of the angles to the right and upwards."""
    sky = _mix((0.83, 0.90, 0.96), (0.42, 0.62, 0.88), np.clip(height / 0.6, 0, 1))
    cloud = noise(np.stack([angle * 4, height * 14], 1)) * noise(
        np.stack([angle * 11, height * 30], 1)
    )
    sky = sky + np.clip(1.6 * cloud - 0.5, 0, 0.5)[:, None] * (1 - sky)
    line = np.stack([angle, 0 * angle], 1)
    hills = 0.05 + 0.05 * noise(line * 4)
    trees = 0.02 + 0.05 * noise(line * 9) + 0.02 * noise(line * 60)
    flat = np.stack([angle, height], 1)
    leaf = 0.55 + 0.4 * noise(flat * 37) + 0.3 * noise(flat * 190) + 0.2 * noise(flat * 470)
    out = np.where((height < hills)[:, None], (0.56, 0.68, 0.66), sky)
    return np.where((height < trees)[:, None], np.array((0.27, 0.40, 0.22)) * leaf[:, None], out)


def _hash(cell: np.ndarray) -> np.ndarray:
    whole = cell.astype(np.int64)
    mixed = sum(
        whole[:, k] * p for k, p in enumerate((374761393, 668265263, 2147483647)[: whole.shape[1]])
    )
    mixed = (mixed ^ (mixed >> 13)) * 1274126177
    return ((mixed ^ (mixed >> 16)) & 0xFFFF) / 65535


def _near(value: np.ndarray, size: float, width: float) -> np.ndarray:
    """0 in the joint between neighbours, 1 elsewhere."""
    off = np.abs(value - np.round(value)) * size
    return np.clip(off / width, 0, 1)


def _mix(a, b, share: np.ndarray) -> np.ndarray:
    return np.array(a) + share[:, None] * (np.array(b) - np.array(a))
