"""RTMDet and YOLOX as ONNX: what mmdet 3.3.0 does before the network, so that the same weights give
the same boxes. (rtmlib cuts fractions off where mmdet rounds the size of the picture.)"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from detectors.base import DetectorError, Image
from detectors.onnx_models import OnnxModel
from detectors.top_down import Candidates

_BORDER = 114  # grey, right of and below the picture


@dataclass(frozen=True)
class Kind:
    """How a person finder wants its picture: mean and standard deviation of B, G, R."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def normalized(self, pixels: Image) -> Float32[np.ndarray, "1 3 _H _W"]:
        """The network's input."""
        values = pixels.astype(np.float32) - np.array(self.mean, np.float32)
        values /= np.array(self.std, np.float32)
        return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


KINDS = {  # the data_preprocessor of mmdet's configs
    "rtmdet": Kind((103.53, 116.28, 123.675), (57.375, 57.12, 58.395)),
    "yolox": Kind((0, 0, 0), (1, 1, 1)),
}


class PersonNetwork:
    """A person finder as mmdeploy exports it: boxes with scores, (pictures, boxes, 5), already
    without overlaps; and their labels, if it knows several classes.

    Args:
        model: the file.
        kind: of KINDS, or `auto`: the one whose name is in that of the file.
        size: side of its picture, px; None: as the file says.
        label: number of the class "person".

    Raises:
        DetectorError: another kind of model, or nobody knows which.
    """

    def __init__(self, model: OnnxModel, kind: str, size: int | None, label: int) -> None:
        self._model, self._label = model, label
        self._kind = KINDS[_kind(model, kind)]
        width, height = model.size
        if None in (width or size, height or size):
            raise DetectorError(
                f"{model.option}: {model.path} takes pictures of any size: say with "
                "detector.person_size for which it was made, e.g. 640"
            )
        self._size = (width or size or 0, height or size or 0)
        self._boxes_of(self._model.run(np.zeros((1, 3, *self._size[::-1]), np.float32)))

    def people(self, pictures: list[Image]) -> list[Candidates]:
        """Who may be in each picture."""
        return [self._found(picture) for picture in pictures]

    def _found(self, picture: Image) -> Candidates:
        pixels, scale = self._fitted(picture)
        boxes, scores = self._boxes_of(self._model.run(self._kind.normalized(pixels)))
        return boxes / np.tile(scale, 2), scores

    def _fitted(self, picture: Image) -> tuple[Image, Float32[np.ndarray, "2"]]:
        """The picture in the upper left of the network's, and the two factors; mmdet's Resize and
        Pad."""
        import cv2

        height, width = picture.shape[:2]
        factor = min(self._size[0] / width, self._size[1] / height)
        size = int(width * factor + 0.5), int(height * factor + 0.5)
        padded = np.full((*self._size[::-1], 3), _BORDER, np.uint8)
        padded[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
        return padded, np.array([size[0] / width, size[1] / height], np.float32)

    def _boxes_of(self, outputs: list[np.ndarray]) -> Candidates:
        boxes, *others = outputs
        labels = others[0] if others else np.full(boxes.shape[:2], self._label)
        if boxes.ndim != 3 or boxes.shape[2] != 5 or labels.shape != boxes.shape[:2]:
            raise self._model.wrong(
                "a person finder as mmdeploy exports it, with boxes and scores (pictures, boxes, "
                "5) and labels (pictures, boxes)",
                outputs,
            )
        people = boxes[0][labels[0] == self._label].astype(np.float32)
        return people[:, :4], people[:, 4]


def _kind(model: OnnxModel, kind: str) -> str:
    if kind != "auto":
        return kind
    named = [name for name in KINDS if name in model.path.name.lower()]
    if len(named) != 1:
        raise DetectorError(
            f"{model.option}: the name of {model.path} does not say what kind of person finder it "
            f"is: say detector.person_model={' or '.join(KINDS)}"
        )
    return named[0]
