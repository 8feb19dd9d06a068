"""Drawn clips: the truth, what the detector makes of it, and the whole run."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from detectors.base import Resources
from fitting import FitResult
from fitting.camera import focal_length_px
from fitting.joints import EXTRA, LSP_14, POINTS, Keypoints
from fitting.sequence.motion import Motion
from pipeline import pipeline
from pipeline.config import Config, ConfigError, to_config
from pipeline.datasets.synthetic import IMAGE_SIDE
from pipeline.datasets.synthetic_clips import TrueFrames, load_motions, torso_of
from pipeline.datasets.synthetic_video import SyntheticVideo, SyntheticVideoDetector
from pipeline.datasets.video_evaluation import as_detected, followed
from pipeline.groups import RuntimeConfig
from pipeline.inputs.videos import write_video
from pipeline.stages.stage import Job
from tests.conftest import ROOT
from tests.pipeline.fake_detector import fit_result

SHORT = 6  # the number of the motion with the fewest frames
SOURCES: dict[str, Any] = {
    "seed": 0,
    "body": "assets/bodies/neutral.npz",
    "motions": "assets/test_clips.npz",
    "camera": "static",
    "errors": "assets/detector_errors_movenet.npz",
    "extras": False,
    "hold": 0.33,
    "jitter": 0.012,
    "swaps": 0.2,
    "swap_length": 0.3,
    "gaps": 0.1,
    "gap_length": 0.2,
}
CLEAN: dict[str, Any] = {"errors": None}
CONFIG = Config(runtime=RuntimeConfig("cpu", 1, 256, "c", "o", "w", False, False))


def source(**changes: Any) -> SyntheticVideo:
    return SyntheticVideo(
        **{**SOURCES, "n": 7, "known_focal_length": False, "films": None, **changes}
    )


@pytest.fixture(scope="module")
def drawn() -> SyntheticVideo:
    return source(**CLEAN)


@pytest.fixture(scope="module")
def clean(drawn: SyntheticVideo) -> TrueFrames:
    return drawn.true(SHORT)


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


def perfect(true: TrueFrames) -> FitResult:
    n = len(true)
    frame = np.arange(n, dtype=np.int32)
    return replace(
        fit_result(n),
        frame=frame,
        track=np.zeros(n, np.int32),
        params=true.params,
        camera=true.camera,
        joints=true.joints,
    )


def job(data: SyntheticVideo, seen: Keypoints | None = None, **results: FitResult | Motion) -> Job:
    """Of the clip SHORT, with these stages' results after what was `seen`, or was drawn."""
    true = data.true(SHORT)
    seen = true.keypoints[true.found] if seen is None else seen
    artefacts: Any = {
        name: SimpleNamespace(load=lambda result=result: result, seconds=0.96)
        for name, result in {"remap": seen, **results}.items()
    }
    return Job(data.clips()[0][SHORT], artefacts)


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


def test_a_missing_file_is_named_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^data\.motions: no file at /nowhere\.npz"):
        pipeline.run(config(tmp_path, "data.motions=/nowhere.npz"))
