"""How right the detector and the fit are on LSP (docs/lsp.md has the definitions)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fitting.result import FitResult
from pipeline.checks import check_backend
from pipeline.config import Config, ConfigError
from pipeline.evaluation.evaluate import Chart, Evaluation
from pipeline.evaluation.pck import CURVE_END, Annotation, Guess, pck_columns, pck_tables
from pipeline.evaluation.silhouettes import (
    PARTS,
    Overlap,
    accuracy_and_f1,
    overlap,
    part_labels,
    read_labels,
)
from pipeline.inputs.clips import PeopleChoice
from pipeline.stages.fit import bodies_of
from pipeline.stages.remap import select, to_lsp
from pipeline.stages.stage import Job

_LEGEND = {"detector": "detector", "fit": "reprojected fit"}
_LABELS = {"silhouettes": ("background", "person"), "parts": PARTS}


@dataclass(frozen=True)
class _Case:
    """An image of the split: its job, if its file could be read, and the fit of its person."""

    number: int
    job: Job | None
    fit: FitResult | None

    @property
    def name(self) -> str:
        return f"im{self.number:04d}"


def evaluate_lsp(
    numbers: range,
    truth: Annotation,
    jobs: list[Job],
    labels: dict[str, dict[int, Path]],
    config: Config,
) -> Evaluation:
    """PCK of the detector and of the reprojected fit, over all images, fitted or not.

    Args:
        numbers, truth: of the images.
        jobs: as `KnowsTruth.evaluate` gets them.
        labels: silhouettes and parts, if they are given: png by number.
        config: of the run.

    Raises:
        ConfigError: a png is not a segmentation of its image.
    """
    found = {job.clip.name: job for job in jobs}
    cases = [_case(number, found.get(f"im{number:04d}")) for number in numbers]
    guesses = {
        "detector": _detected(cases),
        "fit": _reprojected(cases, config.fit.landmark_offsets),
    }
    columns = {
        f"{who}_{measure}": values
        for who, guess in guesses.items()
        for measure, values in pck_columns(truth, guess).items()
    }
    errors = [case.fit.reprojection_error[0] if case.fit else np.nan for case in cases]
    columns["fit_to_keypoints_torso"] = np.array(errors) / truth.torso
    columns["fit_seconds"] = np.array([_seconds(case) for case in cases])
    figures: dict[str, float] = {"nobody_detected": int((~guesses["detector"].given).all(1).sum())}
    for option, files in labels.items():
        more, totals = _segmentation(option, cases, files, config)
        columns, figures = columns | more, figures | totals
    return Evaluation(
        cases=tuple(case.name for case in cases),
        fitted=np.array([case.fit is not None for case in cases]),
        columns=columns,
        figures=figures,
        tables=pck_tables(truth, guesses),
        charts=_charts(),
        ranking="fit_error_torso",
    )


def _case(number: int, job: Job | None) -> _Case:
    if job is None or "fit" not in job.results:
        return _Case(number, job, None)
    row = _largest(job) if len(job.results["fit"].load()) > 1 else 0
    fit = job.results["fit"].load()[row : row + 1]
    return _Case(number, job, fit if fit.fitted[0] else None)


def _largest(job: Job) -> int:
    """Row of the person with the largest box, if everybody was fitted."""
    boxes = job.results["detect"].load().boxes
    return int(np.argmax((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])))


def _detected(cases: list[_Case]) -> Guess:
    """What the detector says about the largest person, in LSP's joints, at any confidence.

    remap.min_confidence is for the fit. Here, a doubtful joint counts as right or wrong.
    """
    guess = Guess.nothing(len(cases))
    for row, case in enumerate(cases):
        if case.job and "detect" in case.job.results:
            person = select(case.job.results["detect"].load(), PeopleChoice.largest)
            if not len(person):
                continue
            keypoints = to_lsp(person, case.job.clip.facts().image_size, min_confidence=0)
            guess.xy[row], guess.given[row] = keypoints.xy[0], keypoints.confidence[0] > 0
    return guess


def _reprojected(cases: list[_Case], offsets: dict[str, list[float]]) -> Guess:
    """The joints of the fitted bodies in the image; with offsets, where they are annotated."""
    import torch

    from fitting.starts.landmarks import landmarks

    guess = Guess.nothing(len(cases))
    for row, case in enumerate(cases):
        if case.fit:
            camera = case.fit.camera
            (joints,) = landmarks(torch.as_tensor(case.fit.joints), offsets).numpy()
            front = joints[:, 2] > 0
            flat = joints[:, :2] / np.where(front, joints[:, 2], 1)[:, None]
            guess.xy[row] = camera.focal_length * flat + camera.center
            guess.given[row] = front
    return guess


def _seconds(case: _Case) -> float:
    return case.job.results["fit"].seconds if case.job and case.fit else np.nan


def _segmentation(
    option: str, cases: list[_Case], files: dict[int, Path], config: Config
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Accuracy of each image, and accuracy and F1 of all pixels; people without a fit cover
    none."""
    check_backend(config.render.backend)
    names = _LABELS[option]
    body_for = bodies_of(config.fit, config.models)
    found: list[Overlap | None] = []
    for case in cases:
        if case.job is None:
            found.append(None)
            continue
        size = case.job.clip.facts().image_size
        try:
            truth = read_labels(files[case.number], size, masks=option == "silhouettes")
        except ValueError as error:
            raise ConfigError(f"data.{option}: {error}") from error
        labels = np.zeros(truth.shape, np.uint8)
        if case.fit:
            labels = part_labels(case.fit, body_for(case.job.clip), size, config.render.backend)
        labels = labels.clip(max=len(names) - 1)
        found.append(overlap(labels, truth, len(names)))
    accuracy, f1 = accuracy_and_f1([image for image in found if image], len(names))
    shares = np.array([image.accuracy if image else np.nan for image in found])
    figures = {f"{option}_accuracy": accuracy, f"{option}_f1": float(np.nanmean(f1))}
    figures |= {f"{option}_f1_{n}": float(v) for n, v in zip(names[1:], f1[1:], strict=True)}
    return {f"{option}_image_accuracy": shares}, figures


def _charts() -> dict[str, Chart]:
    curve = Chart(
        "pck_curve_torso",
        _LEGEND,
        "PCK on LSP, all annotated joints, person-centric",
        f"threshold, of the torso (to {CURVE_END})",
        "joints that are right",
        lines=True,
    )
    bars = Chart(
        "pck_at_02_torso",
        _LEGEND,
        "PCK@0.2 of the torso, all annotated joints",
        "",
        "joints that are right",
        lines=False,
    )
    return {"pck_curve.png": curve, "pck_per_joint.png": bars}
