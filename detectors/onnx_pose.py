"""RTMPose as ONNX: what mmpose 1.3.2 does before and after the network, so that the same weights
give the same joints.

rtmlib, which runs the same files, does otherwise: it gives BGR to models that learnt RGB, its score
is the mean of the two maxima and not the lower, and it looks at people one by one, never mirrored.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, UInt8

from detectors.base import DetectorError, Image
from detectors.onnx_models import OnnxModel
from detectors.skeletons import SKELETONS, mirrored
from detectors.top_down import Found

# Of R, G, B: the data_preprocessor of every RTMPose and RTMW in mmpose's wheel.
_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
_STD = np.array([58.395, 57.12, 57.375], np.float32)
_PADDING = 1.25  # mmpose's GetBBoxCenterScale
_BY_COUNT = {len(SKELETONS[name]): name for name in ("coco17", "halpe26", "wholebody133")}


@dataclass(frozen=True)
class _Crop:
    """A person's region in the size of the network, BGR, and where it lies: its middle and its
    width and height, px of the picture."""

    pixels: UInt8[np.ndarray, "_H _W 3"]
    center: Float32[np.ndarray, "2"]
    extent: Float32[np.ndarray, "2"]


class PoseNetwork:
    """A network of the RTMPose family: two outputs (people, joints, bins), for x and for y.

    Args:
        model: the file.
        skeleton: a name of SKELETONS, or `auto`: by the number of joints.
        flip_test: look at each person's mirror image, too, and take the mean.

    Raises:
        DetectorError: another kind of model, or nobody knows what its joints are.
    """

    def __init__(self, model: OnnxModel, skeleton: str, flip_test: bool) -> None:
        self._model, self._flip_test = model, flip_test
        width, height = model.size
        if width is None or height is None:
            raise DetectorError(
                f"{model.option}: {model.path}: expected a model with a fixed size of its picture, "
                f"got {model.session.get_inputs()[0].shape}"
            )
        self._size = (width, height)
        joints, self._bins = self._tried()
        self.joint_names = _skeleton(joints, skeleton, model)

    def _tried(self) -> tuple[int, float]:
        """The number of joints, and bins per pixel; from what it makes of a black picture."""
        width, height = self._size
        outputs = self._model.run(np.zeros((1, 3, height, width), np.float32))
        shapes = [output.shape for output in outputs]
        if len(shapes) == 2 and all(len(s) == 3 and s[0] == 1 for s in shapes):
            (_, joints, x), (_, same, y) = shapes
            if joints == same and x * height == y * width:
                return joints, x / width
        raise self._model.wrong(
            "a pose model of the RTMPose family, with two outputs (people, joints, bins) for x "
            "and y (heatmap models run with detector=mmpose; the model that finds people is "
            "detector.person_checkpoint)",
            outputs,
        )

    def crop(self, picture: Image, box: Float32[np.ndarray, "4"]) -> _Crop:
        """The region of a box, with its border, in the shape of the network's input: mmpose's
        GetBBoxCenterScale and TopdownAffine."""
        import cv2

        width, height = self._size
        center, extent = (box[2:] + box[:2]) * 0.5, (box[2:] - box[:2]) * _PADDING
        ratio = width / height
        if extent[0] > extent[1] * ratio:
            extent[1] = extent[0] / ratio
        else:
            extent[0] = extent[1] * ratio
        half, side = extent[0] / 2, width / 2
        left = center - np.array([half, 0])
        source = np.array([center, left, left + np.array([0, half])], np.float32)
        target = [[side, height / 2], [0, height / 2], [0, height / 2 + side]]
        warp = cv2.getAffineTransform(source, np.array(target, np.float32))
        pixels = cv2.warpAffine(picture, warp, self._size, flags=cv2.INTER_LINEAR)
        return _Crop(pixels, center, extent)

    def joints(self, crops: list[_Crop]) -> list[Found]:
        """The joints of several people, in one forward pass (two with the mirror images)."""
        rgb = np.stack([crop.pixels[..., ::-1] for crop in crops]).astype(np.float32)
        pictures = np.ascontiguousarray(((rgb - _MEAN) / _STD).transpose(0, 3, 1, 2))
        x, y = self._model.run(pictures)
        if self._flip_test:
            pairs = self._pairs
            x_mirror, y_mirror = self._model.run(np.ascontiguousarray(pictures[..., ::-1]))
            x = (x + x_mirror[:, pairs, ::-1]) * 0.5
            y = (y + y_mirror[:, pairs]) * 0.5
        places, scores = decode(x, y)
        size = np.array(self._size, np.float32)
        return [
            (at / self._bins / size * crop.extent + crop.center - 0.5 * crop.extent, score)
            for at, score, crop in zip(places, scores, crops, strict=True)
        ]

    @cached_property
    def _pairs(self) -> list[int]:
        return mirrored(self.joint_names)


def decode(
    x: Float32[np.ndarray, "N K X"], y: Float32[np.ndarray, "N K Y"]
) -> tuple[Float32[np.ndarray, "N K 2"], Float32[np.ndarray, "N K"]]:
    """The bins of the maxima, and the lower of the two; -1 for a joint whose score is not positive:
    mmpose's get_simcc_maximum."""
    places = np.stack([x.argmax(2), y.argmax(2)], 2).astype(np.float32)
    scores = np.minimum(x.max(2), y.max(2))
    places[scores <= 0] = -1
    return places, scores


def _skeleton(joints: int, skeleton: str, model: OnnxModel) -> tuple[str, ...]:
    name = _BY_COUNT.get(joints) if skeleton == "auto" else skeleton
    if name is None:
        known = ", ".join(f"{count} ({own})" for count, own in _BY_COUNT.items())
        raise DetectorError(
            f"{model.option}: {model.path} has {joints} joints, and only {known} are told by their "
            f"number: name them with detector.skeleton, one of {', '.join(SKELETONS)}"
        )
    if len(SKELETONS[name]) != joints:
        raise DetectorError(
            f"detector.skeleton: {name} has {len(SKELETONS[name])} joints, {model.path} has "
            f"{joints}"
        )
    return SKELETONS[name]
