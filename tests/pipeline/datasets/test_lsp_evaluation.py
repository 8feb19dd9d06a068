"""Who of several people in an image is measured."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from fitting.starts.landmarks import landmarks
from pipeline.config import Config
from pipeline.datasets.lsp_evaluation import evaluate_lsp
from pipeline.evaluation.pck import Annotation
from pipeline.inputs.clips import Clip
from pipeline.stages.stage import Job
from tests.pipeline.fake_detector import detections, fit_result, keypoints
from tests.pipeline.mini_lsp import SIDE, poses_2d


def artefact(value: Any) -> Any:
    return SimpleNamespace(load=lambda: value, seconds=0.5)


def config(offsets: dict[str, list[float]] | None = None) -> Config:
    """Settings of a run, as far as the evaluation reads them."""
    whole = Config()
    whole.fit = cast(Any, SimpleNamespace(landmark_offsets=offsets or {}))
    return whole


@pytest.fixture
def truth() -> Annotation:
    return Annotation(poses_2d()[:1], np.ones((1, 14), bool))


@pytest.fixture
def job(tmp_path: Path, truth: Annotation) -> Job:
    """Everybody was fitted; the second of two people has the larger box and is the annotated."""
    Pillow.new("RGB", (SIDE, SIDE)).save(tmp_path / "im1001.jpg")
    xy = np.concatenate([truth.xy + np.array((40.0, 0)), truth.xy]).astype(np.float32)
    boxes = np.array([(0, 0, 5, 5), (0, 0, 50, 90)], np.float32)
    frame, track = np.zeros(2, np.int32), np.arange(2, dtype=np.int32)
    found = replace(detections(2), frame=frame, track=track, boxes=boxes, keypoints=xy)
    depth = np.array([3.0, 2.0])[:, None, None]
    fit = fit_result(2)
    flat = (xy - fit.camera.center[:, None]) / fit.camera.focal_length[:, None, None]
    joints = np.concatenate([flat, np.ones((2, 14, 1))], axis=-1) * depth
    fit = replace(fit, frame=frame, track=track, joints=joints)
    results = {"detect": artefact(found), "remap": artefact(keypoints(2)), "fit": artefact(fit)}
    return Job(Clip("im1001", tmp_path / "im1001.jpg", "k"), results)


def test_the_person_with_the_largest_box(truth: Annotation, job: Job) -> None:
    columns = evaluate_lsp(range(1001, 1002), truth, [job], {}, config()).columns
    assert columns["detector_pck_at_01_torso"].tolist() == [1]
    assert columns["fit_pck_at_01_torso"].tolist() == [1]
    np.testing.assert_allclose(columns["fit_error_torso"], 0, atol=1e-6)
    torso = truth.torso[0]
    expected = job.results["fit"].load().reprojection_error[1] / torso
    assert columns["fit_to_keypoints_torso"].tolist() == [pytest.approx(expected)]


def test_joints_are_compared_where_the_detector_and_the_annotators_see_them(
    truth: Annotation, job: Job
) -> None:
    fit = job.results["fit"].load()
    offsets = {"hip": [-0.02, 0.04, 0.02], "neck": [0.0, 0.02, 0.05]}
    joints = torch.as_tensor(fit.joints)
    table = landmarks(joints, offsets) - joints
    bodies = artefact(replace(fit, joints=(joints - table).numpy()))
    off = Job(job.clip, {**job.results, "fit": bodies})
    errors = [
        evaluate_lsp(range(1001, 1002), truth, [off], {}, config(given)).columns["fit_error_torso"]
        for given in ({}, offsets)
    ]
    assert errors[1][0] < 0.3 * errors[0][0]


def test_what_was_detected_counts_where_no_body_was_fitted(truth: Annotation, job: Job) -> None:
    lost = Job(job.clip, {"detect": job.results["detect"]})
    evaluation = evaluate_lsp(range(1001, 1002), truth, [lost], {}, config())
    assert evaluation.fitted.tolist() == [False]
    assert evaluation.columns["detector_pck_at_01_torso"].tolist() == [1]
    assert evaluation.columns["fit_pck_at_02_torso"].tolist() == [0]
    assert np.isnan(evaluation.columns["fit_error_torso"]).all()


def test_an_image_that_could_not_be_read(truth: Annotation) -> None:
    evaluation = evaluate_lsp(range(1001, 1002), truth, [], {}, config())
    assert evaluation.cases == ("im1001",)
    assert evaluation.columns["detector_auc_to_05_torso"].tolist() == [0]
    assert evaluation.figures["nobody_detected"] == 1


def test_joints_behind_the_camera_are_wrong(truth: Annotation, job: Job) -> None:
    fit = job.results["fit"].load()
    behind = Job(job.clip, {**job.results, "fit": artefact(replace(fit, joints=-fit.joints))})
    columns = evaluate_lsp(range(1001, 1002), truth, [behind], {}, config()).columns
    assert columns["fit_pck_at_02_torso"].tolist() == [0], "they project to the same pixels"
