"""From 14 keypoints to a body, without images: python -m examples.keypoints_to_body"""

import numpy as np

from fitting import Camera, FitResult, Keypoints, fit, load_assets, load_preset
from pipeline.config import ROOT

# x, y in px and confidence of LSP's joints, the person's own: right ankle, knee, hip;
# left hip, knee, ankle; right wrist, elbow, shoulder; left shoulder, elbow, wrist; neck; head top
JOINTS = np.array(
    [
        [300, 620, 1],
        [302, 510, 1],
        [300, 400, 1],
        [345, 400, 1],
        [346, 512, 1],
        [350, 622, 1],
        [255, 395, 1],
        [262, 325, 1],
        [275, 250, 1],
        [370, 250, 1],
        [385, 325, 1],
        [392, 395, 1],
        [322, 225, 1],
        [322, 150, 1],
    ],
    np.float32,
)
WIDTH, HEIGHT = 640, 720
ERRORS = [[0.05, 0.36], [0.3, 0.14], [0.9, 0.05]]  # confidence -> expected error, torso lengths


def main() -> tuple[FitResult, np.ndarray]:
    """Fit one person.

    Returns:
        The fit, and the vertices of the mesh (1, V, 3) in the camera's axes, m.
    """
    keypoints = Keypoints(
        frame=np.zeros(1, np.int32),
        track=np.zeros(1, np.int32),
        xy=JOINTS[None, :, :2],
        confidence=JOINTS[None, :, 2],
    )
    middle = np.array([[(WIDTH - 1) / 2, (HEIGHT - 1) / 2]])
    camera = Camera(focal_length=np.array([np.hypot(WIDTH, HEIGHT)]), center=middle)
    assets = load_assets(ROOT / "assets", "neutral")
    result = fit(keypoints, camera, assets, load_preset(ROOT / "conf/fit/lifted.yaml", ERRORS))
    return result, assets.body.vertices(result.params)


if __name__ == "__main__":
    found, vertices = main()
    print(f"{found.reprojection_error[0]:.1f} px from the keypoints, {vertices.shape[1]} vertices")
    print("betas", found.params.betas[0].round(2))
