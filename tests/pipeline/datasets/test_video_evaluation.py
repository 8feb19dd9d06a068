"""Fits of drawn clips against the truth."""

from dataclasses import replace

import numpy as np
import pytest

from fitting.joints import LSP_14, Keypoints
from fitting.sequence.motion import Motion
from pipeline.datasets.synthetic_clips import TrueFrames
from pipeline.datasets.synthetic_video import SyntheticVideo
from pipeline.datasets.video_evaluation import as_detected, followed
from tests.pipeline.datasets.drawn_clips import CONFIG, SHORT, job, perfect, source


def test_the_truth_as_result_has_no_errors(drawn: SyntheticVideo, clean: TrueFrames) -> None:
    evaluation = drawn.evaluate([job(drawn, fit=perfect(clean))], CONFIG)
    assert evaluation.fitted.tolist() == [False] * SHORT + [True]
    found = {name: column[SHORT] for name, column in evaluation.columns.items()}
    true = {name.removeprefix("true_"): v for name, v in found.items() if name[:5] == "true_"}
    for name, value in true.items():
        assert found.pop(name) == pytest.approx(value, rel=1e-6), name
        assert found.pop(f"true_{name}") > 1
    assert found.pop("ms_per_frame") == pytest.approx(10)
    assert found.pop("tracks") == 1
    for name, value in found.items():
        assert np.isnan(value) or value == pytest.approx(0, abs=1e-5), name


def test_the_stage_after_the_fit_has_the_last_word(
    drawn: SyntheticVideo, clean: TrueFrames
) -> None:
    bad = replace(perfect(clean), joints=clean.joints * (-1, 1, 1))
    good = perfect(clean)
    n = len(good)
    seen = np.zeros((n, 14, 2), np.float32)
    keypoints = Keypoints(good.frame, good.track, seen, seen[..., 0])
    together = Motion(keypoints, good)
    evaluation = drawn.evaluate([job(drawn, fit=bad, sequence=together)], CONFIG)
    assert evaluation.columns["pa_mpjpe_mm"][SHORT] == pytest.approx(0, abs=1e-5)
    assert evaluation.columns["ms_per_frame"][SHORT] == pytest.approx(20)


def test_frames_that_nobody_was_found_in_are_measured_apart() -> None:
    data = source(gaps=0.3, swaps=0.0)
    true = data.true(SHORT)
    lost = ~true.found
    good = perfect(true)
    without = data.evaluate([job(data, fit=good[true.found])], CONFIG).columns
    assert without["gap_filled_percent"][SHORT] == 0
    assert np.isnan(without["gap_mpjpe_mm"][SHORT])
    joints = good.joints.copy()
    joints[lost, 0] += (0, 0.14, 0)  # a foot is 140 mm off: 10 mm on average
    filled = data.evaluate([job(data, fit=replace(good, joints=joints))], CONFIG).columns
    assert filled["gap_filled_percent"][SHORT] == 100
    assert filled["gap_mpjpe_mm"][SHORT] == pytest.approx(10)
    for name in ("mpjpe_mm", "camera_accel_error_mm_per_frame2"):
        assert filled[name][SHORT] == pytest.approx(without[name][SHORT], abs=1e-9)


def test_mended_swaps_are_told_from_those_that_turned_the_body() -> None:
    """Half of the exchanged frames come back as the truth, the others mirrored left to right."""
    data = source(gaps=0.0, swaps=0.4)
    true = data.true(SHORT)
    rows = np.flatnonzero(true.exchanged.any(1))
    joints = true.joints.copy()
    order = [
        LSP_14.index(n.replace("left", "L").replace("right", "left").replace("L", "right"))
        for n in LSP_14
    ]
    half = rows[: len(rows) // 2]
    joints[half] = joints[half][:, order]
    columns = data.evaluate([job(data, fit=replace(perfect(true), joints=joints))], CONFIG).columns
    expected = 100 * (1 - len(half) / len(rows))
    assert columns["swaps_mended_percent"][SHORT] == pytest.approx(expected)
    assert columns["turned_unprovoked_percent"][SHORT] == 0
    assert columns["turned_percent"][SHORT] == pytest.approx(100 * len(half) / len(true))


def test_what_a_real_detector_found_is_told_by_the_truth(
    drawn: SyntheticVideo, clean: TrueFrames
) -> None:
    """It loses frames 10..14, exchanges all sides in 20..29, the legs in 40..44, and finds a second
    person in every frame."""
    keypoints = clean.keypoints
    xy = keypoints.xy.copy()
    order = [
        LSP_14.index(n.replace("left", "L").replace("right", "left").replace("L", "right"))
        for n in LSP_14
    ]
    legs = [i for i, n in enumerate(LSP_14) if n.endswith(("hip", "knee", "ankle"))]
    xy[20:30] = xy[20:30][:, order]
    xy[40:45, legs] = xy[40:45][:, order][:, legs]
    person = replace(keypoints, xy=xy)[np.r_[0:10, 15 : len(xy)]]
    nobody = replace(keypoints, xy=xy + 200, track=keypoints.track + 1)
    seen = Keypoints.concatenate([nobody, person])
    followed_ = followed(job(drawn, seen, fit=perfect(clean)), clean, drawn.kinematics())
    np.testing.assert_array_equal(followed_.keypoints.frame, np.arange(len(clean)))
    lost = np.flatnonzero(followed_.keypoints.track == 1)
    assert lost.tolist() == [10, 11, 12, 13, 14]
    assert len(followed_.result) == len(clean) - 5, "the other one's bodies are not the person's"
    truth = as_detected(clean, person)
    assert np.flatnonzero(~truth.found).tolist() == [10, 11, 12, 13, 14]
    assert np.flatnonzero(truth.exchanged[:, 0]).tolist() == [*range(20, 30), *range(40, 45)]
    assert np.flatnonzero(truth.exchanged[:, 8]).tolist() == [*range(20, 30)]
    assert not truth.exchanged[:, 12].any(), "a neck has no side"


def test_shape_and_feet(drawn: SyntheticVideo, clean: TrueFrames) -> None:
    """A shape that changes from frame to frame, and a body that is 10 mm farther in every second
    frame: its feet slide by as much."""
    betas, transl = clean.params.betas.copy(), clean.params.transl.copy()
    betas[::2, 0] += 0.1
    transl[::2, 2] += 0.01
    for changes, column, low, high in (
        ({"betas": betas}, "shape_spread_mm", 0.5, 5),
        ({"transl": transl}, "foot_sliding_mm_per_frame", 9, 12),
    ):
        found = replace(perfect(clean), params=replace(clean.params, **changes))
        columns = drawn.evaluate([job(drawn, fit=found)], CONFIG).columns
        assert low < columns[column][SHORT] < high
