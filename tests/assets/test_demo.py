"""The demo pictures are there, small, true to their truth, and the default detector reads them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fitting.body.body_model import BodyParams, load_body_model
from fitting.camera import focal_length_px

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "assets" / "demo"
PHOTOS = {"wave.jpg": 1, "warrior.jpg": 1, "friends.jpg": 2, "runner.jpg": 1}
# SMPL's joints that BlazePose names too.
LIMBS = {
    "left_shoulder": 16,
    "right_shoulder": 17,
    "left_elbow": 18,
    "right_elbow": 19,
    "left_wrist": 20,
    "right_wrist": 21,
    "left_hip": 1,
    "right_hip": 2,
    "left_knee": 4,
    "right_knee": 5,
    "left_ankle": 7,
    "right_ankle": 8,
}


@pytest.fixture(scope="module")
def truth() -> dict[str, np.ndarray]:
    with np.load(DEMO / "truth.npz", allow_pickle=False) as archive:
        return dict(archive)


def projected(points, truth, row) -> np.ndarray:
    return truth["focal_length"][row] * points[:, :2] / points[:, 2:] + truth["center"][row]


def parameters(truth, row) -> BodyParams:
    names = ("betas", "global_orient", "body_pose", "transl")
    return BodyParams(**{name: truth[name][row : row + 1] for name in names})


@pytest.mark.parametrize(("name", "people"), PHOTOS.items())
def test_photos_are_small_and_their_people_are_known(name, people, truth):
    path = DEMO / name
    assert path.stat().st_size < 300_000
    with Image.open(path) as image:
        assert sorted(image.size) == [720, 960]
        rows = np.flatnonzero(truth["picture"] == name)
        assert len(rows) == people
        assert (truth["image_size"][rows] == image.size).all()


@pytest.mark.parametrize("name", PHOTOS)
def test_the_pipeline_reads_the_true_focal_length_from_the_file(name, truth):
    with Image.open(DEMO / name) as image:
        millimetres = image.getexif().get_ifd(0x8769).get(0xA405)
        focal = focal_length_px("auto", image.size, millimetres)
    assert focal == pytest.approx(truth["focal_length"][truth["picture"] == name], abs=1e-6)
    assert (millimetres is None) == (name == "runner.jpg")


def test_the_clip_is_small_and_every_frame_is_known(truth):
    import cv2

    assert (DEMO / "walk.mp4").stat().st_size < 1_000_000
    capture = cv2.VideoCapture(str(DEMO / "walk.mp4"))
    assert capture.get(cv2.CAP_PROP_FPS) == 24
    count = 0
    while capture.read()[0]:
        count += 1
    capture.release()
    assert count == 52
    assert truth["frame"][truth["picture"] == "walk.mp4"].tolist() == list(range(count))


def test_true_joints_lie_within_their_pictures(truth):
    for row in range(len(truth["picture"])):
        xy = projected(truth["joints"][row], truth, row)
        assert (xy > 8).all()
        assert (xy < truth["image_size"][row] - 8).all()


def test_the_true_parameters_give_the_true_joints(truth):
    """smplx's skinning of the parameters and the tool's own agree: nothing else was drawn."""
    models = {n: load_body_model(ROOT / f"assets/bodies/{n}.npz") for n in ("female", "male")}
    photos = np.flatnonzero(truth["picture"] != "walk.mp4")
    for row in [*photos, len(truth["picture"]) - 1]:
        model = models[str(truth["body"][row])]
        vertices = model.vertices(parameters(truth, row))[0]
        # The regressor is exact at rest only; hips, knees and ankles are its steadiest joints.
        near = np.linalg.norm(model.J_regressor @ vertices - truth["joints"][row], axis=1)
        assert near[0] < 0.01
        assert np.median(near) < 0.01
        # The pelvis is where smplx puts it: its rest place plus transl.
        rest = model.v_template + model.shapedirs @ truth["betas"][row]
        pelvis = model.J_regressor[0] @ rest + truth["transl"][row]
        np.testing.assert_allclose(truth["joints"][row, 0], pelvis, atol=1e-6)


def test_walking_feet_do_not_slide(truth):
    """The foot in contact moves less than 3 cm from frame to frame."""
    joints = truth["joints"][truth["picture"] == "walk.mp4"][:, [10, 11]]
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=2)
    assert steps.min(axis=1).max() < 0.03
    assert np.linalg.norm(joints[-1] - joints[0], axis=1).min() > 1.5


def found(image, name, tmp_path):
    from detectors.base import Resources
    from detectors.blazepose import BlazePose

    return BlazePose().detect([image], Resources(weights_dir=tmp_path), name)


def worst_errors(detections, truth, rows) -> list[float]:
    """Mean error of the limbs' joints over the person's height in px, of the nearest find."""
    columns = [detections.joint_names.index(name) for name in LIMBS]
    errors = []
    for row in rows:
        xy = projected(truth["joints"][row, list(LIMBS.values())], truth, row)
        apart = np.linalg.norm(detections.keypoints[:, columns] - xy, axis=2).mean(axis=1)
        errors.append(float(apart.min() / np.ptp(xy[:, 1])))
    return errors


@pytest.mark.parametrize(("name", "people"), PHOTOS.items())
def test_blazepose_finds_everybody(name, people, truth, tmp_path):
    image = np.asarray(Image.open(DEMO / name).convert("RGB"))
    detections = found(image, name, tmp_path)
    assert len(detections) == people
    assert max(worst_errors(detections, truth, np.flatnonzero(truth["picture"] == name))) < 0.05


@pytest.mark.slow
def test_blazepose_finds_the_walker_on_every_frame(truth, tmp_path):
    import cv2

    rows = np.flatnonzero(truth["picture"] == "walk.mp4")
    capture, errors = cv2.VideoCapture(str(DEMO / "walk.mp4")), []
    for row in rows:
        frame = cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)
        detections = found(frame, "walk.mp4", tmp_path)
        assert len(detections) == 1
        errors += worst_errors(detections, truth, [row])
    capture.release()
    assert np.mean(errors) < 0.05
    assert max(errors) < 0.12
