"""A glTF 2.0 document that grows piece by piece, and its binary form (GLB).

Section numbers refer to the Khronos specification, glTF 2.0. We write it ourselves because the JSON
must be right whichever library packs it, and the container itself takes fifteen lines.
"""

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_MAGIC, _VERSION, _JSON, _BIN = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
_FLOAT, _BYTE, _SHORT, _INT = 5126, 5121, 5123, 5125  # componentType (3.6.2.2)
_COMPONENTS = {"float32": _FLOAT, "uint8": _BYTE, "uint16": _SHORT, "uint32": _INT}
_TYPES = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
VERTICES, INDICES = 34962, 34963  # bufferView.target


@dataclass
class Document:
    """Lists of glTF's objects, which refer to each other by their places in these lists."""

    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _blob: list[bytes] = field(default_factory=list)
    _size: int = 0

    def add(self, kind: str, **item: Any) -> int:
        """Append to `nodes`, `meshes`, ...; returns the item's place there."""
        items = self.objects.setdefault(kind, [])
        items.append(item)
        return len(items) - 1

    def array(self, array: np.ndarray, *, target: int | None = None, bounds: bool = False) -> int:
        """Append an accessor for an array, one row per element.

        Args:
            target: VERTICES or INDICES for the arrays of a mesh.
            bounds: whether to give smallest and largest values, as positions and key times must.
        """
        data = np.ascontiguousarray(array)
        view = {"buffer": 0, "byteOffset": self._size, "byteLength": data.nbytes}
        if target is not None:
            view["target"] = target
        accessor: dict[str, Any] = {
            "bufferView": self.add("bufferViews", **view),
            "componentType": _COMPONENTS[data.dtype.name],
            "count": len(data),
            "type": _TYPES[data.shape[1:]],
        }
        if bounds:
            accessor |= {
                "min": np.atleast_1d(data.min(0)).tolist(),
                "max": np.atleast_1d(data.max(0)).tolist(),
            }
        padding = bytes(-data.nbytes % 4)  # every accessor starts at a multiple of 4 (3.6.2.4)
        self._blob += [data.tobytes(), padding]
        self._size += data.nbytes + len(padding)
        return self.add("accessors", **accessor)

    def glb(self, **top: Any) -> bytes:
        """The binary file (4.4).

        Args:
            top: entries that are not lists, `asset` at least.
        """
        document = {**top, **self.objects}
        if self._size:
            document["buffers"] = [{"byteLength": self._size}]
        text = json.dumps(document, separators=(",", ":")).encode()
        chunks = _chunk(_JSON, text + b" " * (-len(text) % 4))
        if self._size:
            chunks += _chunk(_BIN, b"".join(self._blob))
        return struct.pack("<III", _MAGIC, _VERSION, 12 + len(chunks)) + chunks


def _chunk(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", len(content), kind) + content
