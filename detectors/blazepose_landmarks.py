"""BlazePose's landmarks in a given region, which is how its own video mode follows a person.

The graph gives the two alignment points that the next region is made of.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from detectors.base import Image
from detectors.mediapipe_graph import Graph, image_packet
from detectors.skeletons import BLAZEPOSE_33

Person = Float[np.ndarray, "33 6"]
"""x px, y px and visibility of each landmark, and its world landmark: x, y, z about the hips, m,
camera axes (x right, y down, z away from the camera)."""

MARGIN = 1.25  # of the region around the circle of the body; mediapipe's pose_landmarks_to_roi
_GRAPH = """
input_stream: "image" input_stream: "region"
output_stream: "landmarks" output_stream: "world" output_stream: "alignment"
node {
  calculator: "PoseLandmarkByRoiCpu"
  input_stream: "IMAGE:image" input_stream: "ROI:region"
  output_stream: "LANDMARKS:landmarks" output_stream: "WORLD_LANDMARKS:world"
  output_stream: "AUXILIARY_LANDMARKS:alignment"
}
"""
FACE = slice(0, 11)  # BLAZEPOSE_33 begins with nose, eyes, ears and mouth
EYES = [BLAZEPOSE_33.index(f"{side}_eye") for side in ("left", "right")]
MOUTH = [BLAZEPOSE_33.index(f"{side}_mouth") for side in ("left", "right")]
HIPS = [BLAZEPOSE_33.index(f"{side}_hip") for side in ("left", "right")]
_SHOULDERS = [BLAZEPOSE_33.index(f"{side}_shoulder") for side in ("left", "right")]
_SWAP = {"left_": "right_", "right_": "left_"}


def _other_side(name: str) -> str:
    side = next((side for side in _SWAP if name.startswith(side)), "")
    return _SWAP.get(side, "") + name.removeprefix(side)


MIRRORED = [BLAZEPOSE_33.index(_other_side(name)) for name in BLAZEPOSE_33]
"""For each landmark, the index of the one that a mirror shows in its place."""


@dataclass(frozen=True)
class Region:
    """A square about a person: centre x, y and side, px; turn, rad: 0 where its head is up in the
    picture, positive clockwise."""

    x: float
    y: float
    side: float
    turn: float

    @classmethod
    def about(cls, person: Person) -> "Region":
        """The region around the circle about the hips that holds every landmark, head up."""
        hips, shoulders = person[HIPS, :2].mean(0), person[_SHOULDERS, :2].mean(0)
        radius = np.linalg.norm(person[:, :2] - hips, axis=1).max()
        return cls._of(hips, shoulders - hips, max(float(radius), 1.0))

    @classmethod
    def aligned(cls, points: Float[np.ndarray, "2 2"]) -> "Region":
        """The region of the network's own points: the hips, and the top of the circle about the
        body (Bazarevsky et al. 2020, figure 3)."""
        up = points[1] - points[0]
        return cls._of(points[0], up, max(float(np.linalg.norm(up)), 1.0))

    @classmethod
    def _of(cls, centre: np.ndarray, up: np.ndarray, radius: float) -> "Region":
        turn = math.atan2(float(up[0]), -float(up[1]))
        return cls(float(centre[0]), float(centre[1]), 2 * MARGIN * radius, turn)


@dataclass(frozen=True)
class Picture:
    """A frame as the network takes it: padded to a square of `side` px, plain and mirrored."""

    side: int
    plain: Any
    mirrored: Any


class LandmarkNet:
    """The landmark network."""

    def __init__(self) -> None:
        self._graph = Graph(_GRAPH, messages=("landmarks", "world", "alignment"))

    def picture(self, frame: Image) -> Picture:
        """A frame, prepared once for all its people."""
        height, width = frame.shape[:2]
        side = max(height, width)  # a region that is not square in the picture would be skewed
        square = np.zeros((side, side, 3), np.uint8)
        square[:height, :width] = frame
        return Picture(side, image_packet(square), image_packet(square[:, ::-1]))

    def find(
        self, picture: Picture, region: Region, mirror: bool = False
    ) -> tuple[Person, Region] | None:
        """The person in a region and the region that they suggest; None if nobody is seen.

        Args:
            mirror: look at the mirrored picture; what is returned is mirrored back.
        """
        from mediapipe.framework.formats import rect_pb2
        from mediapipe.python import packet_creator

        last = picture.side - 1
        x, turn = (last - region.x, -region.turn) if mirror else (region.x, region.turn)
        # mediapipe's 0..1 spans the whole pixels' area; our pixel centres are at integers.
        messages: Any = rect_pb2  # its classes are made when it is imported
        rect = messages.NormalizedRect(
            x_center=(x + 0.5) / picture.side,
            y_center=(region.y + 0.5) / picture.side,
            width=region.side / picture.side,
            height=region.side / picture.side,
            rotation=turn,
        )
        image = picture.mirrored if mirror else picture.plain
        found = self._graph.run(image=image, region=packet_creator.create_proto(rect))
        if "landmarks" not in found:
            return None
        person = _person(found["landmarks"].landmark, found["world"].landmark, picture.side)
        points = np.array([(mark.x, mark.y) for mark in found["alignment"].landmark])
        points = points * picture.side - 0.5
        if mirror:
            person[:, 0], points[:, 0] = last - person[:, 0], last - points[:, 0]
            person[:, 3] *= -1
            person = person[MIRRORED]
        return person, Region.aligned(points)


def _person(marks: Any, world: Any, side: int) -> Person:
    """A person in a square picture of so many px, from mediapipe's messages."""
    seen = np.array([(mark.x, mark.y, mark.visibility) for mark in marks])
    lifted = np.array([(mark.x, mark.y, mark.z) for mark in world])
    return np.column_stack([seen[:, :2] * side - 0.5, seen[:, 2], lifted])
