"""What a detector makes of a drawn clip: errors, exchanged sides and gaps that last."""

import numpy as np
import pytest

from fitting.joints import EXTRA, LSP_14
from pipeline.datasets.synthetic_clips import TrueFrames, torso_of
from tests.pipeline.datasets.drawn_clips import SHORT, source


def test_errors_last(clean: TrueFrames) -> None:
    """Without jitter whole runs of frames have one pattern; each frame's is one of the file's."""
    seen = source(jitter=0.0, swaps=0.0, gaps=0.0).true(SHORT).keypoints
    torso = torso_of(clean.keypoints.xy)
    torso = np.maximum(torso, 0.6 * np.median(torso))
    offsets = (seen.xy - clean.keypoints.xy) / torso[:, None, None]
    same = np.abs(np.diff(offsets, axis=0)).max((1, 2)) < 1e-4
    assert 0.4 < same.mean() < 0.9
    assert np.abs(offsets).max() > 0.05
    runs = np.diff(np.flatnonzero(~same))
    assert runs.max() > 5


def test_jitter_is_larger_where_the_detector_is_unsure(clean: TrueFrames) -> None:
    quiet = source(jitter=0.0, swaps=0.0, gaps=0.0).true(SHORT).keypoints
    loud = source(jitter=0.02, swaps=0.0, gaps=0.0).true(SHORT).keypoints
    np.testing.assert_array_equal(quiet.confidence, loud.confidence)
    torso = torso_of(clean.keypoints.xy)
    shake = (loud.xy - quiet.xy) / np.maximum(torso, 0.6 * np.median(torso))[:, None, None]
    sure, unsure = quiet.confidence > 0.9, quiet.confidence < 0.4
    assert shake[sure].std() == pytest.approx(0.02 * 1.15, rel=0.15)
    assert shake[unsure].std() > 2 * shake[sure].std()


def test_sides_are_exchanged_for_runs_of_frames(clean: TrueFrames) -> None:
    plain, swapped = (
        source(swaps=share, gaps=0.0, jitter=0.0, extras=True).true(SHORT) for share in (0.0, 0.4)
    )
    rows = swapped.exchanged.any(1)
    assert 0.1 < rows.mean() < 0.8
    assert len(np.flatnonzero(np.diff(rows.astype(int)))) < 0.3 * len(rows), "in runs"
    left, right = LSP_14.index("left_knee"), LSP_14.index("right_knee")
    legs = swapped.exchanged[:, left]
    np.testing.assert_array_equal(swapped.exchanged[:, right], legs)
    np.testing.assert_array_equal(swapped.keypoints.xy[legs, left], plain.keypoints.xy[legs, right])
    toe, other = EXTRA.index("left_heel"), EXTRA.index("right_heel")
    xy, expected = swapped.keypoints.extra_xy, plain.keypoints.extra_xy
    np.testing.assert_array_equal(xy[legs, toe], expected[legs, other])
    np.testing.assert_array_equal(swapped.keypoints.xy[~rows], plain.keypoints.xy[~rows])


def test_shares_are_kept_on_average() -> None:
    data = source(swaps=0.1, gaps=0.05)
    true = [data.true(index) for index in range(9)]
    assert np.concatenate([t.exchanged.any(1) for t in true]).mean() == pytest.approx(0.1, abs=0.06)
    assert np.concatenate([~t.found for t in true]).mean() == pytest.approx(0.05, abs=0.04)
