"""Every export format read back: python -m examples.read_exports [PHOTO] [FOLDER]"""

import sys
from pathlib import Path

import numpy as np
import trimesh
from hydra import compose, initialize_config_dir

from fitting import BodyParams, load_body_model
from pipeline.config import ROOT, to_config
from pipeline.pipeline import run


def surface(path: Path) -> float:
    """obj, ply (the fitted surface) and glb (at rest): a mesh, y up, m. Returns its height."""
    return float(np.ptp(trimesh.load(path, force="mesh").vertices[:, 1]))


def amass(path: Path) -> float:
    """poses (T, 156) in SMPL-H's order and trans (T, 3), z up. Returns the height of the body."""
    with np.load(path) as motion:
        poses, trans, betas = motion["poses"], motion["trans"], motion["fitted_betas"]
    pose = np.pad(poses[:, 3:66], ((0, 0), (0, 6)))  # SMPL has one joint where SMPL-H has fingers
    rows = BodyParams(np.tile(betas[:10], (len(poses), 1)), poses[:, :3], pose, trans)
    body = load_body_model(ROOT / "assets/bodies/neutral.npz")
    return float(np.ptp(body.vertices(rows)[0, :, 2]))


def smpl(path: Path) -> float:
    """bodyPose (T, 24, 3) axis-angle and bodyTranslation (T, 3), y up. Returns the frame rate."""
    with np.load(path) as file:
        return float(file["frameRate"])


def bvh(path: Path) -> int:
    """A skeleton and its angles as text, cm. Returns how many joints it has."""
    return path.read_text().count("JOINT") + 1


def parcel(path: Path) -> int:
    """Rows of many inputs; row i is of name[input[i]]. Returns how many rows the first has."""
    with np.load(path) as file:
        return int((file["name"][file["input"]] == file["name"][0]).sum())


def main(photo: str = "assets/demo/warrior.jpg", folder: str = "outputs/all") -> dict[str, float]:
    """Fit a photo, write all formats and read them back."""
    settings = ["detector=blazepose", "export=[glb,obj,ply,amass,bvh,smpl,parcels]"]
    settings += [f"data.path='{photo}'", f"runtime.output_dir='{folder}'"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        run(to_config(compose("config", settings)))
    readers = {"*.glb": surface, "*.obj": surface, "*.ply": surface, "*-amass.npz": amass}
    readers |= {"*.smpl": smpl, "*.bvh": bvh, "0*.npz": parcel}
    return {name: read(next(Path(folder).rglob(name))) for name, read in readers.items()}


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
