"""Drawn clips: the motions, and the truth of every frame."""

from pathlib import Path

import numpy as np
import pytest

from fitting.joints import LSP_14
from pipeline.datasets.synthetic import IMAGE_SIDE
from pipeline.datasets.synthetic_clips import TrueFrames, load_motions, torso_of
from pipeline.datasets.synthetic_video import SyntheticVideo
from tests.conftest import ROOT
from tests.pipeline.datasets.drawn_clips import CLEAN, SHORT, source


def pixels(true: TrueFrames) -> np.ndarray:
    flat = true.joints[..., :2] / true.joints[..., 2:]
    return true.camera.focal_length[:, None, None] * flat + true.camera.center[:, None]


def test_the_motions_are_of_subjects_that_nothing_learnt_from() -> None:
    path = ROOT / "assets/test_clips.npz"
    assert path.stat().st_size < 3_000_000
    motions = load_motions(path)
    subjects = {name.split("_")[0] for name in motions.names}
    assert subjects == {"003", "008", "014", "016", "indian"}
    assert motions.fps == 24
    with np.load(path, allow_pickle=False) as archive:
        assert "test_clips.LICENSE.md" in str(archive["licence"])
    assert (ROOT / "assets/test_clips.LICENSE.md").is_file()


def test_the_truth_is_of_one_piece(clean: TrueFrames, drawn: SyntheticVideo) -> None:
    """Parameters give the joints, joints and camera the keypoints; all of it is in the picture."""
    model = drawn.body_model()
    some = clean[::20]
    heads = model.vertices(some.params)[:, model.head_top]
    np.testing.assert_allclose(heads, some.joints[:, LSP_14.index("head_top")], atol=1e-6)
    np.testing.assert_allclose(clean.keypoints.xy, pixels(clean), atol=1e-3)
    assert (clean.keypoints.xy > 0).all()
    assert (clean.keypoints.xy < IMAGE_SIDE).all()
    assert np.median(torso_of(clean.keypoints.xy)) > 35
    assert len(np.unique(clean.params.betas, axis=0)) == 1, "one shape through the clip"
    assert clean.found.all()
    assert not clean.exchanged.any()


@pytest.mark.parametrize("camera", ["static", "panning"])
def test_feet_that_stand_stay_where_they_are_in_the_world(camera: str) -> None:
    true = source(**CLEAN, camera=camera).true(5)  # somebody who walks
    rotation = true.world_from_camera
    soles = np.einsum("tab,tnb->tna", rotation, true.soles)
    steps = 1000 * np.linalg.norm(np.diff(soles, axis=0), axis=-1)
    turned = np.degrees(np.arccos((np.trace(rotation[0].T @ rotation[-1]) - 1).clip(-2, 2) / 2))
    assert 0.1 < true.contact.mean() < 0.6
    assert true.contact.any(1).mean() > 0.7
    if camera == "static":
        assert steps[true.contact[:-1]].max() < 6
        assert turned == pytest.approx(0, abs=1e-6)
    else:
        assert turned > 5
        assert np.abs(np.diff(rotation, axis=0)).max() < 0.03, "slowly"
    world = soles + true.camera_place[:, None]
    assert true.camera_place[0, 1] > 0.3
    assert np.abs(world[..., 1].min(1)).max() < 0.02, "the lowest sole is on the floor"
    up = np.einsum("tab,tb->ta", rotation, true.joints[:, 13] - true.joints[:, 2])[:, 1]
    assert (up > 0).all(), "heads are up"


def test_the_person_does_not_depend_on_the_faults(clean: TrueFrames) -> None:
    other = source(swaps=0.0, hold=1.0).true(SHORT)
    np.testing.assert_array_equal(other.joints, clean.joints)
    np.testing.assert_array_equal(other.camera.focal_length, clean.camera.focal_length)
    assert np.abs(source(**CLEAN, seed=1).true(SHORT).joints - clean.joints).max() > 0.1


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"frames": np.array([3, 4])}, "expected pose .T, 24, 3., T in all of frames"),
        ({"pose": np.zeros((6, 23, 3))}, "got .6, 23, 3."),
        ({"frames": np.array([2, 4])}, "3 frames or more"),
        ({"pose": np.full((6, 24, 3), np.nan)}, "finite motions"),
    ],
)
def test_other_files_are_no_motions(arrays: dict, message: str, tmp_path: Path) -> None:
    good = {
        "pose": np.zeros((6, 24, 3)),
        "frames": np.array([3, 3]),
        "trial_ids": np.array(["a", "b"]),
        "fps": np.array(24.0),
    }
    np.savez(tmp_path / "m.npz", **{**good, **arrays})
    with pytest.raises(ValueError, match=message):
        load_motions(tmp_path / "m.npz")
