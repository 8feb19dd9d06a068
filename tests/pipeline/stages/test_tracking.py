"""People keep their numbers through a clip: crossings, gaps, cuts, false finds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detectors.base import Detections, Detector
from detectors.blazepose import BlazePose
from pipeline.groups import RuntimeConfig, TrackingConfig
from pipeline.inputs.clips import PeopleChoice
from pipeline.inputs.sources import Video
from pipeline.inputs.videos import write_video
from pipeline.stages.detect import Detected, detect_stage
from pipeline.stages.remap import select
from pipeline.stages.stage import Job
from pipeline.stages.tracking import identify, lasting, opposite_of
from tests.pipeline.crossing import true_people, write_crossing
from tests.pipeline.fake_detector import FakeDetector
from tests.pipeline.stages.test_shots import scene
from tests.pipeline.walkers import FALSE, Eye, Walker, filmed, idf1, switches

CONFIG = TrackingConfig(max_gap=1.5, min_similarity=0.3, min_frames=3)
# 300 px high, towards each other at 1 and 0.8 body heights a second; they meet after 2 s.
CROSSING = [Walker(300, speed=1.0), Walker(1440, speed=-0.9, height=290, y=592)]


def tracked(*args, fps: float = 25, **kwargs) -> tuple[Detections, np.ndarray]:
    found, truth = filmed(*args, fps=fps, **kwargs)
    return identify(found, fps, CONFIG), truth


def test_the_metrics_by_hand() -> None:
    truth = np.array([0, 1, 0, 1, 0, 1, FALSE])
    assert switches(truth, np.array([5, 6, 5, 6, 5, 6, 9])) == 0
    assert idf1(truth, np.array([5, 6, 5, 6, 5, 6, 9])) == 1
    assert switches(truth, np.array([5, 6, 6, 5, 6, 5, 9])) == 2
    assert idf1(truth, np.array([5, 6, 6, 5, 6, 5, 9])) == pytest.approx(8 / 12)
    # The false find takes a person's number: 6 right, 6 true, 7 given.
    assert idf1(truth, np.array([5, 6, 5, 6, 5, 6, 6])) == pytest.approx(12 / 13)


@pytest.mark.parametrize("fps", [30, 12, 5])
@pytest.mark.parametrize("seed", range(3))
def test_who_crosses_keeps_the_number(fps: float, seed: int) -> None:
    found, truth = tracked(CROSSING, int(4 * fps), fps=fps, eye=Eye(0.015), seed=seed)
    assert len(found) == 2 * int(4 * fps)
    assert switches(truth, found.track) == 0
    assert idf1(truth, found.track) == 1
    assert set(found.track) == {0, 1}


@pytest.mark.parametrize("fps", [30, 12, 5])
@pytest.mark.parametrize("hidden", [0.2, 0.5, 1.0])
def test_who_is_hidden_while_crossing_comes_out_with_the_same_number(
    fps: float, hidden: float
) -> None:
    first = round((2 - hidden / 2) * fps)
    frames = range(first, first + round(hidden * fps))
    people = [CROSSING[0], replace(CROSSING[1], hidden=frames)]
    found, truth = tracked(people, int(4 * fps), fps=fps, eye=Eye(0.015))
    assert len(found) < 8 * fps
    assert switches(truth, found.track) == 0
    assert set(found.track) == {0, 1}


def test_places_in_the_frame_would_be_switched_all_the_time() -> None:
    """What the tests above can see: `track` as detectors give it, by place."""
    found, truth = filmed(CROSSING, 100, 25)
    place = np.concatenate([np.arange(n) for n in np.bincount(found.frame)])
    assert switches(truth, place) > 50
    assert idf1(truth, place) < 0.7


def test_misses_swapped_sides_and_false_finds() -> None:
    """9 clips of 5 s at 12 frames a second with two who cross and one who stands."""
    people = [*CROSSING, Walker(1700, height=400, y=700)]
    counts, scores = [], []
    for seed in range(9):
        found, truth = tracked(people, 60, fps=12, eye=Eye(0.02, 0.1, 0.1, 0.1), seed=seed)
        counts.append(switches(truth, found.track))
        scores.append(idf1(truth, found.track))
        people_of = {n: set(truth[found.track == n]) - {FALSE} for n in set(found.track)}
        assert all(len(people) <= 1 for people in people_of.values()) or counts[-1] > 0
    assert sum(counts) <= 3
    assert np.mean(scores) > 0.98


@pytest.mark.parametrize(("unseen", "people"), [(1.4, 1), (1.7, 2)])
def test_a_gap_is_bridged_up_to_the_limit(unseen: float, people: int) -> None:
    hidden = range(20, 20 + round(unseen * 25) - 1)
    found, _ = tracked([Walker(400, speed=0.3, hidden=hidden)], 100)
    assert len(set(found.track)) == people


def test_a_gap_is_bridged_where_the_person_should_be_by_then() -> None:
    """Nobody reappears 1.5 body heights from where the way led."""
    people = [Walker(400, 0.5, last=20), Walker(400 + 450, 0.5, first=35)]
    assert len(set(tracked(people, 60)[0].track)) == 2
    people = [Walker(400, 0.5, last=20), Walker(400, 0.5, first=35)]
    assert set(tracked(people, 60)[0].track) == {0}


def test_after_a_cut_everybody_is_new() -> None:
    people = [Walker(400), Walker(900)]  # who stand where others stood in the shot before
    found, truth = tracked(people, 40, cuts=(20,))
    before, after = (set(found.track[part]) for part in (found.frame < 20, found.frame >= 20))
    assert (before, after) == ({0, 1}, {2, 3})
    assert switches(truth, found.track) == 2


def test_a_frame_of_another_shot_in_between_ends_nobody() -> None:
    """A flash: pipeline/stages/shots.py gives the frames around it one number."""
    found, _ = filmed([Walker(400)], 40, 25)
    shot = np.where(found.frame == 20, 1, 0).astype(np.int32)
    track = identify(replace(found, shot=shot), 25, CONFIG).track
    assert set(track[found.frame != 20]) == {0}
    assert set(track[found.frame == 20]) == {1}


def test_numbers_by_first_appearance_the_largest_first() -> None:
    people = [
        Walker(300, height=200),
        Walker(700, height=350),
        Walker(1100, first=5),
        Walker(1500, height=250),
    ]
    found, truth = tracked(people, 12)
    assert [found.track[truth == who][0] for who in range(4)] == [2, 0, 3, 1]


def test_entering_and_leaving() -> None:
    people = [Walker(300, last=30), Walker(1500, 0.3), Walker(900, -0.4, first=50)]
    found, truth = tracked(people, 100)
    assert switches(truth, found.track) == 0
    assert len(set(found.track)) == 3


@pytest.mark.parametrize("fps", [0.5, 1.0])
def test_frames_far_apart_in_time_are_still_followed(fps: float) -> None:
    """With data.stride a frame may come later than any gap that is bridged."""
    found, truth = tracked([Walker(300), Walker(1200)], 8, fps=fps)
    assert switches(truth, found.track) == 0


def test_a_false_find_upon_somebody_does_not_take_the_number() -> None:
    found, truth = tracked([Walker(400, 0.4), Walker(520, 0.1, first=20, last=21)], 60)
    assert set(found.track[truth == 0]) == {0}
    assert set(found.track[truth == 1]) == {1}


def test_whoever_appears_in_the_place_of_another_is_somebody_else() -> None:
    """He walks in front of her and is lost when she is found: their boxes overlap all the same."""
    him, her = Walker(400, 0.2, last=29), Walker(430, y=520, first=30)
    found, truth = tracked([him, her], 60, fps=60)
    assert set(found.track[truth == 0]) == {0}
    assert set(found.track[truth == 1]) == {1}


def test_who_is_turned_round_by_the_detector_stays_the_same() -> None:
    found, _ = filmed([Walker(400, 0.4)], 40, 25)
    order = np.where(np.arange(40)[:, None] % 5 > 1, opposite_of(found.joint_names), np.arange(14))
    swapped = np.take_along_axis(found.keypoints, order[..., None], 1)
    assert set(identify(replace(found, keypoints=swapped), 25, CONFIG).track) == {0}


def test_opposite_joints() -> None:
    names = ("left_hip", "neck", "right_hip", "left_ear", "right_big_toe")
    assert opposite_of(names).tolist() == [2, 1, 0, 3, 4]


def test_who_flashes_up_is_left_out_unless_that_is_all() -> None:
    found, truth = tracked([Walker(400), Walker(1500, first=10, last=11)], 30)
    np.testing.assert_array_equal(lasting(found, 3), truth == 0)
    assert lasting(found, 2).all()
    flashes, _ = tracked([Walker(400, last=0), Walker(1500, first=10, last=11)], 30)
    assert lasting(flashes, 3).all()
    two_frames, _ = tracked([Walker(400), Walker(1500)], 2)
    assert lasting(two_frames, 3).all()


@pytest.mark.parametrize(("missing", "people"), [(25, 1), (50, 2)])
def test_frames_that_are_missing_are_time_that_passes(missing: int, people: int) -> None:
    """Somebody walks on while no frame was kept: known again after 1 s, another one after 2 s."""
    found, _ = filmed([Walker(300, speed=0.5)], 100, 25)
    kept = (found.frame < 20) | (found.frame >= 20 + missing)
    frame = np.arange(kept.sum(), dtype=np.int32)
    there = replace(found[kept], frame=frame)
    track = identify(there, 25, CONFIG, found.frame[kept] / 25).track
    assert track.max() + 1 == people


def test_nothing_but_the_track_changes() -> None:
    found, _ = filmed(CROSSING, 10, 25)
    result = identify(found, 25, CONFIG)
    for name in ("frame", "boxes", "keypoints", "scores"):
        np.testing.assert_array_equal(getattr(result, name), getattr(found, name))
    assert not found.track.any()
    assert result.track.dtype == np.int32


def test_a_photo_is_left_as_it_is_and_an_empty_clip_too() -> None:
    found, _ = filmed([Walker(300, height=100), Walker(900), Walker(1500)], 1, 25)
    photo = replace(found, track=np.arange(3, dtype=np.int32))
    assert identify(photo, None, CONFIG) is photo
    nobody, _ = filmed([Walker(300, first=99), Walker(1)], 0 + 1, 25)
    empty = nobody[:0]
    assert len(identify(empty, None, CONFIG)) == 0


def test_joints_without_any_score_leave_it_to_the_boxes() -> None:
    found, truth = filmed(CROSSING, 45, 25)
    blind = replace(found, scores=np.zeros_like(found.scores))
    assert switches(truth, identify(blind, 25, CONFIG).track) == 0


def test_the_main_person_is_the_largest_over_the_whole_clip() -> None:
    """Somebody larger who passes through does not take over."""
    found, truth = tracked([Walker(500, height=300), Walker(1200, height=420, last=8)], 40)
    chosen = select(found, PeopleChoice.largest)
    assert chosen.frame.tolist() == list(range(40))
    np.testing.assert_array_equal(chosen.keypoints, found.keypoints[truth == 0])
    assert not chosen.track.any()


def detected(path: Path, folder: Path, detector: Detector | None = None) -> tuple[Detected, float]:
    """What a detector (BlazePose) finds in a video, through the real stage."""
    (clip,), _ = Video(str(path)).clips()
    runtime = RuntimeConfig("cpu", 1, 16, str(folder), str(folder), str(folder))
    (done,) = detect_stage(detector or BlazePose(), runtime).compute([Job(clip)], lambda: None)
    return done.result, clip.facts().fps or 0.0


def test_the_detect_stage_sees_the_cut_in_the_frames(tmp_path: Path) -> None:
    """Somebody found at the same place in all frames: another one after the cut."""
    frames = [scene(seed, size=(128, 96)) for seed in (0, 0, 0, 1, 1, 1, 1)]
    write_video(tmp_path / "cut.mp4", frames, fps=5)
    found, fps = detected(tmp_path / "cut.mp4", tmp_path, FakeDetector())
    assert found.shot.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert identify(found, fps, CONFIG).track.tolist() == [0, 0, 0, 1, 1, 1, 1]


@pytest.mark.slow
def test_two_rendered_people_who_cross_keep_their_numbers(tmp_path: Path) -> None:
    """One walks past behind the other, hidden or not found for half a second."""
    write_crossing(tmp_path / "crossing.mp4")
    found, fps = detected(tmp_path / "crossing.mp4", tmp_path)
    truth = true_people(found)
    result = identify(found, fps, CONFIG)
    lost = np.flatnonzero(np.bincount(found.frame[truth == 0], minlength=26) == 0)
    assert ((lost > 2) & (lost < 24)).sum() >= 3, "the clip tests what it should"
    assert switches(truth, result.track) == 0
    assert idf1(truth, result.track) == 1


@pytest.mark.slow
def test_two_people_of_a_real_clip_keep_their_numbers(shared: Path, tmp_path: Path) -> None:
    """The man on the left is not found for 1.2 s while he bends down; they never change sides."""
    found, fps = detected(shared / "videos/v4_two_people_1080x1920.mp4", tmp_path)
    truth = np.where(found.boxes[:, [0, 2]].mean(1) < 480 + 3 * found.frame, 0, 1)
    result = identify(found, fps, CONFIG)
    counts = np.bincount(found.frame, minlength=40)
    assert counts.min() >= 1
    assert (counts == 2).sum() >= 20
    assert found.shot.max() == 0
    assert switches(truth, result.track) == 0
    assert set(result.track) == {0, 1}
