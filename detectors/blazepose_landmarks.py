"""BlazePose's landmarks in a given region, which is how its own video mode follows a person.

mediapipe's Tasks find the region by their person finder only. Its graph for a given region is in
the same wheel; it also gives the two alignment points that the next region is made of.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from detectors.base import Image
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
HIPS = [BLAZEPOSE_33.index(f"{side}_hip") for side in ("left", "right")]
_SHOULDERS = [BLAZEPOSE_33.index(f"{side}_shoulder") for side in ("left", "right")]
_SWAP = {"left_": "right_", "right_": "left_"}


def _other_side(name: str) -> str:
    side = next((side for side in _SWAP if name.startswith(side)), "")
    return _SWAP.get(side, "") + name.removeprefix(side)


def person_of(
    marks: Any, world: Any, scale: tuple[float, float], shift: tuple[float, float]
) -> Person:
    """A person as mediapipe gives it; x, y of its landmarks times `scale` plus `shift` are px."""
    seen = np.array([(mark.x, mark.y, mark.visibility) for mark in marks])
    lifted = np.array([(mark.x, mark.y, mark.z) for mark in world])
    return np.column_stack([seen[:, :2] * scale + shift, seen[:, 2], lifted])


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
        import mediapipe
        from mediapipe.python import packet_getter
        from mediapipe.python._framework_bindings import resource_util

        # Graphs name their weights by paths relative to this folder.
        resource_util.set_resource_dir(str(Path(mediapipe.__file__).parents[1]))
        self._time = 0  # mediapipe's; it must increase
        self._found: dict[str, Any] = {}
        self._graph = mediapipe.CalculatorGraph(graph_config=_GRAPH)

        def keep(name: str, packet: Any) -> None:
            proto: Any = packet_getter.get_proto(packet)
            self._found[name] = proto.landmark

        for name in ("landmarks", "world", "alignment"):
            self._graph.observe_output_stream(name, keep)
        self._graph.start_run()

    def picture(self, frame: Image) -> Picture:
        """A frame, prepared once for all its people."""
        from mediapipe import ImageFormat
        from mediapipe.python import packet_creator

        height, width = frame.shape[:2]
        side = max(height, width)  # a region that is not square in the picture would be skewed
        square = np.zeros((side, side, 3), np.uint8)
        square[:height, :width] = frame
        plain, mirrored = (
            packet_creator.create_image_frame(
                image_format=ImageFormat.SRGB, data=np.ascontiguousarray(data)
            )
            for data in (square, square[:, ::-1])
        )
        return Picture(side, plain, mirrored)

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
        self._run(picture.mirrored if mirror else picture.plain, packet_creator.create_proto(rect))
        if "landmarks" not in self._found:
            return None
        scale, shift = (picture.side, picture.side), (-0.5, -0.5)
        person = person_of(self._found["landmarks"], self._found["world"], scale, shift)
        points = np.array([(mark.x, mark.y) for mark in self._found["alignment"]]) * scale + shift
        if mirror:
            person[:, 0], points[:, 0] = last - person[:, 0], last - points[:, 0]
            person[:, 3] *= -1
            person = person[MIRRORED]
        return person, Region.aligned(points)

    def _run(self, image: Any, region: Any) -> None:
        self._found.clear()
        self._time += 1
        self._graph.add_packet_to_input_stream("image", image.at(self._time))
        self._graph.add_packet_to_input_stream("region", region.at(self._time))
        self._graph.wait_until_idle()
