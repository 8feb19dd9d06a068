"""Makes the model file that mediapipe's multi-person API needs, from the weights in its wheel."""

import hashlib
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

# File in the wheel -> (name in the bundle, pixel mean, pixel std, number of output tensors).
# The networks take (pixel - mean) / std: -1..1 for the person finder, 0..1 for the landmarks, as
# in the wheel's own pose_detection_cpu and pose_landmark_by_roi_cpu graphs.
_PARTS = {
    "pose_detection/pose_detection.tflite": ("pose_detector.tflite", 127.5, 127.5, 2),
    "pose_landmark/pose_landmark_full.tflite": ("pose_landmarks_detector.tflite", 0.0, 255.0, 5),
}
_FORMAT = "1"


def build_bundle(folder: Path) -> Path:
    """Write the `.task` bundle to `folder` unless it exists; its name has its content's digest.

    Args:
        folder: where to keep it; made if absent.

    Returns:
        Path of the bundle.
    """
    with _without_pyplot():
        import mediapipe

    modules = Path(mediapipe.__file__).parent / "modules"
    weights = {part: _read(modules / part) for part in _PARTS}
    digest = hashlib.sha256(_FORMAT.encode() + b"".join(weights.values())).hexdigest()[:12]
    path = folder / f"blazepose_full-{digest}.task"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_atomically(path, _bundle(weights))
    return path


@contextmanager
def _without_pyplot() -> Iterator[None]:
    """mediapipe imports pyplot for drawings that nobody makes here: a second of every start."""
    names = ("matplotlib", "matplotlib.pyplot")
    if any(name in sys.modules for name in (*names, "mediapipe")):
        yield
        return
    sys.modules |= {name: ModuleType(name) for name in names}
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(
            f"BlazePose: expected the weights {path} inside the mediapipe package, found none; "
            "mediapipe 0.10.21 is the last release with them: pip install mediapipe==0.10.21"
        )
    return path.read_bytes()


def _bundle(weights: dict[str, bytes]) -> bytes:
    """A zip without compression: mediapipe maps the networks straight from the file."""
    from mediapipe.tasks.python.metadata.metadata_writers import model_asset_bundle_utils

    parts = {_PARTS[part][0]: _with_metadata(part, data) for part, data in weights.items()}
    buffer: Any = io.BytesIO()  # mediapipe annotates a path, but passes it on to ZipFile
    model_asset_bundle_utils.create_model_asset_bundle(parts, buffer)
    return buffer.getvalue()


def _with_metadata(part: str, weights: bytes) -> bytes:
    """The Tasks API reads the pixel normalisation from metadata that the wheel's files lack."""
    from mediapipe.tasks.python.metadata.metadata import MetadataPopulator

    _, mean, std, outputs = _PARTS[part]
    with warnings.catch_warnings():  # mediapipe does not close its own files
        warnings.simplefilter("ignore", ResourceWarning)
        populator = MetadataPopulator.with_model_buffer(bytearray(weights))
        populator.load_metadata_buffer(_metadata(Path(part).stem, mean, std, outputs))
        populator.populate()
        return bytes(populator.get_model_buffer())


def _metadata(name: str, mean: float, std: float, outputs: int) -> bytearray:
    """The flatbuffer that describes one RGB input, taken as (pixel - mean) / std, and outputs.

    mediapipe's own MetadataWriter makes the same one, but leaves temporary folders behind.
    """
    import flatbuffers
    from mediapipe.tasks.metadata import metadata_schema_py_generated as schema

    options = schema.NormalizationOptionsT()
    options.mean, options.std = [mean], [std]
    unit = schema.ProcessUnitT()
    unit.optionsType, unit.options = schema.ProcessUnitOptions.NormalizationOptions, options
    content = schema.ContentT()
    content.contentPropertiesType = schema.ContentProperties.ImageProperties
    content.contentProperties = schema.ImagePropertiesT()
    content.contentProperties.colorSpace = schema.ColorSpaceType.RGB
    image = schema.TensorMetadataT()
    image.name, image.processUnits, image.content = "image", [unit], content
    graph = schema.SubGraphMetadataT()
    graph.inputTensorMetadata = [image]
    graph.outputTensorMetadata = [schema.TensorMetadataT() for _ in range(outputs)]
    model = schema.ModelMetadataT()
    model.name, model.subgraphMetadata = name, [graph]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"M001")  # the schema's file identifier
    return builder.Output()


def _write_atomically(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
