"""Rigid motions of many bodies at once."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rigid:
    """x -> rotation @ x + translation, one per body: rotation (S, 3, 3), translation (S, 3)."""

    rotation: np.ndarray
    translation: np.ndarray

    @classmethod
    def about(cls, rotation: np.ndarray, centre: np.ndarray) -> "Rigid":
        """Rotation (S, 3, 3) or (3, 3) about a point (S, 3)."""
        rotation = np.broadcast_to(rotation, (len(centre), 3, 3))
        return cls(rotation, centre - np.einsum("sij,sj->si", rotation, centre))

    def __matmul__(self, first: "Rigid") -> "Rigid":
        return Rigid(self.rotation @ first.rotation, self(first.translation))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Move one point per body (S, 3)."""
        return np.einsum("sij,sj->si", self.rotation, points) + self.translation


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) scaled to length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def turn(axis: np.ndarray, angle: np.ndarray | float) -> np.ndarray:
    """Rotation (..., 3, 3) about a unit axis (..., 3), radians (Rodrigues' formula)."""
    x, y, z = np.moveaxis(np.asarray(axis, float), -1, 0)
    zero = np.zeros_like(x)
    rows = [np.stack(row, -1) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))]
    K = np.stack(rows, -2)
    angle = np.asarray(angle, float)[..., None, None]
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K


def align(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Smallest rotation (S, 3, 3) that takes the directions `source` (S, 3) to `target` (3,)."""
    a, b = unit(source), unit(np.broadcast_to(target, source.shape))
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis, axis=-1)
    angle = np.arctan2(sine, (a * b).sum(-1))
    return turn(axis / np.maximum(sine, 1e-12)[:, None], angle)
