"""The pinhole camera: OpenCV axes (x right, y down, z forward), at the origin, no distortion."""

from __future__ import annotations  # keeps torch out of runs that only read results

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float64

from fitting.rows import Rows

if TYPE_CHECKING:
    from torch import Tensor

SHORTEST_35MM, LONGEST_35MM = 5.0, 2000.0  # mm on 35-mm film: from fisheyes to telescopes
_FLATTEST_35MM = 20_000.0  # mm; limit for typed px: people use very long lenses as if parallel
_DIAGONAL_OF_35MM_FILM = float(np.hypot(36.0, 24.0))  # mm


@dataclass(frozen=True)
class Camera(Rows):
    """focal_length (N,) px and center (N, 2) px (principal point) of each row's image."""

    focal_length: Float64[np.ndarray, " N"]
    center: Float64[np.ndarray, "N 2"]

    def __post_init__(self) -> None:
        n = len(self.focal_length)
        if self.focal_length.shape != (n,) or self.center.shape != (n, 2):
            found = self.focal_length.shape, self.center.shape
            raise ValueError(f"Camera: expected shapes (N,) and (N, 2), got {found[0]}, {found[1]}")
        if not (np.isfinite(self.focal_length) & (self.focal_length > 0)).all():
            raise ValueError("Camera.focal_length: expected positive px")


def in_35mm(focal: float) -> bool:
    """Whether a camera may have this focal length, mm as on 35-mm film."""
    return SHORTEST_35MM <= focal <= LONGEST_35MM


def focal_length_px(
    setting: float | str, image_size: tuple[int, int], exif_35mm: float | None
) -> float:
    """Focal length in px of an image.

    `auto` is the EXIF 35-mm equivalent if the file has one (scaled on the diagonals, CIPA DC-008),
    else the image diagonal: a field of view of 53 degrees across it, close to that of a phone or
    a normal lens.

    Args:
        setting: `auto`; px; or mm as on 35-mm film, with the unit: `35mm`.
        image_size: width, height in px.
        exif_35mm: FocalLengthIn35mmFilm in mm, or None.

    Raises:
        ValueError: the setting is none of these, or no lens gives such an image.
    """
    number, unit = parse_focal_length(setting)
    diagonal = float(np.hypot(*image_size))
    if unit == "px":
        _check_px(number, image_size)
        return number
    millimetres = number if unit == "mm" else exif_35mm
    return diagonal * millimetres / _DIAGONAL_OF_35MM_FILM if millimetres else diagonal


def parse_focal_length(setting: float | str) -> tuple[float, str]:
    """The number of a setting and its unit: px, mm (as on 35-mm film), or auto (0).

    Raises:
        ValueError: it is not a focal length.
    """
    if setting == "auto":
        return 0.0, "auto"
    text = str(setting).strip().lower()
    unit = "mm" if text.endswith("mm") else "px"
    try:
        number = float(text.removesuffix(unit))
    except ValueError:
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise ValueError(
            "focal_length: expected 'auto', a number of px > 0, or mm as on 35-mm film such as "
            f"35mm, got {setting!r}"
        )
    if unit == "mm" and not in_35mm(number):
        raise ValueError(
            f"focal_length: expected {SHORTEST_35MM:g}mm..{LONGEST_35MM:g}mm as on 35-mm film, "
            f"got {setting!r}"
        )
    return number, unit


def _check_px(pixels: float, image_size: tuple[int, int]) -> None:
    """Refuse what no lens gives; most often it is the number of mm that is printed on the lens."""
    per_mm = float(np.hypot(*image_size)) / _DIAGONAL_OF_35MM_FILM
    shortest, longest = SHORTEST_35MM * per_mm, _FLATTEST_35MM * per_mm
    if shortest <= pixels <= longest:
        return
    hint = ""
    if pixels < shortest and in_35mm(pixels):
        meant = f"{pixels:g}mm, which is {pixels * per_mm:.0f} px"
        hint = f"; if you mean mm as on 35-mm film, say {meant}"
    raise ValueError(
        f"focal_length: {pixels:g} px is not possible for {image_size[0]} x {image_size[1]} px, "
        f"expected {shortest:.0f}..{longest:.0f} px{hint}"
    )


def project(
    points: Float[Tensor, "B n 3"], focal_length: Float[Tensor, " B"], center: Float[Tensor, "B 2"]
) -> tuple[Float[Tensor, "B n 2"], Float[Tensor, "B n 2 3"]]:
    """Pixels of camera-frame points and their derivative with respect to the points.

    Depths below 0.1 m count as 0.1 m, so that a step through the camera stays finite and the
    solver rejects it because of its cost.
    """
    z = points[..., 2].clamp_min(0.1)
    f = focal_length[:, None]
    normalised = points[..., :2] / z[..., None]
    pixels = f[..., None] * normalised + center[:, None]
    jacobian = points.new_zeros(*points.shape[:-1], 2, 3)
    jacobian[..., 0, 0] = jacobian[..., 1, 1] = f / z
    jacobian[..., 2] = -(f / z)[..., None] * normalised
    return pixels, jacobian
