"""The camera of a clip: what the user knows about it, else settings, else EXIF, else a guess."""

import logging
from dataclasses import dataclass

import numpy as np

from fitting.camera import Camera, focal_length_px
from pipeline.config import ConfigError
from pipeline.inputs.clips import Clip, Found, Skipped
from pipeline.inputs.images import Facts
from pipeline.inputs.intrinsics import Intrinsics

_log = logging.getLogger(__name__)

_STEEPEST = 5.0  # tangent of the angle from the optical axis to the middle of a picture, 79 degrees
_SAME = 0.05  # focal lengths that differ by less say the same
_OFF = 0.05  # of the diagonal; a principal point farther from the middle means a cropped picture


@dataclass(frozen=True)
class ClipCamera:
    """The camera of a clip, from all that is known.

    Args:
        focal_length: px.
        center: principal point x, y, px.
        notes: what the user should know about them, a sentence each.
    """

    focal_length: float
    center: tuple[float, float]
    notes: tuple[str, ...] = ()

    def camera(self, rows: int, scale: float = 1.0) -> Camera:
        """The camera for so many rows, of frames that are enlarged by a factor."""
        center = (np.array(self.center) + 0.5) * scale - 0.5
        return Camera(np.full(rows, scale * self.focal_length), np.tile(center, (rows, 1)))


def clip_camera(
    known: Intrinsics | None, facts: Facts, setting: float | str, scale: float = 1.0
) -> ClipCamera:
    """The camera of a clip, in px of its frames.

    Args:
        known: what the user knows about it, which counts most.
        facts: of the clip.
        setting: fit.focal_length; a number means px of the frames as they are fitted.
        scale: the frames are fitted as if they were enlarged by this factor.

    Raises:
        ValueError: no camera could have taken the clip with these numbers; names the setting.
    """
    size, exif = facts.image_size, facts.exif_focal_35mm
    known = known.of_size(size) if known else Intrinsics()
    source = known.focal_key if known.focal_length else "fit.focal_length"
    try:
        if known.focal_length:
            focal = focal_length_px(known.focal_length, size, None)
        else:
            enlarged = (round(scale * size[0]), round(scale * size[1]))
            focal = focal_length_px(setting, enlarged, exif) / scale
    except ValueError as error:
        raise ValueError(f"{source}: {str(error).removeprefix('focal_length: ')}") from error
    off = _off_middle(known, size)
    if off > _STEEPEST * focal:
        raise ValueError(
            f"{known.center_key}: the principal point {known.center} px is too far from a picture "
            f"of {size[0]} x {size[1]} px for a focal length of {focal:.0f} px"
        )
    notes = [*facts.doubts]
    if source == "fit.focal_length" and setting == "auto" and off > _OFF * np.hypot(*size):
        notes.append(
            "its principal point says that it was cropped, so that neither EXIF nor its size tells "
            "the focal length: give data.focal_length in px"
        )
    told = focal_length_px("auto", size, exif)
    if exif and abs(focal / told - 1) > _SAME:
        notes.append(f"{source} counts, {focal:.0f} px, not EXIF's {exif:g} mm, {told:.0f} px")
    return ClipCamera(focal, known.center or _middle(size), tuple(notes))


def possible_cameras(clips: list[Clip], skipped: list[Skipped], setting: float | str) -> Found:
    """The clips whose cameras the settings can describe, checked before any work. Tells the user
    which facts of a file are not believed or not used.

    Args:
        clips, skipped: what was found.
        setting: fit.focal_length.

    Raises:
        ConfigError: the settings fit no clip.
    """
    kept: list[Clip] = []
    refused: list[Skipped] = []
    said: dict[str, list[Clip]] = {}
    for clip in clips:
        try:
            notes = _notes(clip, setting)
        except ValueError as error:
            refused.append(Skipped(clip.path, f"{clip.path}: {error}", lasting=False))
            continue
        kept.append(clip)
        for note in notes:
            said.setdefault(note, []).append(clip)
    if refused and not kept:
        raise ConfigError(refused[0].reason.removeprefix(f"{refused[0].path}: "))
    for note, about in said.items():
        more = f" and {len(about) - 1} more" if len(about) > 1 else ""
        _log.warning("%s%s: %s", about[0].path, more, note)
    return kept, skipped + refused


def _notes(clip: Clip, setting: float | str) -> tuple[str, ...]:
    try:
        facts = clip.facts()
    except Exception:  # whatever it is, the stage that decodes the clip will report it
        return ()
    return clip_camera(clip.intrinsics, facts, setting, clip.fit_scale).notes


def _off_middle(known: Intrinsics, size: tuple[int, int]) -> float:
    """How far the principal point is from the middle of the frame, px."""
    return float(np.hypot(*np.subtract(known.center or _middle(size), _middle(size))))


def _middle(size: tuple[int, int]) -> tuple[float, float]:
    return (size[0] - 1) / 2, (size[1] - 1) / 2  # pixel centres are at integers
