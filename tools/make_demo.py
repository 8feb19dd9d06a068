"""Makes assets/demo: photo-like pictures and a clip of this project's bodies, with their truth.

    python -m tools.make_demo [--samples 4] [--only wave] [--out FOLDER]

Everything is drawn here from assets/bodies and assets/demo/poses.npz; the same seeds give the same
pictures. It takes some minutes on one core.
"""

import argparse
from pathlib import Path

import numpy as np

from fitting.body.body_model import BodyModel, load_body_model
from pipeline.inputs.videos import write_video
from tools.demo.people import in_camera, stand
from tools.demo.scenes import Scene, scenes, walking
from tools.demo.studio import Actor, photograph

ROOT = Path(__file__).resolve().parents[1]
BODIES, DEMO = ROOT / "assets" / "bodies", ROOT / "assets" / "demo"
_EXIF_IFD, _FOCAL_35MM = 0x8769, 0xA405
_JPEG_QUALITY = 90


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=4, help="squared: rays per pixel")
    parser.add_argument("--only", help="make only this picture, to look at it; no truth is written")
    parser.add_argument("--out", type=Path, default=DEMO)
    options = parser.parse_args()
    models = {name: load_body_model(BODIES / f"{name}.npz") for name in ("female", "male")}
    truth = []
    for name, scene in scenes().items():
        if options.only in (None, name):
            image = shoot(scene, models, options.samples)
            save_jpeg(options.out / f"{name}.jpg", image, scene.exif_mm)
            truth += truth_rows(f"{name}.jpg", 0, scene, models)
            print(name)
    if options.only in (None, "walk"):
        with np.load(DEMO / "poses.npz", allow_pickle=False) as table:
            poses, fps = table["walk"].astype(float), float(table["fps"])
        frames = walking(models, poses)
        samples = max(1, options.samples // 2)
        images = (shoot(scene, models, samples, grain=0.6) for scene in frames)
        write_video(options.out / "walk.mp4", images, fps)
        for index, scene in enumerate(frames):
            truth += truth_rows("walk.mp4", index, scene, models)
        print("walk")
    if options.only is None:
        columns = {key: np.array([row[key] for row in truth]) for key in truth[0]}
        np.savez_compressed(options.out / "truth.npz", **columns)


def shoot(
    scene: Scene, models: dict[str, BodyModel], samples: int, grain: float = 1.5
) -> np.ndarray:
    """The picture of a scene, RGB."""
    actors = [
        Actor(models[p.body], p.outfit, stand(models[p.body], p, scene.room.floor))
        for p in scene.people
    ]
    return photograph(scene.camera, scene.room, actors, samples, grain)


def truth_rows(picture: str, frame: int, scene: Scene, models: dict[str, BodyModel]) -> list[dict]:
    """One row per person: smplx's parameters and the joints in the camera's frame, the camera."""
    rows = []
    for number, person in enumerate(scene.people):
        figure = stand(models[person.body], person, scene.room.floor)
        params = in_camera(models[person.body], person, figure, scene.camera.tilt)
        betas = np.zeros(10)
        betas[: params.betas.shape[1]] = params.betas[0]
        rows.append(
            {
                "picture": picture,
                "frame": frame,
                "person": number,
                "body": person.body,
                "betas": betas,
                "global_orient": params.global_orient[0],
                "body_pose": params.body_pose[0],
                "transl": params.transl[0],
                "joints": figure.joints @ scene.camera.tilt.T,
                "focal_length": scene.camera.focal_length,
                "center": np.array(scene.camera.center),
                "image_size": np.array(scene.camera.size),
            }
        )
    return rows


def save_jpeg(path: Path, image: np.ndarray, exif_mm: int | None) -> None:
    """Write a picture, with its focal length on 35-mm film if the camera is to tell it."""
    from PIL import Image

    picture = Image.fromarray(image)
    tags = picture.getexif()
    if exif_mm is not None:
        tags.get_ifd(_EXIF_IFD)[_FOCAL_35MM] = exif_mm
    picture.save(path, quality=_JPEG_QUALITY, subsampling=0, exif=tags)


if __name__ == "__main__":
    main()
