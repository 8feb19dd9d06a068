"""What the user knows of a camera: focal length and principal point, typed in or from a file."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fitting.camera import parse_focal_length
from pipeline.inputs.intrinsics_file import SUFFIXES, read_numbers

_SAME_SHAPE = 0.01  # pictures whose proportions differ by more are not resized copies


@dataclass(frozen=True)
class Intrinsics:
    """What is known of the camera of one input, in px of its upright frames.

    Args:
        focal_length: px, or mm as on 35-mm film (`25mm`); None: not known.
        center: principal point x, y, pixel centres at integers; None: the middle of the frame.
        size: width, height of the pictures that the numbers are about; None: of any.
        focal_key, center_key: the settings that say so, for messages.
    """

    focal_length: str | None = None
    center: tuple[float, float] | None = None
    size: tuple[int, int] | None = None
    focal_key: str = "data.focal_length"
    center_key: str = "data.center"

    def as_key(self) -> dict[str, Any]:
        """What of it can change a fit; JSON values."""
        return {"camera": [self.focal_length, self.center, self.size]}

    def of_size(self, size: tuple[int, int]) -> "Intrinsics":
        """The same camera for frames of this size: a smaller copy of a picture has smaller numbers.

        Raises:
            ValueError: the frames are no resized copies of the pictures that the numbers are about.
        """
        if self.size is None or self.size == size:
            return self
        factor = size[0] / self.size[0]
        if abs(size[1] / self.size[1] / factor - 1) > _SAME_SHAPE:
            raise ValueError(
                f"data.intrinsics is about pictures of {self.size[0]} x {self.size[1]} px, and "
                f"this one has {size[0]} x {size[1]} px: give data.center and data.focal_length"
            )
        number, unit = parse_focal_length(self.focal_length or "auto")
        center = self.center and tuple((c + 0.5) * factor - 0.5 for c in self.center)
        focal = repr(number * factor) if unit == "px" else self.focal_length
        return replace(self, focal_length=focal, center=center, size=size)


@dataclass(frozen=True)
class CameraOptions:
    """The camera options of `data`.

    Args:
        focal_length: data.focal_length; None where not given.
        center: data.center.
        path: data.intrinsics, a file for all inputs, or a folder with one for each, by its name.
    """

    focal_length: Any = None
    center: Any = None
    path: str | None = None

    def __post_init__(self) -> None:
        """Check what can be checked before there are inputs; ValueError names the option."""
        if self.focal_length is not None:
            try:
                parse_focal_length(self.focal_length)
            except ValueError as error:
                raise ValueError(f"data.{error}") from error
        if self.center is not None:
            _pair(self.center)
        if self.path is not None:
            self._file()

    def of(self, input_path: Path) -> Intrinsics | None:
        """What is known of the camera of one input; None: nothing.

        Raises:
            ValueError: its file cannot be used.
        """
        known = Intrinsics()
        file = self._file(input_path)
        if file:
            try:
                focal, center, size = read_numbers(file)
            except ValueError as error:
                raise ValueError(f"data.intrinsics: {error}") from error
            known = Intrinsics(repr(focal), center, size, "data.intrinsics", "data.intrinsics")
        if self.focal_length is not None and self.focal_length != "auto":
            focal = str(self.focal_length)
            known = replace(known, focal_length=focal, focal_key="data.focal_length")
        if self.center is not None:
            known = replace(known, center=_pair(self.center), center_key="data.center")
        return known if known.focal_length or known.center else None

    def _file(self, input_path: Path | None = None) -> Path | None:
        """The file about an input: the one that there is, or of a folder the one of its name."""
        if self.path is None:
            return None
        given = Path(self.path).expanduser()
        if not given.exists():
            raise ValueError(f"data.intrinsics: no such file or folder: {given}")
        if not given.is_dir() or input_path is None:
            return given
        names = (input_path.name, input_path.stem)
        files = (given / f"{name}{suffix}" for name in names for suffix in SUFFIXES)
        return next((file for file in files if file.is_file()), None)


def _pair(value: Any) -> tuple[float, float]:
    """data.center as two numbers of px."""
    try:
        x, y = (float(number) for number in value)
    except (TypeError, ValueError):
        x = y = math.nan
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError(f"data.center: expected x and y in px such as [960,540], got {value!r}")
    if 0 < x <= 1 and 0 < y <= 1:
        raise ValueError(
            f"data.center: expected px such as [960,540], got {value!r}, which looks like parts of "
            "the width and height: multiply by these"
        )
    return x, y
