"""Reads a GLB by the letter of the specification: nodes, animation, skin and camera at a time."""

import json
import struct
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation, Slerp

_KINDS = {5126: np.float32, 5121: np.uint8, 5123: np.uint16, 5125: np.uint32}
_SHAPES = {"SCALAR": (), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}


class Glb:
    """A document; nodes are known by their place in it."""

    def __init__(self, content: bytes) -> None:
        magic, version, size = struct.unpack_from("<4sII", content)
        assert (magic, version, size) == (b"glTF", 2, len(content))
        length, kind = struct.unpack_from("<I4s", content, 12)
        assert kind == b"JSON"
        assert length % 4 == 0
        self.json: dict[str, Any] = json.loads(content[20 : 20 + length])
        rest = content[20 + length :]
        if rest:
            blob, kind = struct.unpack_from("<I4s", rest)
            assert kind == b"BIN\0"
            assert self.json["buffers"] == [{"byteLength": blob}]
        self._blob = rest[8:]

    def named(self, name: str) -> list[int]:
        return [k for k, node in enumerate(self.json["nodes"]) if node["name"] == name]

    def array(self, accessor: int) -> np.ndarray:
        item = self.json["accessors"][accessor]
        view = self.json["bufferViews"][item["bufferView"]]
        shape = (item["count"], *_SHAPES[item["type"]])
        kind = np.dtype(_KINDS[item["componentType"]])
        assert view["byteLength"] == np.prod(shape, dtype=int) * kind.itemsize
        data = self._blob[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        array = np.frombuffer(data, kind).reshape(shape)
        if "min" in item:
            np.testing.assert_array_equal(np.atleast_1d(array.min(0)), item["min"])
            np.testing.assert_array_equal(np.atleast_1d(array.max(0)), item["max"])
        return array

    def world(self, time: float | None = None) -> Float[np.ndarray, "nodes 4 4"]:
        """The matrix of each node; at rest where no time is given."""
        values = [dict(node) for node in self.json["nodes"]]
        for animation in self.json.get("animations", []) if time is not None else []:
            for channel in animation["channels"]:
                sampler = animation["samplers"][channel["sampler"]]
                times, keys = self.array(sampler["input"]), self.array(sampler["output"])
                path = channel["target"]["path"]
                value = _at(time, times, keys, path, sampler["interpolation"])
                values[channel["target"]["node"]][path] = value
        matrices = np.zeros((len(values), 4, 4))

        def descend(node: int, above: np.ndarray) -> None:
            matrices[node] = above @ _local(values[node])
            for child in values[node].get("children", []):
                descend(child, matrices[node])

        for root in self.json["scenes"][self.json["scene"]]["nodes"]:
            descend(root, np.eye(4))
        return matrices

    def joints(self, skin: int, time: float | None = None) -> Float[np.ndarray, "24 3"]:
        return self.world(time)[self.json["skins"][skin]["joints"], :3, 3]

    def skinned(self, node: int, time: float | None = None) -> Float[np.ndarray, "V 3"]:
        """The vertices of a skinned mesh (specification 3.7.3)."""
        item = self.json["nodes"][node]
        skin = self.json["skins"][item["skin"]]
        (primitive,) = self.json["meshes"][item["mesh"]]["primitives"]
        parts = {name: self.array(a) for name, a in primitive["attributes"].items()}
        bind = self.array(skin["inverseBindMatrices"]).swapaxes(1, 2)  # column by column
        matrices = self.world(time)[skin["joints"]] @ bind
        blended = np.einsum("vk,vkij->vij", parts["WEIGHTS_0"], matrices[parts["JOINTS_0"]])
        return np.einsum("vij,vj->vi", blended[:, :3, :3], parts["POSITION"]) + blended[:, :3, 3]

    def pixels(self, points: Float[np.ndarray, "n 3"], size: tuple[int, int]) -> np.ndarray:
        """Where the camera sees points, px with pixel centres at integers (3.10.3)."""
        (node,) = self.named("camera")
        lens = self.json["cameras"][self.json["nodes"][node]["camera"]]["perspective"]
        local = np.linalg.inv(self.world()[node])
        seen = points @ local[:3, :3].T + local[:3, 3]
        scale = 1 / np.tan(lens["yfov"] / 2)
        ndc = seen[:, :2] * [scale / lens["aspectRatio"], scale] / -seen[:, 2:]
        return (ndc * [1, -1] + 1) / 2 * size - 0.5


def _local(node: dict[str, Any]) -> Float[np.ndarray, "4 4"]:
    matrix = np.eye(4)
    turn = Rotation.from_quat(node.get("rotation", [0, 0, 0, 1])).as_matrix()
    matrix[:3, :3] = turn * np.asarray(node.get("scale", [1, 1, 1]))
    matrix[:3, 3] = node.get("translation", [0, 0, 0])
    return matrix


def _at(time: float, times: np.ndarray, keys: np.ndarray, path: str, how: str) -> np.ndarray:
    time = float(np.clip(time, times[0], times[-1]))
    if how == "STEP" or len(times) == 1:
        return keys[np.searchsorted(times, time + 1e-6) - 1]
    if path == "rotation":
        return Slerp(times, Rotation.from_quat(keys))(time).as_quat()
    return np.stack([np.interp(time, times, keys[:, k]) for k in range(3)])
