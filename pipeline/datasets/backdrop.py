"""What is behind drawn people: far patches, by which a camera that pans can be told."""

import numpy as np
from jaxtyping import Float, UInt8

from pipeline.datasets.synthetic import IMAGE_SIDE

_PATCHES, _PATCH = 2500, 9  # how many around the camera; their radius, px


def backdrop(
    camera_from_world: Float[np.ndarray, "3 3"], focal_length: float, seed: int
) -> UInt8[np.ndarray, "side side 3"]:
    """What a camera sees of grey patches that are far away, all around; nobody is in front."""
    import cv2

    rng = np.random.default_rng([seed, 3])
    far = rng.normal(size=(_PATCHES, 3))
    shade = rng.integers(40, 220, _PATCHES)
    x = far @ camera_from_world.T
    ahead = x[:, 2] > 0.3 * np.linalg.norm(x, axis=1)
    center = focal_length * x[ahead, :2] / x[ahead, 2:] + (IMAGE_SIDE - 1) / 2
    picture = np.full((IMAGE_SIDE, IMAGE_SIDE, 3), 128, np.uint8)
    fine = 16  # px are given in parts of 16, or patches would jump from one to the next
    for place, grey in zip(center, shade[ahead], strict=True):
        if np.abs(place).max() < 2 * IMAGE_SIDE:
            at = np.round(fine * place).astype(int).tolist()
            cv2.circle(picture, at, fine * _PATCH, [int(grey)] * 3, -1, cv2.LINE_AA, 4)
    return picture
