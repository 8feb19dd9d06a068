"""The stage between fit and render: videos go through it, photos pass."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from fitting import Status
from fitting.sequence.camera_path import Move
from fitting.sequence.motion import Motion
from pipeline.config import to_config
from pipeline.datasets.synthetic_video import SyntheticVideo
from pipeline.datasets.video_evaluation import clip_errors, followed
from pipeline.inputs.clips import Clip
from pipeline.inputs.videos import VideoReader
from pipeline.outputs.summary import fitted_entry
from pipeline.pipeline import stages_of
from pipeline.stages.run_stage import run_stage
from pipeline.stages.sequence import motion_of, result_of, world_of
from pipeline.stages.stage import Job, Stage, by_settings
from pipeline.storage.cache import Cache, from_arrays, to_arrays
from tests.conftest import ROOT
from tests.pipeline.fake_detector import fit_result, keypoints
from tests.pipeline.stages.test_run_stage import Bars, write_photos

SHORT = 6  # number of the drawn clip with the fewest frames
FAR = 2  # of one in which a camera that follows turns by 41 degrees


def config(*overrides: str):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return to_config(compose("config", list(overrides)))


def stages(*overrides: str) -> dict[str, Stage]:
    return {stage.name: stage for stage in stages_of(config(*overrides))}


def test_photos_pass(tmp_path: Path) -> None:
    jobs = write_photos(tmp_path / "in", 10, 20)
    stage = stages("data=photos", "data.path=in")["sequence"]
    assert by_settings(stage, jobs) == []
    going, skipped = run_stage(stage, jobs, Cache(tmp_path / "c"), Bars())
    assert going == jobs
    assert skipped == []
    assert not (tmp_path / "c/sequence").exists()


def test_with_none_videos_pass_too(tmp_path: Path) -> None:
    clip = Clip("a", tmp_path / "a.mp4", "0" * 64, VideoReader())
    for method, taking_part in (("track", 1), ("none", 0)):
        stage = stages("data=video", "data.path=a.mp4", f"sequence={method}")["sequence"]
        assert len(by_settings(stage, [Job(clip)])) == taking_part


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One short clip through all stages, without and with the sequence."""
    cache = Cache(tmp_path_factory.mktemp("cache"))
    jobs = {}
    for method in ("none", "track"):
        settings = config("data=synthetic_video", f"sequence={method}", "data.gaps=0.15")
        data: SyntheticVideo = settings.data
        going = [Job(data.clips()[0][SHORT])]
        for stage in stages_of(settings):
            going, _ = run_stage(stage, going, cache, Bars())
        (jobs[method],) = going
    return jobs


def test_the_result_is_the_motion_where_there_is_one(drawn: dict[str, Any]) -> None:
    alone, together = motion_of(drawn["none"]), motion_of(drawn["track"])
    assert "sequence" not in drawn["none"].results
    assert len(np.unique(alone.result.params.betas, axis=0)) > 1
    assert len(np.unique(together.result.params.betas, axis=0)) == 1
    assert len(together) > len(alone)  # a gap is filled
    assert (together.result.status == Status.FILLED).sum() == len(together) - len(alone)
    assert result_of(drawn["track"]).frame.tolist() == together.keypoints.frame.tolist()
    assert (np.diff(together.result.frame) == 1).all()


def test_the_world_of_a_clip(drawn: dict[str, Any]) -> None:
    """The floor of the drawn clip is found, as sure as it says; without the track there is none."""
    assert world_of(drawn["none"]) is None
    assert "camera" not in fitted_entry(drawn["none"], {})
    world = world_of(drawn["track"])
    assert world is not None
    data: SyntheticVideo = config("data=synthetic_video", "data.gaps=0.15").data
    true = data.true(SHORT)
    off = np.arccos(world.world_from_camera[0, 1, :3] @ true.world_from_camera[0, 1])
    assert off < np.radians(6)
    assert world.tilt[0] < np.radians(12)
    height = true.camera_place[0, 1]
    assert world.world_from_camera[0, 1, 3] == pytest.approx(height, abs=0.3 * height)


def test_a_camera_that_is_said_to_move_has_no_world(drawn: dict[str, Any]) -> None:
    """Its background says that it does not even turn, so that feet stand as before."""
    settings = config("data=synthetic_video", "sequence.camera=moving", "data.gaps=0.15")
    (stage,) = [stage for stage in stages_of(settings) if stage.name == "sequence"]
    (done,) = stage.compute([drawn["none"]], lambda: None)
    assert np.isnan(done.result.world.tilt).all()
    together = motion_of(drawn["track"]).result
    np.testing.assert_allclose(done.result.result.joints, together.joints, atol=1e-3)


def test_a_pan_is_seen_and_made_up_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The camera follows somebody who walks: feet stand only where the pan is known."""
    sliding = {}
    for camera in ("auto", "static"):
        settings = config(
            "data=synthetic_video", "data.camera=panning", f"sequence.camera={camera}"
        )
        data: SyntheticVideo = settings.data
        going = [Job(data.clips()[0][FAR])]
        for stage in stages_of(settings):
            if stage.name in ("detect", "remap", "fit", "sequence"):
                going, _ = run_stage(stage, going, Cache(tmp_path), Bars())
        person = followed(going[0], data.true(FAR), data.kinematics())
        errors = clip_errors(person, data.true(FAR), 24.0, data.body_model())
        sliding[camera] = errors["foot_sliding_mm_per_frame"]
        told = [line for line in caplog.messages if "the camera moves (" in line]
        assert bool(told) == (camera == "auto")
        assert (world_of(going[0]) is None) == (camera == "auto")
        move = Move.turns if camera == "auto" else Move.still
        assert (motion_of(going[0]).camera_move == move).all()
        frames = len(np.unique(result_of(going[0]).frame))
        assert fitted_entry(going[0], {})["camera"] == {move.name: frames}
        caplog.clear()
    assert sliding["auto"] < 0.6 * sliding["static"]


def test_settings_of_the_sequence_change_its_key_alone(drawn: dict[str, Any]) -> None:
    job, settings = drawn["track"], config("data=synthetic_video", "sequence.max_fill=0.1")
    sequence = next(s for s in stages_of(settings) if s.name == "sequence")
    cache = Cache(job.results["sequence"].path.parent.parent)
    going, _ = run_stage(sequence, [job], cache, Bars())
    assert going[0].results["sequence"].key != job.results["sequence"].key
    assert not going[0].results["sequence"].cached


def test_a_motion_comes_back_from_the_cache() -> None:
    motion = Motion(keypoints(4), fit_result(4))
    again = from_arrays(Motion, to_arrays(motion))
    for name, array in to_arrays(motion).items():
        np.testing.assert_array_equal(to_arrays(again)[name], array)


def test_rows_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Motion\.frame: expected the same"):
        Motion(keypoints(4), fit_result(3))
    other = replace(fit_result(4), track=np.ones(4, np.int32))
    with pytest.raises(ValueError, match=r"Motion\.track: expected the same"):
        Motion(keypoints(4), other)
