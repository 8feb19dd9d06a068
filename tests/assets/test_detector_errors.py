"""The committed error patterns, and the tool that collects them."""

from pathlib import Path

import numpy as np
import pytest

from fitting.joints import LSP_14, Keypoints
from pipeline.datasets.synthetic import Errors, load_errors
from tests.conftest import ROOT
from tools.collect_detector_errors import annotated_person, overlap, pattern_of

FILES = {"detector_errors": 0.896, "detector_errors_movenet": 0.89}
LEFT_HIP, RIGHT_SHOULDER = LSP_14.index("left_hip"), LSP_14.index("right_shoulder")


@pytest.mark.parametrize("name", FILES)
def test_the_patterns_are_of_a_good_detector_on_most_of_lsp(name: str) -> None:
    path = ROOT / f"assets/{name}.npz"
    assert path.stat().st_size < 300_000
    with np.load(path, allow_pickle=False) as archive:
        errors = Errors(archive["offsets"].astype(float), archive["confidence"])
    assert 900 < len(errors) <= 1000
    seen = errors.confidence > 0
    near = np.linalg.norm(errors.offsets, axis=-1) <= 0.2
    assert near[seen].mean() == pytest.approx(FILES[name], abs=0.015)
    assert near[errors.confidence > 0.7].mean() > near[seen].mean(), "confidence tells something"
    with np.load(path, allow_pickle=False) as archive:
        assert set(archive) == {"offsets", "confidence", "image", "detected", "licence"}
        assert len(set(archive["image"])) == len(errors)
        assert 1 <= archive["image"].min() <= archive["image"].max() <= 1000, "train images only"
        assert len(errors) / 1000 <= archive["detected"] <= 1
        assert "detector_errors.LICENSE.md" in str(archive["licence"])
    assert (ROOT / "assets/detector_errors.LICENSE.md").is_file()


@pytest.fixture
def truth() -> np.ndarray:
    """An annotated person whose torso is 50 px long."""
    xy = np.random.default_rng(0).uniform(0, 100, (14, 2))
    xy[LEFT_HIP], xy[RIGHT_SHOULDER] = (10, 20), (40, 60)
    return xy


def people(*places: np.ndarray) -> Keypoints:
    n = len(places)
    confidence = np.full((n, 14), 0.5, np.float32)
    return Keypoints(
        np.zeros(n, np.int32),
        np.arange(n, dtype=np.int32),
        np.array(places, np.float32),
        confidence,
    )


def test_boxes_overlap_by_hand() -> None:
    a, b = np.array([[0, 0], [2, 2]]), np.array([[1, 1], [3, 3]])
    assert overlap(a, b) == pytest.approx(1 / 7)
    assert overlap(a, a) == 1
    assert overlap(a, a + 5) == overlap(a, a[:0]) == 0


def test_the_annotated_person_is_the_one_that_overlaps_most(truth: np.ndarray) -> None:
    assert annotated_person(truth, people(truth + 60, truth + 5, truth + 30)) == 1
    assert annotated_person(truth, people(truth + 90)) is None
    assert annotated_person(truth, people(truth)[:0]) is None


def test_a_pattern_is_in_torso_lengths(truth: np.ndarray) -> None:
    found = people(truth + np.array([5, -10]))
    found.confidence[0, 3] = 0
    pattern = pattern_of(truth, found, image=7)
    assert pattern is not None
    expected = np.tile((0.1, -0.2), (14, 1))
    expected[3] = 0
    np.testing.assert_allclose(pattern.offsets, expected, atol=1e-5)
    assert pattern.confidence.tolist() == [0.5] * 3 + [0] + [0.5] * 10
    assert pattern.image == 7
    assert pattern_of(truth / 3, found, image=7) is None, "17 px of torso are no unit"


def test_a_file_of_detections_gives_its_patterns(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Annotations as detections have no error."""
    from tools import collect_detector_errors as tool

    lsp, output = shared / "lsp", tmp_path / "e.npz"
    if not lsp.is_dir():
        pytest.skip(f"no LSP at {lsp}")
    words = [
        "tool",
        "--output",
        str(output),
        f"data.root={lsp}",
        "detector=keypoint_file",
        f"detector.path={lsp / 'joints.mat'}",
        "data.max_images=12",
        f"runtime.cache_dir={tmp_path / 'cache'}",
    ]
    monkeypatch.setattr("sys.argv", words)
    tool.main()
    errors = load_errors(output)
    assert 3 <= len(errors) <= 6, "the images of odd number"
    np.testing.assert_allclose(errors.offsets, 0, atol=1e-5)
    assert (errors.confidence > 0).mean() > 0.95
