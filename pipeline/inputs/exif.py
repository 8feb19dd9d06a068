"""What a photo's EXIF block says about its camera, as far as it is plausible."""

from dataclasses import dataclass

from PIL import Image as Pillow

from fitting.camera import LONGEST_35MM, SHORTEST_35MM, in_35mm

_ORIENTATION, _EXIF_IFD, _FOCAL_35MM = 0x0112, 0x8769, 0xA405  # EXIF 2.32, tables 4 and 8


@dataclass(frozen=True)
class Exif:
    """The tags that exist and make sense.

    Args:
        orientation: how the picture must be turned, 1..8; 1: it is upright.
        focal_35mm: FocalLengthIn35mmFilm, mm; None if absent.
        doubts: what it says but we do not believe, a sentence each.
    """

    orientation: int = 1
    focal_35mm: float | None = None
    doubts: tuple[str, ...] = ()


def read_exif(image: Pillow.Image) -> Exif:
    """The EXIF block of an opened picture; a damaged tag counts as absent."""
    # The picture is worth more than its notes, so whatever a broken EXIF block raises is ignored.
    try:
        exif = image.getexif()
        orientation = int(exif.get(_ORIENTATION, 1))
    except Exception:
        return Exif()
    try:
        focal = float(exif.get_ifd(_EXIF_IFD).get(_FOCAL_35MM, 0))
    except Exception:
        focal = 0.0
    doubts = []
    if orientation not in range(9):  # 0: unknown
        doubts.append(f"EXIF orientation {orientation}, expected 1..8: taken as upright")
        orientation = 1
    if focal and not in_35mm(focal):  # 0: unknown
        doubts.append(
            f"EXIF gives {focal:g} mm as the focal length on 35-mm film, expected "
            f"{SHORTEST_35MM:g}..{LONGEST_35MM:g}: taken as unknown"
        )
    return Exif(orientation, focal if in_35mm(focal) else None, tuple(doubts))
