"""Drawn people as a data source: its detector, its clips, its measures, and the whole run."""

import csv
import json
import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from detectors.base import Resources
from fitting import BodyModel, FitResult
from fitting.camera import focal_length_px
from fitting.joints import EXTRA, LSP_14
from pipeline import pipeline
from pipeline.config import Config, ConfigError, to_config
from pipeline.datasets.synthetic import IMAGE_SIDE, Cases, draw_cases, load_errors, torso_px
from pipeline.datasets.synthetic_data import Synthetic, SyntheticDetector, figures_of
from pipeline.groups import RuntimeConfig
from pipeline.stages.stage import Job
from tests.conftest import ROOT
from tests.pipeline.fake_detector import fit_result

SOURCES = {
    "body": "assets/bodies/neutral.npz",
    "poses": "assets/test_poses.npz",
    "errors": "assets/detector_errors_movenet.npz",
    "extras": False,
    "pitch": 0.0,
}


def test_the_detector_sees_the_case_that_the_clip_is_named_for(
    body: BodyModel, poses: np.ndarray
) -> None:
    errors = load_errors(ROOT / SOURCES["errors"])
    expected = draw_cases(70, body, poses, errors, seed=5).keypoints[66:67]
    frames = [np.zeros((4, 4, 3), np.uint8)]
    for extras, names in ((False, LSP_14), (True, LSP_14 + EXTRA)):
        detector = SyntheticDetector(**{**SOURCES, "seed": 5, "extras": extras})
        found = detector.detect(frames, Resources(), "case0066")
        assert found.joint_names == names
        np.testing.assert_array_equal(found.keypoints[:, :14], expected.xy)
        np.testing.assert_array_equal(found.scores[:, :14], expected.confidence)
    np.testing.assert_array_equal(found.scores[:, 14:], expected.extra_confidence)
    with pytest.raises(ValueError, match=r"works only with data=synthetic, got im0001\.jpg"):
        detector.detect(frames, Resources(), "im0001.jpg")


def source(n: int, **changes: Any) -> Synthetic:
    options = {**SOURCES, "seed": 0, "known_focal_length": False, **changes}
    return Synthetic(n=n, **options)


@pytest.mark.parametrize("pitch", [91.0, float("nan")])
def test_a_camera_cannot_look_further_down_than_straight_down(pitch: float) -> None:
    with pytest.raises(ValueError, match=r"data\.pitch: expected -90 to 90 degrees, got"):
        source(1, pitch=pitch)


def test_clips_know_the_focal_length_only_when_the_data_says_so() -> None:
    (clip,), skipped = source(1).clips()
    assert not skipped
    assert clip.facts().image_size == (IMAGE_SIDE, IMAGE_SIDE)
    assert clip.facts().exif_focal_35mm is None
    assert [frame.shape for frame in clip.frames()] == [(IMAGE_SIDE, IMAGE_SIDE, 3)]
    known = source(1, known_focal_length=True)
    (told,), _ = known.clips()
    facts = told.facts()
    truth = known.case(0).camera.focal_length[0]
    assert focal_length_px("auto", facts.image_size, facts.exif_focal_35mm) == pytest.approx(truth)
    keys = {c.key for c in (clip, told, source(1, seed=1).clips()[0][0], source(2).clips()[0][1])}
    assert len(keys) == 4
    assert source(3).clips()[0][0].key == clip.key


def jobs_of(data: Synthetic, result: FitResult) -> list[Job]:
    """Jobs as the fit leaves them, each with one row."""
    artefacts: list[Any] = [
        SimpleNamespace(load=lambda i=i: result[i : i + 1], seconds=0.5) for i in range(data.n)
    ]
    return [Job(c, {"fit": a}) for c, a in zip(data.clips()[0], artefacts, strict=True)]


def perfect(data: Synthetic) -> FitResult:
    truth = Cases.concatenate([data.case(i) for i in range(data.n)])
    return replace(
        fit_result(data.n),
        params=truth.params,
        camera=truth.camera,
        joints=truth.joints,
        reprojection_error=np.zeros(data.n),
        expected_error=np.zeros(data.n),
    )


CONFIG = Config(runtime=RuntimeConfig("cpu", 1, 8, "c", "o", "w"))


def test_the_truth_as_result_has_no_errors() -> None:
    data = source(5, errors=None)
    evaluation = data.evaluate(jobs_of(data, perfect(data)), CONFIG)
    assert evaluation.fitted.all()
    assert evaluation.columns.pop("seconds").tolist() == [0.5] * 5
    for name, values in evaluation.columns.items():
        np.testing.assert_allclose(values, 0, atol=1e-5, err_msg=name)
    assert evaluation.figures["worse_than_150_mm_pa"] == 0


def test_wrong_results_and_lost_cases_are_told_apart() -> None:
    """Case 1 is mirrored, case 3 was never fitted, case 4 is 8 px off."""
    data = source(5, errors=None)
    good = perfect(data)
    joints, error = good.joints.copy(), good.reprojection_error.copy()
    joints[1] *= (-1, 1, 1)
    error[4] = 8
    jobs = jobs_of(data, replace(good, joints=joints, reprojection_error=error))
    jobs[3] = Job(jobs[3].clip, {})
    evaluation = data.evaluate(jobs, CONFIG)
    assert evaluation.cases[3] == "case0003"
    assert evaluation.fitted.tolist() == [True, True, True, False, True]
    aligned = evaluation.columns["pa_mpjpe_mm"]
    assert aligned[1] > 50
    assert np.isnan(aligned[3])
    np.testing.assert_allclose(aligned[[0, 2, 4]], 0, atol=1e-5)
    torso = torso_px(data.case(4))[0]
    assert evaluation.columns["reprojection_error_torso"][4] == pytest.approx(8 / torso)


def test_nothing_fitted() -> None:
    evaluation = source(2).evaluate([], CONFIG)
    assert not evaluation.fitted.any()
    assert not evaluation.columns


def test_how_well_the_expected_error_finds_the_worst() -> None:
    """The worst of ten has the second largest expected error: it is above 8 of the 9 others."""
    aligned, expected = np.full(10, 40.0), np.full(10, 50.0)
    aligned[6], expected[6], expected[4] = 300, 120, 130
    figures = figures_of({"pa_mpjpe_mm": aligned, "expected_error_mm": expected})
    assert figures["auc_of_worst_10_percent"] == pytest.approx(8 / 9)
    assert figures["worse_than_150_mm_pa"] == 1


def config(folder: Path, *overrides: str) -> Config:
    places = [f"runtime.{n}_dir={folder / n}" for n in ("cache", "output", "weights")]
    quick = ["data=synthetic", "data.n=4", "runtime.threads=1", "fit=smplify"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return to_config(compose("config", [*quick, *places, *overrides]))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("synthetic")
    return folder, pipeline.run(config(folder, "data.errors=null", "data.known_focal_length=true"))


def test_a_run_ends_with_its_errors(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = ran
    metrics = summary["metrics"]
    assert metrics == json.loads((folder / "output/metrics.json").read_text())
    assert (metrics["cases"], metrics["fitted"], metrics["not_fitted"]) == (4, 4, 0)
    means = {name: figures["mean"] for name, figures in metrics["means"].items()}
    assert means["reprojection_error_px"] < 4, "clean keypoints of the very body that is fitted"
    assert 1 < means["pa_mpjpe_mm"] < means["mpjpe_mm"] < means["pve_mm"] * 1.5
    with (folder / "output/per_case.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["case"] for row in rows] == [f"case000{i}" for i in range(4)]
    assert np.mean([float(row["pve_mm"]) for row in rows]) == pytest.approx(
        means["pve_mm"], abs=1e-3
    )
    with np.load(folder / "output/case0002.npz") as archive:
        truth = source(4, errors=None).case(2)
        assert archive["focal_length"][0] == pytest.approx(truth.camera.focal_length[0])


def test_a_second_run_computes_nothing_and_finds_the_same(
    ran: tuple[Path, dict[str, Any]],
) -> None:
    folder, first = ran
    options = config(folder, "data.errors=null", "data.known_focal_length=true")
    second = pipeline.run(options)
    assert set(second["seconds_computing"].values()) == {0.0}
    assert second["metrics"] == first["metrics"]


def test_more_people_compute_only_the_new_ones(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = ran
    options = config(folder, "data.errors=null", "data.known_focal_length=true", "data.n=5")
    cached = [entry["cached"]["fit"] for entry in pipeline.run(options)["inputs"]]
    assert cached == [True] * 4 + [False]


def test_people_that_cannot_be_fitted_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A detector that is never sure of anything."""
    np.savez(
        tmp_path / "e.npz", offsets=np.zeros((1, 14, 2), "f2"), confidence=np.full((1, 14), 0.05)
    )
    with caplog.at_level(logging.WARNING):
        summary = pipeline.run(config(tmp_path, f"data.errors={tmp_path / 'e.npz'}", "data.n=2"))
    assert summary["metrics"] == {"cases": 2, "fitted": 0, "not_fitted": 2, "means": {}}
    assert "synthetic/case0001: nobody in it shows enough joints" in caplog.text


@pytest.mark.parametrize("option", ["body", "poses", "errors"])
def test_missing_files_are_named_before_any_work(option: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"^data\.{option}: no file at /nowhere\.npz"):
        pipeline.run(config(tmp_path, f"data.{option}=/nowhere.npz"))
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("place", ["", "SMPL_FEMALE.pkl"])
def test_people_may_have_an_official_body(place: str, tmp_path: Path) -> None:
    """models.bodies may be a folder of official names or a file; conf/data asks for its gender."""
    file = tmp_path / "SMPL_FEMALE.pkl"
    file.touch()
    settings = (f"models.bodies={tmp_path / place}", "fit.gender=female")
    assert config(tmp_path, *settings).data.files()["body"] == file
