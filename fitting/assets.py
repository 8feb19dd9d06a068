"""The models that a fit needs besides keypoints and a camera."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from fitting.body.body_files import find_body
from fitting.body.body_model import BodyModel, load_body_model
from fitting.capsules.capsules import Capsules, load_capsules
from fitting.priors import PosePrior, load_pose_prior
from fitting.starts.retrieval import PoseLibrary, load_pose_library

if TYPE_CHECKING:
    from fitting.starts.fusion import Fusion
    from fitting.starts.lifter import Lifter


@dataclass(frozen=True)
class Assets:
    """The models of one gender.

    Args:
        body: in SMPL's format.
        prior: over body_pose.
        library: of poses to start from; for FitConfig.starts.
        lifter: from keypoints to joints; for FitConfig.lifts.
        capsules: of the body; for FitConfig.interpenetration.
        fusion: of the lifter with a detector's own 3-D joints; None: these are not used.
    """

    body: BodyModel
    prior: PosePrior
    library: PoseLibrary | None = None
    lifter: "Lifter | None" = None
    capsules: Capsules | None = None
    fusion: "Fusion | None" = None


def load_assets(folder: str | Path, gender: str = "neutral", device: str = "cpu") -> Assets:
    """The project's own models, from its folder `assets`; `device` is that of the fit.

    Raises:
        FileNotFoundError, ValueError: from the loaders of the parts.
    """
    from fitting.starts.fusion import load_fusion
    from fitting.starts.lifter import load_lifter

    folder = Path(folder)
    path, table = find_body(folder / "bodies", gender), folder / "fusion_blazepose.npz"
    body, prior = load_body_model(path), load_pose_prior(folder / "pose_prior.npz")
    poses: Float64[np.ndarray, "P 69"] = load_pose_library(folder / "pose_library.npz")
    return Assets(
        body=body,
        prior=prior,
        library=PoseLibrary(poses, body, prior, device),
        lifter=load_lifter(folder / "lifter.npz"),
        capsules=load_capsules(path),
        fusion=load_fusion(table) if table.is_file() else None,
    )
