"""Which settings redo which stages of the pipeline."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from PIL import Image as Pillow

from pipeline.config import Config, to_config
from pipeline.inputs.sources import Photos
from pipeline.pipeline import stages_of
from pipeline.stages.run_stage import run_stage
from pipeline.stages.stage import Done, Job, Tick
from pipeline.storage.cache import Cache
from tests.conftest import ROOT
from tests.pipeline.fake_detector import detections, fit_result, keypoints, photo, picture_file


def job_of(folder: Path, shade: int) -> Job:
    Pillow.fromarray(photo(shade)).save(folder / "a.png")
    (clip,), _ = Photos(str(folder / "a.png")).clips()
    return Job(clip)


def no_bar(title: str, total: int | None) -> Tick:
    return lambda: None


CANNED: dict[str, Callable[[int], Any]] = {
    "detect": detections,
    "remap": keypoints,
    "fit": fit_result,
    "render": picture_file,
    "progress": picture_file,
}


USUAL = ("detector=blazepose", "data.path=x")


@cache
def config(*overrides: str) -> Config:
    named = any(word.startswith("export=") for word in overrides)
    formats = [] if named else ["export=[npz,picture]"]  # the page has tests of its own
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return to_config(compose("config", [*USUAL, *formats, *overrides]))


def computed_by(job: Job, cache: Cache, *overrides: str) -> list[str]:
    """Names of the real stages that compute something, with canned results in place of models."""
    computed, jobs = [], [job]

    def canned(name: str) -> Callable[[list[Job], Tick], Iterator[Done]]:
        def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
            computed.append(name)
            for job in jobs:
                yield Done(job, CANNED[name](2), 0.0)

        return compute

    for stage in stages_of(config(*overrides)):
        jobs, skipped = run_stage(replace(stage, compute=canned(stage.name)), jobs, cache, no_bar)
        assert len(jobs) == 1
        assert not skipped
    return computed


ALL = ["detect", "remap", "fit", "render"]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], []),
        (["detector.person_score=0.3"], ALL),
        (["detector.max_people=3"], ALL),
        (["remap.min_confidence=0.2"], ALL[1:]),
        (["data.people=largest"], ALL[1:]),
        (["tracking.max_gap=0.5"], ALL[1:]),
        (["tracking.min_similarity=0.5"], ALL[1:]),
        (["fit.stages.0.tolerance=1e-5"], ALL[2:]),
        (["fit.gender=female"], ALL[2:]),
        (["+fit.joint_weights.neck=0.5"], ALL[2:]),
        (["fit.focal_length=900"], ALL[2:]),
        (["fit=smplify_release"], ALL[2:]),
        (["render.opacity=0.5"], ALL[3:]),
        (["render=side_by_side"], ALL[3:]),
        (["render.backend=raycast"], ALL[3:]),
        (["render.crop=true"], ALL[3:]),
        (["render.max_side=100"], ALL[3:]),
        (["render.max_expected_error=50"], []),  # matters to views from elsewhere and to crops
        (["render=none"], []),
        (["runtime.device=cuda:1", "runtime.threads=7", "runtime.batch_size=3"], []),
        (["runtime.output_dir=o", "runtime.weights_dir=w"], []),
        (["runtime.show=true"], ["progress"]),
        (["export=[npz,picture,progress]"], ["progress"]),
        (["export=[npz,picture,progress]", "render.opacity=0.5"], ["render", "progress"]),
        (["export=[npz,picture,progress]", "render=none"], ["progress"]),
        (["export=[npz,picture,progress]", "render.backend=raycast"], ["render", "progress"]),
        (["export=npz", "render.opacity=0.5"], []),
        (["+export=release"], []),
    ],
    ids=str,
)
def test_a_setting_redoes_its_stage_and_what_follows(
    overrides: list[str], expected: list[str], tmp_path: Path
) -> None:
    job, cache = job_of(tmp_path, 10), Cache(tmp_path / "c")
    assert computed_by(job, cache) == ALL
    assert computed_by(job, cache, *overrides) == expected
    assert computed_by(job, cache) == [], "the first results are still there"


def test_another_prior_redoes_the_fit(tmp_path: Path) -> None:
    job, cache = job_of(tmp_path, 10), Cache(tmp_path / "c")
    computed_by(job, cache)
    same, other = tmp_path / "same.npz", tmp_path / "other.npz"
    same.write_bytes((ROOT / "assets/pose_prior.npz").read_bytes())
    other.write_bytes(b"another one")
    assert computed_by(job, cache, f"models.pose_prior={same}") == []
    assert computed_by(job, cache, f"models.pose_prior={other}") == ["fit", "render"]


def test_other_pixels_redo_everything(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c")
    job = job_of(tmp_path, 10)
    computed_by(job, cache)
    job = job_of(tmp_path, 11)
    assert computed_by(job, cache) == ALL


def test_what_a_picture_does_not_use_draws_it_again_for_nothing(tmp_path: Path) -> None:
    job, cache = job_of(tmp_path, 10), Cache(tmp_path / "c")
    computed_by(job, cache, "render=white")
    assert computed_by(job, cache, "render=white", "render.opacity=0.5") == []
    assert computed_by(job, cache, "render=turntable") == ["render"]
    assert computed_by(job, cache, "render=turntable", "render.opacity=0.5") == []
    words = ("render=turntable", "render.max_expected_error=50")
    assert computed_by(job, cache, *words) == ["render"]
