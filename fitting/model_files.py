"""Reads the arrays of a model file; nothing in the file is ever executed."""

import zipfile
import zlib
from pathlib import Path

import numpy as np


def read_npz(
    path: str | Path, what: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """The named arrays of an npz.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no npz, is damaged, holds pickles, or lacks an array; says which.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no {what} at {path}: expected an .npz")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = [name for name in (*required, *optional) if name in archive]
            arrays = {name: archive[name] for name in names}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is no {what} .npz without pickles: {error}") from error
    missing = [name for name in required if name not in arrays]
    if missing:
        raise ValueError(f"{path} is no {what}: it lacks {', '.join(missing)}")
    return arrays
