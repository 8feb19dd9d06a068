"""The settings of a sequence. No torch here: a run that finds all in its cache imports this."""

from dataclasses import dataclass
from enum import Enum


class Method(Enum):
    """How the frames of a person are fitted: all together, or each by itself."""

    track = "track"
    none = "none"


class CameraKind(Enum):
    """Whether the camera stands still; auto: what the background of the pictures says. If it moves,
    feet have no fixed floor in its axes, and joints move in them with the camera too."""

    auto = "auto"
    static = "static"
    moving = "moving"


@dataclass
class SequenceConfig:
    """How a person's frames are fitted together; the numbers are in conf/sequence/*.yaml.

    Args:
        method: track, or none: the fit of every frame as it is.
        camera: auto, static or moving.
        acceleration: standard deviation of a joint's acceleration, m/s^2.
        kernel: standard deviations beyond which an acceleration counts as an exception.
        rotation: standard deviation of the second derivative of an axis-angle, rad/s^2.
        sides: whether left and right, and whether it is this person at all, are decided over the
            whole track.
        standing: standard deviation of the speed of a foot that stands, m/s.
        errors_last: how long a detector's error lasts, s. Frames nearer than this say the same
            about the shape of the body.
        max_fill: gaps without a fit are filled if they last this long at most, s.
        window: frames solved at a time; longer tracks are solved piece by piece.
        overlap: frames that a piece looks ahead.
        max_iterations: of the solver, per piece.
        tolerance: the solve ends when the cost falls by less than this share of it.
    """

    method: Method
    camera: CameraKind
    acceleration: float
    kernel: float
    rotation: float
    sides: bool
    standing: float
    errors_last: float
    max_fill: float
    window: int
    overlap: int
    max_iterations: int
    tolerance: float

    def __post_init__(self) -> None:
        for name in (
            "acceleration",
            "kernel",
            "rotation",
            "standing",
            "errors_last",
            "max_iterations",
            "tolerance",
        ):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(
                    f"sequence.{name}: expected a number above 0, got {getattr(self, name)}"
                )
        if not 0 <= self.max_fill <= 60:
            raise ValueError(f"sequence.max_fill: expected 0..60, got {self.max_fill}")
        if not 4 <= self.overlap + 2 < self.window:
            raise ValueError(
                f"sequence.overlap: expected 2 or more and less than window - 2 = "
                f"{self.window - 2}, got {self.overlap}"
            )
