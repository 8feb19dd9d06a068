"""Small sound files of every kind that is read, to be damaged."""

import json
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from scipy.io import savemat

from pipeline.inputs.videos import write_video
from tests.pipeline.fake_detector import HEIGHT, JOINTS, WIDTH

PHOTOS = ("jpg", "png", "webp", "gif", "bmp", "tif")
KEYPOINTS = ("mat", "npz", "json")


def write_photo(path: Path) -> Path:
    """A picture with something in it, so that there is something to damage."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    Pillow.fromarray(noise).resize((WIDTH, HEIGHT)).save(path)
    return path


def write_clip(path: Path) -> Path:
    """Six frames."""
    noise = np.random.default_rng(0).integers(0, 256, (6, HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    write_video(path, (frame.repeat(8, 0).repeat(8, 1) for frame in noise), fps=5)
    return path


def write_keypoints(path: Path) -> Path:
    """One person for the image im0001.png, in the format that the suffix names."""
    xy = np.array(JOINTS)
    if path.suffix == ".mat":
        joints = np.concatenate([xy, np.zeros((14, 1))], 1).T[:, :, None]
        savemat(path, {"joints": joints}, do_compression=True)
    elif path.suffix == ".npz":
        est_joints = np.concatenate([xy, np.ones((14, 1))], 1).T[:, :, None]
        np.savez_compressed(path, est_joints=est_joints)
    else:
        person = {"keypoints": xy.tolist(), "keypoint_scores": [0.9] * 14}
        content = [{"image_id": 1, "keypoints": np.c_[xy, np.ones(14)].ravel().tolist()}]
        path.write_text(json.dumps(content if path.stem.endswith("coco") else [person]))
    return path
