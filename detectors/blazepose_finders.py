"""Where people may be: BlazePose's person finder, and faces, over a picture and parts of it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from detectors.base import Image
from detectors.blazepose_landmarks import EYES, FACE, MOUTH, Person, Region
from detectors.mediapipe_graph import Graph, image_packet

FINDER_INPUT = 224  # px: the person finder scales every picture to this square
_LONG = 1.25  # longer side over shorter; longer pictures are searched in squares, not as a whole
_IN_HEAD = 0.6  # of a face's width: landmarks of a face are as near to its middle
# How far the hips are below a face, and the radius of the circle about the body, in widths of the
# face's box.
_BODIES_OF_FACES = ((3.8, 5.2), (2.8, 3.4), (2.0, 4.2), (2.0, 2.6), (2.0, 3.2))
# As in mediapipe's own pose_detection_cpu.pbtxt, whose least score cannot be chosen.
_PEOPLE = """
input_stream: "image" output_stream: "detections"
node {
  calculator: "ToImageCalculator"
  input_stream: "IMAGE_CPU:image" output_stream: "IMAGE:picture"
}
node {
  calculator: "ImageToTensorCalculator"
  input_stream: "IMAGE:picture" output_stream: "TENSORS:pixels" output_stream: "MATRIX:placing"
  options { [mediapipe.ImageToTensorCalculatorOptions.ext] {
    output_tensor_width: 224 output_tensor_height: 224 keep_aspect_ratio: true
    output_tensor_float_range { min: -1.0 max: 1.0 } border_mode: BORDER_ZERO
  } }
}
node {
  calculator: "InferenceCalculator"
  input_stream: "TENSORS:pixels" output_stream: "TENSORS:found"
  options { [mediapipe.InferenceCalculatorOptions.ext] {
    model_path: "mediapipe/modules/pose_detection/pose_detection.tflite" delegate { xnnpack {} }
  } }
}
node {
  calculator: "SsdAnchorsCalculator"
  output_side_packet: "anchors"
  options { [mediapipe.SsdAnchorsCalculatorOptions.ext] {
    num_layers: 5 min_scale: 0.1484375 max_scale: 0.75 input_size_height: 224 input_size_width: 224
    anchor_offset_x: 0.5 anchor_offset_y: 0.5
    strides: 8 strides: 16 strides: 32 strides: 32 strides: 32
    aspect_ratios: 1.0 fixed_anchor_size: true
  } }
}
node {
  calculator: "TensorsToDetectionsCalculator"
  input_stream: "TENSORS:found" input_side_packet: "ANCHORS:anchors" output_stream: "DETECTIONS:all"
  options { [mediapipe.TensorsToDetectionsCalculatorOptions.ext] {
    num_classes: 1 num_boxes: 2254 num_coords: 12 box_coord_offset: 0 keypoint_coord_offset: 4
    num_keypoints: 4 num_values_per_keypoint: 2 sigmoid_score: true score_clipping_thresh: 100.0
    reverse_output_order: true x_scale: 224.0 y_scale: 224.0 h_scale: 224.0 w_scale: 224.0
    min_score_thresh: %g
  } }
}
node {
  calculator: "NonMaxSuppressionCalculator"
  input_stream: "all" output_stream: "distinct"
  options { [mediapipe.NonMaxSuppressionCalculatorOptions.ext] {
    min_suppression_threshold: 0.3 overlap_type: INTERSECTION_OVER_UNION algorithm: WEIGHTED
  } }
}
node {
  calculator: "DetectionProjectionCalculator"
  input_stream: "DETECTIONS:distinct" input_stream: "PROJECTION_MATRIX:placing"
  output_stream: "DETECTIONS:detections"
}
"""
_FACES = """
input_stream: "image" output_stream: "detections"
node {
  calculator: "FaceDetectionFullRangeCpu"
  input_stream: "IMAGE:image" output_stream: "DETECTIONS:detections"
  options { [mediapipe.FaceDetectionOptions.ext] { min_score_thresh: %g } }
}
"""


@dataclass(frozen=True)
class Face:
    """A face: middle of its box x, y and its width, px; direction from mouth to eyes; score."""

    x: float
    y: float
    width: float
    up: tuple[float, float]
    score: float

    def away(self, person: Person) -> float:
        """How far a person's face is from this one, px."""
        return float(np.linalg.norm(person[FACE, :2].mean(0) - (self.x, self.y)))

    def of(self, person: Person) -> bool:
        """Whether it may be this person's face: as near, and as upright."""
        upright = np.dot(_up(person[EYES, :2].mean(0), person[MOUTH, :2].mean(0)), self.up)
        return self.away(person) < _IN_HEAD * self.width and bool(upright > 0)

    def regions(self) -> list[Region]:
        """Where the body may be, if it hangs straight down from the head."""
        face, up = np.array([self.x, self.y]), self.width * np.array(self.up)
        return [
            Region.aligned(np.stack([face - below * up, face - (below - radius) * up]))
            for below, radius in _BODIES_OF_FACES
        ]


@dataclass(frozen=True)
class Proposal:
    """A region that may hold a person, and how sure the finder is of it, 0..1."""

    region: Region
    score: float


@dataclass(frozen=True)
class Part:
    """A part of the frame to search: upper left corner, size, and a black border around it, px."""

    x: int
    y: int
    width: int
    height: int
    border: int = 0

    def of(self, frame: Image) -> Image:
        """Its pixels."""
        pixels, border = (
            frame[self.y : self.y + self.height, self.x : self.x + self.width],
            self.border,
        )
        return np.pad(pixels, ((border, border), (border, border), (0, 0))) if border else pixels

    def placed(self, points: Float[np.ndarray, "*P 2"]) -> Float[np.ndarray, "*P 2"]:
        """Points in mediapipe's 0..1 of the part, in px of the frame.

        mediapipe's 0..1 spans the whole pixels' area; our pixel centres are at integers.
        """
        size = np.array([self.width, self.height]) + 2 * self.border
        return points * size + (self.x - self.border - 0.5, self.y - self.border - 0.5)


class Finders:
    """The two finders.

    Args:
        person_score, face_score: least scores of what they find, 0..1.
    """

    def __init__(self, person_score: float, face_score: float) -> None:
        self._people = Graph(_PEOPLE % person_score, lists=("detections",))
        self._faces = Graph(_FACES % face_score, lists=("detections",))

    def people(self, frame: Image, part: Part) -> list[Proposal]:
        """Regions about the people of a part."""
        return [
            Proposal(Region.aligned(part.placed(_points(found))[:2]), float(found.score[0]))
            for found in _found(self._people, frame, part)
        ]

    def faces(self, frame: Image, part: Part) -> list[Face]:
        """Faces in a part; the network sees those as wide as 5 % of it or more."""
        return [_face(found, part) for found in _found(self._faces, frame, part)]


def views(width: int, height: int, padding: float) -> tuple[list[Part], list[Part]]:
    """What is searched first: the frame, in squares if it is long; and then the frame in a
    border."""
    border = math.ceil(padding * max(width, height))
    padded = [Part(0, 0, width, height, border)] if padding else []
    side = min(width, height)
    if side < FINDER_INPUT or max(width, height) < _LONG * side:
        return [Part(0, 0, width, height)], padded
    return squares(width, height, side), padded


def squares(width: int, height: int, side: int, border: int = 0) -> list[Part]:
    """Squares that cover the frame and overlap by a third or more.

    With fewer of them, small people in wide pictures are missed.
    """

    def starts(length: int) -> list[int]:
        count = math.ceil((length - side) / (side * 2 / 3)) + 1
        return np.linspace(0, length - side, count).round().astype(int).tolist()

    return [Part(x, y, side, side, border) for y in starts(height) for x in starts(width)]


def _found(graph: Graph, frame: Image, part: Part) -> list[Any]:
    return graph.run(image=image_packet(part.of(frame))).get("detections", [])


def _points(found: Any) -> Float[np.ndarray, "P 2"]:
    return np.array([(mark.x, mark.y) for mark in found.location_data.relative_keypoints])


def _face(found: Any, part: Part) -> Face:
    box, points = found.location_data.relative_bounding_box, part.placed(_points(found))
    eyes, mouth = points[:2].mean(0), points[3]
    up = _up(eyes, mouth)
    corners = part.placed(
        np.array([[box.xmin, box.ymin], [box.xmin + box.width, box.ymin + box.height]])
    )
    (x, y), width = corners.mean(0), corners[1, 0] - corners[0, 0]
    return Face(
        float(x), float(y), float(width), (float(up[0]), float(up[1])), float(found.score[0])
    )


def _up(eyes: Float[np.ndarray, " 2"], mouth: Float[np.ndarray, " 2"]) -> Float[np.ndarray, " 2"]:
    """The direction from the mouth to the eyes, of length 1."""
    return (eyes - mouth) / max(float(np.linalg.norm(eyes - mouth)), 1e-6)
