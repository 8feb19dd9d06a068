"""Shape components: principal components scaled so that people's betas are N(0, 1)."""

from dataclasses import dataclass

import numpy as np

from .exposure import vertex_normals

COMPONENTS = 10


@dataclass(frozen=True)
class ShapeSpace:
    """The mean body, the components and how well they describe the bodies they came from.

    Args:
        mean: (n, 3) metres.
        directions: (n, 3, 10) metres per unit of beta.
        explained: share of the variance that the components hold.
        mean_error: mean distance of vertices from their reconstruction, metres.
    """

    mean: np.ndarray
    directions: np.ndarray
    explained: float
    mean_error: float


def shape_space(vertices: np.ndarray, faces: np.ndarray) -> ShapeSpace:
    """Principal components of bodies (S, n, 3); beta 0 > 0 is taller, the others > 0 larger."""
    samples = len(vertices)
    mean = vertices.mean(0)
    centred = (vertices - mean).reshape(samples, -1)
    variance, modes = np.linalg.eigh(centred @ centred.T)  # samples are fewer than coordinates
    variance, modes = variance[::-1] / (samples - 1), modes[:, ::-1][:, :COMPONENTS]
    flat = centred.T @ modes / np.sqrt(samples - 1)
    directions = flat.reshape(-1, 3, COMPONENTS)
    directions = directions * _signs(mean, directions, faces)
    flat = directions.reshape(-1, COMPONENTS)
    betas = centred @ flat / (flat**2).sum(0)
    rest = (centred - betas @ flat.T).reshape(samples, -1, 3)
    error = float(np.linalg.norm(rest, axis=2).mean())
    return ShapeSpace(mean, directions, float(variance[:COMPONENTS].sum() / variance.sum()), error)


def _signs(mean: np.ndarray, directions: np.ndarray, faces: np.ndarray) -> np.ndarray:
    outward = np.einsum("vxk,vx->k", directions, vertex_normals(mean, faces))
    top, bottom = mean[:, 1].argmax(), mean[:, 1].argmin()
    outward[0] = directions[top, 1, 0] - directions[bottom, 1, 0]
    return np.where(outward < 0, -1.0, 1.0)
