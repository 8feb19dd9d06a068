"""Drawn clips as a data source: its detector, its clips and films, and the whole run."""

from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from detectors.base import Resources
from fitting.camera import focal_length_px
from fitting.joints import LSP_14, POINTS
from pipeline import pipeline
from pipeline.config import Config, ConfigError, to_config
from pipeline.datasets.synthetic import IMAGE_SIDE
from pipeline.datasets.synthetic_video import SyntheticVideoDetector
from pipeline.inputs.videos import write_video
from tests.conftest import ROOT
from tests.pipeline.datasets.drawn_clips import SHORT, SOURCES, source


def test_the_detector_sees_the_frames_in_which_somebody_is_found() -> None:
    frames = [np.zeros((4, 4, 3), np.uint8)] * 96
    for extras, names in ((False, LSP_14), (True, POINTS)):
        detector = SyntheticVideoDetector(**{**SOURCES, "extras": extras, "gaps": 0.3})
        found = detector.detect(frames, Resources(), f"clip00{SHORT}")
        true = detector.true(SHORT)
        assert found.joint_names == names
        assert 20 < len(found) < 96
        np.testing.assert_array_equal(found.frame, np.flatnonzero(true.found))
        np.testing.assert_array_equal(found.keypoints[:, :14], true.keypoints.xy[true.found])
    with pytest.raises(ValueError, match=r"works only with data=synthetic_video, got walk\.mp4"):
        detector.detect(frames, Resources(), "walk.mp4")


def test_clips_know_their_length_and_the_focal_length_only_when_told() -> None:
    clip = source().clips()[0][SHORT]
    facts = clip.facts()
    assert (facts.n_frames, facts.fps, facts.exif_focal_35mm) == (96, 24, None)
    assert sum(1 for _ in clip.frames()) == 96
    told = source(known_focal_length=True)
    known = told.clips()[0][SHORT]
    found = focal_length_px("auto", (IMAGE_SIDE,) * 2, known.facts().exif_focal_35mm)
    assert found == pytest.approx(told.true(SHORT).camera.focal_length[0])
    keys = {c.key for c in (clip, known, source(seed=1).clips()[0][SHORT], source().clips()[0][0])}
    assert len(keys) == 4


def test_films_are_read_where_they_are_named(tmp_path: Path) -> None:
    frames = [np.full((IMAGE_SIDE, IMAGE_SIDE, 3), shade, np.uint8) for shade in (0, 120, 250)]
    write_video(tmp_path / "clip000.mp4", frames, 24)
    (clip,), _ = source(n=1, films=str(tmp_path)).clips()
    shades = [round(float(frame.mean())) for frame in clip.frames()]
    assert shades == pytest.approx([0, 120, 250], abs=3)
    assert clip.facts().fps == 24
    write_video(tmp_path / "clip000.mp4", frames[::-1], 24)
    assert source(n=1, films=str(tmp_path)).clips()[0][0].key != clip.key
    with pytest.raises(ConfigError, match=r"^data\.films: no file at .*clip001\.mp4"):
        source(n=2, films=str(tmp_path)).clips()


def config(folder: Path, *overrides: str) -> Config:
    places = [f"runtime.{n}_dir={folder / n}" for n in ("cache", "output", "weights")]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return to_config(compose("config", ["data=synthetic_video", *places, *overrides]))


@pytest.fixture
def one_motion(tmp_path: Path) -> str:
    """The first half second of one motion, to be quick."""
    with np.load(ROOT / "assets/test_clips.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive}
    first = arrays["frames"][:SHORT].sum()
    np.savez(
        tmp_path / "m.npz",
        pose=arrays["pose"][first : first + 12],
        frames=[12],
        trial_ids=arrays["trial_ids"][SHORT : SHORT + 1],
        fps=24.0,
    )
    return f"data.motions={tmp_path / 'm.npz'}"


def test_a_run_ends_with_its_errors_and_a_second_one_computes_nothing(
    one_motion: str, tmp_path: Path
) -> None:
    options = config(tmp_path, one_motion, "data.n=2", "data.extras=true")
    first = pipeline.run(options)
    means = {name: figures["mean"] for name, figures in first["metrics"]["means"].items()}
    assert (first["metrics"]["cases"], first["metrics"]["fitted"]) == (2, 2)
    assert 5 < means["pa_mpjpe_mm"] < means["mpjpe_mm"] < 200
    assert means["accel_error_mm_per_frame2"] < means["camera_accel_error_mm_per_frame2"]
    assert (tmp_path / "output/per_case.csv").is_file()
    again = pipeline.run(config(tmp_path, one_motion, "data.n=2", "data.extras=true"))
    assert set(again["seconds_computing"].values()) == {0.0}
    assert again["metrics"] == first["metrics"]


def test_a_missing_file_is_named_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^data\.motions: no file at /nowhere\.npz"):
        pipeline.run(config(tmp_path, "data.motions=/nowhere.npz"))
