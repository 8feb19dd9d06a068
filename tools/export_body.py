"""Write a body as a classic SMPL .pkl, for programs that load nothing else.

    python -m tools.export_body assets/bodies/neutral.npz SMPL_NEUTRAL.pkl

The pickle has protocol 2 and names its classes as Python 2, numpy 1 and the first versions of scipy
did. Newer versions still understand these names, and smplx loads the file by path. Fields that
other programs do not know (landmarks, capsules) are kept, so that nothing is lost on the way back.
"""

import argparse
import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csc_matrix

from fitting.body.body_model import BodyModel, load_body_model
from fitting.body.skeleton import SMPL_24
from fitting.capsules.capsules import has_capsules, load_capsules
from fitting.joints import EXTRA
from pipeline.storage.whole_files import replacing

PROTOCOL = 2
_ROOT = 2**32 - 1  # the parent of the pelvis in the classic files


class _ClassicPickler(pickle._Pickler):
    """Writes numpy's and scipy's classes under module names that every version knows."""

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module = str(getattr(obj, "__module__", None))
        if module.startswith("numpy._core"):
            module = module.replace("numpy._core", "numpy.core", 1)  # _core: numpy 2 only
        elif module.startswith("scipy.sparse."):
            module = "scipy.sparse"  # its parts have moved twice
        else:
            super().save_global(obj, name)
            return
        self.write(pickle.GLOBAL + f"{module}\n{name or obj.__name__}\n".encode())
        self.memoize(obj)


def classic_fields(body: BodyModel) -> dict[str, Any]:
    """The body under SMPL's field names, types and layout."""
    kintree = np.stack([body.parents, np.arange(SMPL_24.n_joints)])
    kintree[0, 0] = _ROOT
    return {
        "v_template": body.v_template,
        "shapedirs": body.shapedirs,
        "posedirs": body.posedirs,
        "J_regressor": csc_matrix(body.J_regressor),
        "J": body.J_regressor @ body.v_template,
        "weights": body.weights,
        "kintree_table": kintree.astype(np.uint32),
        "f": body.faces.astype(np.uint32),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
        "head_top": body.head_top,
        "landmark_names": np.array(EXTRA),
        "landmark_vertices": body.landmarks,
    }


def export_body(source: Path, target: Path) -> None:
    """Read any body that the project can read, and write it as a classic .pkl.

    Raises:
        FileNotFoundError, ValueError: as load_body_model.
    """
    fields = classic_fields(load_body_model(source))
    if has_capsules(source):
        fields |= load_capsules(source).arrays()
    buffer = BytesIO()
    _ClassicPickler(buffer, PROTOCOL).dump(fields)
    with replacing(target) as temporary:
        temporary.write_bytes(buffer.getvalue())


def main() -> None:
    """Export one body and print the path."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="a body: this project's .npz or an SMPL file")
    parser.add_argument("target", type=Path, help="the .pkl to write, e.g. SMPL_NEUTRAL.pkl")
    options = parser.parse_args()
    export_body(options.source, options.target)
    print(f"{options.target}: {options.target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
