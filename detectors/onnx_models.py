"""Networks as ONNX files, run with onnxruntime. Nothing in such a file is executed as code: it is a
graph of onnxruntime's own operators, and none of others are registered."""

import importlib.util
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from detectors.base import DetectorError, Resources
from detectors.mmpose_models import install_line

_LARGEST = 2 << 30  # bytes; ONNX files end there, what unpacks to more is no model


@dataclass(frozen=True)
class OnnxModel:
    """A network of one picture input, (people, 3, height, width).

    Args:
        path: where it comes from, for messages.
        session: onnxruntime's.
        option: the setting that named the file.
    """

    path: Path
    session: Any
    option: str

    @property
    def size(self) -> tuple[int | None, int | None]:
        """Width and height of the input, px; None where the model takes any."""
        shape = self.session.get_inputs()[0].shape
        height, width = (side if isinstance(side, int) else None for side in shape[2:])
        return width, height

    def run(self, pictures: Float32[np.ndarray, "N 3 H W"]) -> list[np.ndarray]:
        """All outputs for some pictures: in one pass, or in as many as the size of the model's
        batch demands."""
        entry = self.session.get_inputs()[0]
        size = entry.shape[0] if isinstance(entry.shape[0], int) else len(pictures)
        passes = []
        for start in range(0, len(pictures), size):
            some = pictures[start : start + size]
            short = size - len(some)
            padded = np.concatenate([some, some[:1].repeat(short, 0)]) if short else some
            outputs = self.session.run(None, {entry.name: padded})
            passes.append([output[: len(some)] for output in outputs])
        return [np.concatenate(parts) for parts in zip(*passes, strict=True)]

    def wrong(self, expected: str, outputs: list[np.ndarray]) -> DetectorError:
        """The error for a model that is not of the expected kind."""
        shapes = ", ".join(str(output.shape) for output in outputs)
        return DetectorError(f"{self.option}: {self.path}: expected {expected}, got {shapes}")


def require_onnxruntime() -> None:
    """Complain before anything is downloaded for it.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        raise ModuleNotFoundError(
            "expected the package onnxruntime, which runs ONNX models; it is not installed: "
            + install_line("onnxruntime")
        )


def load_onnx(path: Path, option: str, resources: Resources) -> OnnxModel:
    """Open a model.

    Args:
        path: an .onnx file, or a .zip with one in it, as OpenMMLab publishes them.
        option: the setting that named it, for messages.

    Raises:
        DetectorError: it is not such a file, or damaged, or takes something else than pictures.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = resources.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what matters comes as an exception
    content = _unpacked(path, option) if zipfile.is_zipfile(path) else str(path)
    providers = _providers(resources)
    try:
        session = onnxruntime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # onnxruntime's errors have no common class of their own
        raise _unreadable(path, option, _reason(error)) from error
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
        given = ", ".join(f"{one.name} {one.shape} {one.type}" for one in inputs)
        raise DetectorError(
            f"{option}: {path}: expected a model with one input (people, 3, height, width) of "
            f"32-bit floats, got {given}"
        )
    return OnnxModel(path, session, option)


def _providers(resources: Resources) -> list[Any]:
    """Where the model runs.

    Raises:
        DetectorError: this onnxruntime cannot use the device.
    """
    import onnxruntime

    kind, _, number = resources.device.partition(":")
    if kind == "cpu":
        return ["CPUExecutionProvider"]
    if kind == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        return [("CUDAExecutionProvider", {"device_id": int(number or 0)}), "CPUExecutionProvider"]
    raise DetectorError(
        f"runtime.device: {resources.device} cannot be used by the onnxruntime that is installed; "
        "say runtime.device=cpu or, for cuda, install onnxruntime-gpu in place of onnxruntime"
    )


def _unpacked(path: Path, option: str) -> bytes:
    """The model in a .zip, which is not unpacked to disk."""
    try:
        with zipfile.ZipFile(path) as archive:
            models = [one for one in archive.infolist() if one.filename.endswith(".onnx")]
            if len(models) != 1:
                raise _no_model(path, option, archive.namelist(), len(models))
            if models[0].file_size > _LARGEST:
                raise _unreadable(path, option, f"it unpacks to {models[0].file_size} bytes")
            return archive.read(models[0])  # checked against its CRC
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise _unreadable(path, option, str(error)) from error


def _no_model(path: Path, option: str, names: list[str], count: int) -> DetectorError:
    if any(name.endswith("data.pkl") for name in names):
        return DetectorError(
            f"{option}: {path} is a checkpoint of PyTorch, expected an .onnx file, or a .zip with "
            "one in it; run it with detector=mmpose detector.config=CONFIG detector.checkpoint="
            f"{path}"
        )
    return DetectorError(f"{option}: {path}: expected one .onnx file in it, found {count}")


def _unreadable(path: Path, option: str, reason: str) -> DetectorError:
    return DetectorError(
        f"{option}: {path}: expected an .onnx file, or a .zip with one in it, got one that "
        f"onnxruntime cannot load ({reason}); if it was downloaded, delete it and run again"
    )


def _reason(error: Exception) -> str:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return first[:200]
