"""Reads the arrays of a model file; nothing in the file is ever executed."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

_PICKLES = (".pkl", ".pickle")
_MAX_UNPACKED = 512 * 2**20  # bytes; SMPL with 300 betas has a fifth of it
_DAMAGE = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_arrays(
    path: str | Path, what: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """The named arrays of a .pkl (official models have that suffix) or of an npz.

    Sparse matrices become dense, and chumpy's objects become the arrays that they hold.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is neither, is damaged, asks for code, or lacks an array.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no {what} at {path}: expected an .npz or .pkl")
    if path.suffix.lower() in _PICKLES:
        return _read_pkl(path, what, required, optional)
    return read_npz(path, what, required, optional)


def read_npz(
    path: str | Path, what: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """The named arrays of an npz.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not an npz, is damaged, holds pickles, or lacks an array.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no {what} at {path}: expected an .npz")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = [name for name in (*required, *optional) if name in archive]
            unpacked = sum(archive.zip.getinfo(f"{name}.npy").file_size for name in names)
            if unpacked > _MAX_UNPACKED:
                raise ValueError(
                    f"it unpacks to {unpacked} bytes, expected {_MAX_UNPACKED} at most"
                )
            arrays = {name: archive[name] for name in names}
    except _DAMAGE as error:
        raise ValueError(f"{path} is no {what} .npz without pickles: {error}") from error
    _check_names(path, what, required, arrays)
    return arrays


def _read_pkl(
    path: Path, what: str, required: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, np.ndarray]:
    from fitting.files.pickled_arrays import array_of
    from fitting.files.safe_pickle import read_pickle

    values, arrays = read_pickle(path, what), {}
    for name in (*required, *optional):
        if name in values:
            try:
                arrays[name] = array_of(values[name], limit=path.stat().st_size)
            except ValueError as error:
                raise ValueError(f"{path} is no {what} .pkl: {name}: {error}") from error
    _check_names(path, what, required, arrays)
    return arrays


def _check_names(
    path: Path, what: str, required: tuple[str, ...], arrays: dict[str, np.ndarray]
) -> None:
    missing = [name for name in required if name not in arrays]
    if missing:
        raise ValueError(f"{path} is no {what}: it lacks {', '.join(missing)}")


def check_axes(what: str, arrays: dict[str, np.ndarray], axes: dict[str, int]) -> None:
    """Check that every array has as many axes as `axes` says.

    Raises:
        ValueError: one does not; the message names it and its shape.
    """
    for name, expected in axes.items():
        if arrays[name].ndim != expected:
            found = arrays[name].shape
            raise ValueError(f"{what} {name}: expected {expected} axes, got shape {found}")
