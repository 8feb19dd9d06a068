"""SMPLify: fits a body in SMPL's format to 2-D joints. It needs arrays and tensors only.

from fitting import Camera, Keypoints, fit, load_assets
"""

from importlib import import_module

_HOMES = {
    "Assets": "assets",
    "load_assets": "assets",
    "BodyModel": "body.body_model",
    "BodyParams": "body.body_model",
    "load_body_model": "body.body_model",
    "find_body": "body.body_files",
    "Camera": "camera",
    "focal_length_px": "camera",
    "FitConfig": "fit_config",
    "FitResult": "result",
    "Status": "solver.status",
    "fit": "smplify",
    "LSP_14": "joints",
    "Keypoints": "joints",
    "PosePrior": "priors",
    "load_pose_prior": "priors",
    "load_calibration": "presets",
    "load_landmark_offsets": "presets",
    "load_preset": "presets",
    "load_capsules": "capsules.capsules",
    "load_lifter": "starts.lifter",
}
__all__ = list(_HOMES)


def __getattr__(name: str):
    """Import on first use: torch takes seconds, and reading a cached result does not need it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'fitting' has no attribute {name!r}")
    return getattr(import_module(f"fitting.{_HOMES[name]}"), name)
