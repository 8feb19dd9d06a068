"""Results of the stages on disk: one npz per clip and stage, with the key in its name."""

import hashlib
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from pipeline.storage.whole_files import lock, replacing, settle, write_all

_log = logging.getLogger(__name__)
_PROVENANCE = "provenance"
_KEPT = 1_000_000  # bytes; people stay in memory, pictures do not


def key_of(*parts: Any) -> str:
    """sha256 (hex) of the parts as canonical JSON; equal values give equal keys on any machine."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def digest(path: Path) -> str:
    """sha256 (hex) of a file's bytes; of a folder, of the names and bytes of the files in it."""
    if path.is_dir():
        files = sorted(entry for entry in path.iterdir() if entry.is_file())
        return key_of([(file.name, digest(file)) for file in files])
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Digests:
    """`digest` of files and folders that settings name, each read again only if it changes.

    Every parcel of inputs asks for them, and a file of keypoints grows with the number of parcels.
    A change is seen by size and times; of a folder, if files come or go.
    """

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, ...], str]] = {}

    def of(self, path: Path) -> str:
        """What `digest` says, from this read or an earlier one."""
        found = path.stat()
        state = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        if path not in self._known or self._known[path][0] != state:
            self._known[path] = state, digest(path)
        return self._known[path][1]


@dataclass(frozen=True)
class Artefact:
    """One stage's result for one clip, on disk; small ones stay in memory once read."""

    path: Path
    key: str
    provenance: dict[str, Any]
    output: type
    cached: bool
    arrays: dict[str, np.ndarray] | None = field(default=None, repr=False, compare=False)

    @property
    def seconds(self) -> float:
        """How long it took to compute, whenever that was."""
        return self.provenance["seconds"]

    def load(self) -> Any:
        """The result in the stage's own type; from memory if a check has just read it."""
        if self.arrays is not None:
            return from_arrays(self.output, self.arrays)
        with opened(self.path) as archive:
            return from_arrays(self.output, {n: archive[n] for n in archive if n != _PROVENANCE})


@dataclass(frozen=True)
class Entry:
    """A result to be stored for a clip under a key, and where it came from."""

    clip: str
    key: str
    result: Any
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Cache:
    """Whole files or none: each is written under a temporary name and moved when complete."""

    root: Path

    def find(self, stage: str, clip: str, key: str, output: type) -> Artefact | None:
        """The result stored under the key. A damaged file counts as absent and is reported."""
        path = self._path(stage, clip, key)
        if not path.is_file():
            return None
        try:
            with opened(path) as archive:
                arrays = {name: archive[name] for name in archive}  # checks each CRC-32
            provenance = json.loads(str(arrays.pop(_PROVENANCE)))
            if provenance["key"] == key:
                small = sum(array.nbytes for array in arrays.values()) < _KEPT
                return Artefact(path, key, provenance, output, True, arrays if small else None)
            _log.warning("%s: its name and its result differ; computing it again", path)
        # A flipped byte can raise nearly anything: BadZipFile, NotImplementedError, ...
        except Exception as error:
            _log.warning("%s: damaged (%s); computing it again", path, error)
        return None

    def stored(self, stage: str, keys: dict[str, str]) -> set[str]:
        """Given clips and their keys, the clips that have a file, damaged or not.

        Results that are stored together (`store_all`) appear together, whatever other processes do.
        """
        folder = self.root / stage
        if not folder.is_dir():
            return set()
        with lock(folder):
            settle(folder)
            return {clip for clip, key in keys.items() if self._path(stage, clip, key).is_file()}

    def store(
        self, stage: str, clip: str, key: str, result: Any, provenance: dict[str, Any]
    ) -> Artefact:
        """Write a result; `provenance` is any JSON that tells where it came from."""
        artefact, content = self._packed(stage, Entry(clip, key, result, provenance))
        artefact.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(artefact.path) as temporary:
            temporary.write_bytes(content)
        return artefact

    def store_all(self, stage: str, entries: list[Entry]) -> list[Artefact]:
        """Write results that were computed together: all, or if it is killed or fails, none."""
        if len(entries) == 1:
            (one,) = entries
            return [self.store(stage, one.clip, one.key, one.result, one.provenance)]
        packed = [self._packed(stage, entry) for entry in entries]
        (self.root / stage).mkdir(parents=True, exist_ok=True)
        write_all(self.root / stage, {item.path.name: bytes(data) for item, data in packed})
        return [artefact for artefact, _ in packed]

    def _packed(self, stage: str, entry: Entry) -> tuple[Artefact, memoryview]:
        provenance = {"key": entry.key, **entry.provenance}
        arrays = to_arrays(entry.result) | {_PROVENANCE: np.array(json.dumps(provenance))}
        path = self._path(stage, entry.clip, entry.key)
        artefact = Artefact(path, entry.key, provenance, type(entry.result), cached=False)
        return artefact, npz_bytes(arrays)

    def _path(self, stage: str, clip: str, key: str) -> Path:
        return self.root / stage / f"{clip}-{key[:12]}.npz"


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An npz opened by numpy, without pickles; np.load alone would leave a damaged file open."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        yield archive


def check(archive: Any) -> None:
    """Check every byte against the CRC-32, many times faster than by reading arrays.

    Raises:
        ValueError: names the first damaged array. Errors of zipfile are passed on.
    """
    damaged = archive.zip.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged} does not match its checksum")


def npz_bytes(arrays: dict[str, np.ndarray]) -> memoryview:
    """The arrays as an npz in memory, because on a full disk zipfile prints when it is freed."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]  (numpy's stub)
    return buffer.getbuffer()


def plain(value: Any) -> Any:
    """Settings as JSON values; an enum becomes its name, a tuple a list."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.name if isinstance(value, Enum) else value


def to_arrays(value: Any) -> dict[str, np.ndarray]:
    """The fields of a dataclass as arrays; a dataclass inside gives its own fields."""
    arrays: dict[str, np.ndarray] = {}
    for member in fields(value):
        item = getattr(value, member.name)
        arrays |= to_arrays(item) if is_dataclass(item) else {member.name: np.asarray(item)}
    return arrays


def from_arrays(kind: type, arrays: dict[str, np.ndarray]) -> Any:
    """The dataclass that `to_arrays` took apart."""
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for member in fields(kind):
        hint = hints[member.name]
        if is_dataclass(hint):
            values[member.name] = from_arrays(hint, arrays)  # pyright: ignore[reportArgumentType]
        elif arrays[member.name].dtype.kind == "U":
            values[member.name] = _text(arrays[member.name])
        else:
            values[member.name] = arrays[member.name]
    return kind(**values)


def _text(array: np.ndarray) -> str | tuple[str, ...]:
    return str(array) if array.ndim == 0 else tuple(array.tolist())
