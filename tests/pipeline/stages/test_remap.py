"""From any detector's joints, by name, to LSP's 14."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.base import Detections
from detectors.skeletons import BLAZEPOSE_33, COCO_17, HALPE_26, SKELETONS
from detectors.skeletons import LSP_14 as DETECTED_LSP
from fitting.joints import EXTRA, LSP_14, POINTS
from pipeline.inputs.clips import PeopleChoice
from pipeline.stages.remap import select, to_lsp

SIZE = (640, 480)
LIMBS = [name for name in LSP_14 if name not in ("neck", "head_top")]


def person(
    names: tuple[str, ...],
    places: dict[str, tuple[float, float]] | None = None,
    scores: dict[str, float] | None = None,
    n: int = 1,
) -> Detections:
    """Joints at places of their own inside the image, surely seen, where nothing else is said."""
    xy = np.array([(100 + 7 * i, 60 + 11 * i) for i in range(len(names))], np.float32)
    score = np.linspace(0.6, 0.9, len(names)).astype(np.float32)
    for name, place in (places or {}).items():
        xy[names.index(name)] = place
    for name, value in (scores or {}).items():
        score[names.index(name)] = value
    return Detections(
        frame=np.arange(n, dtype=np.int32),
        track=np.arange(n, dtype=np.int32) + 5,
        boxes=np.zeros((n, 4), np.float32),
        keypoints=np.tile(xy, (n, 1, 1)),
        scores=np.tile(score, (n, 1)),
        joint_names=names,
    )


def joint(found: Detections, name: str, min_confidence: float = 0.0) -> tuple[np.ndarray, float]:
    """Place and confidence of an LSP joint of the first row."""
    remapped = to_lsp(found, SIZE, min_confidence)
    column = LSP_14.index(name)
    return remapped.xy[0, column], float(remapped.confidence[0, column])


@pytest.mark.parametrize("skeleton", SKELETONS)
@pytest.mark.parametrize("name", LIMBS)
def test_limbs_are_matched_by_name_and_sides_never_swapped(skeleton: str, name: str) -> None:
    found = person(SKELETONS[skeleton])
    column = found.joint_names.index(name)
    xy, confidence = joint(found, name)
    np.testing.assert_array_equal(xy, found.keypoints[0, column])
    assert confidence == found.scores[0, column]


@pytest.mark.parametrize("skeleton", ["halpe26", "lsp14"])
@pytest.mark.parametrize("name", ["neck", "head_top"])
def test_a_joint_that_the_detector_has_is_not_approximated(skeleton: str, name: str) -> None:
    found = person(SKELETONS[skeleton])
    np.testing.assert_array_equal(
        joint(found, name)[0], found.keypoints[0, found.joint_names.index(name)]
    )


def test_lsp_to_lsp_is_the_identity() -> None:
    assert DETECTED_LSP == LSP_14
    found = person(DETECTED_LSP, n=3)
    remapped = to_lsp(found, SIZE, 0.0)
    np.testing.assert_array_equal(remapped.xy, found.keypoints)
    np.testing.assert_array_equal(remapped.confidence, found.scores)
    np.testing.assert_array_equal(remapped.frame, [0, 1, 2])
    np.testing.assert_array_equal(remapped.track, [5, 6, 7])


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(SKELETONS)), st.randoms())
def test_the_order_of_the_detectors_joints_does_not_matter(skeleton: str, random) -> None:
    found = person(SKELETONS[skeleton], n=2)
    order = list(range(len(found.joint_names)))
    random.shuffle(order)
    other = Detections(
        found.frame,
        found.track,
        found.boxes,
        found.keypoints[:, order],
        found.scores[:, order],
        tuple(found.joint_names[i] for i in order),
    )
    a, b = to_lsp(found, SIZE, 0.3), to_lsp(other, SIZE, 0.3)
    np.testing.assert_array_equal(a.xy, b.xy)
    np.testing.assert_array_equal(a.confidence, b.confidence)


# Mid-points: shoulders (300, 200), ears (310, 120), hips (290, 400), eyes (320, 110),
# mouth (330, 140); nose (340, 125).
FACE = {
    "left_shoulder": (350, 210),
    "right_shoulder": (250, 190),
    "left_ear": (330, 125),
    "right_ear": (290, 115),
    "left_hip": (330, 405),
    "right_hip": (250, 395),
    "left_eye": (330, 112),
    "right_eye": (310, 108),
    "nose": (340, 125),
}
MOUTH = {"left_mouth": (335, 142), "right_mouth": (325, 138)}


@pytest.mark.parametrize(
    ("names", "places", "joint_name", "expected"),
    [
        # neck = sm + .569 (ear - sm) - .511 (eye - mouth)
        #      = (300 + 5.69 + 5.11, 200 - 45.52 + 15.33)
        (BLAZEPOSE_33, FACE | MOUTH, "neck", (310.80, 169.81)),
        # head = sm + .887 (ear - sm) + 1.853 (eye - mouth)
        #      = (300 + 8.87 - 18.53, 200 - 70.96 - 55.59)
        (BLAZEPOSE_33, FACE | MOUTH, "head_top", (290.34, 73.45)),
        # neck = sm + .500 (ear - sm) + .046 (hip - sm) = (300 + 5 - .46, 200 - 40 + 9.2)
        (COCO_17, FACE, "neck", (304.54, 169.2)),
        # head = sm + 1.312 (ear - sm) + .715 (eye - nose) - .060 (hip - sm)
        #      = (300 + 13.12 - 14.3 + .6, 200 - 104.96 - 10.725 - 12)
        (COCO_17, FACE, "head_top", (299.42, 72.315)),
    ],
    ids=["blazepose neck", "blazepose head", "coco neck", "coco head"],
)
def test_the_conversions_by_hand(
    names: tuple[str, ...], places: dict, joint_name: str, expected: tuple[float, float]
) -> None:
    xy, _ = joint(person(names, places), joint_name)
    np.testing.assert_allclose(xy, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("names", "joint_name", "made_of", "not_of"),
    [
        (BLAZEPOSE_33, "neck", ["left_ear", "right_shoulder", "left_mouth"], ["nose", "left_hip"]),
        (BLAZEPOSE_33, "head_top", ["left_mouth", "right_eye", "left_ear"], ["nose", "left_hip"]),
        (COCO_17, "neck", ["left_hip", "right_ear"], ["nose", "left_eye"]),
        (COCO_17, "head_top", ["nose", "left_hip", "left_eye"], ["left_knee"]),
    ],
)
def test_an_approximation_is_as_sure_as_the_least_sure_joint_it_is_made_of(
    names: tuple[str, ...], joint_name: str, made_of: list[str], not_of: list[str]
) -> None:
    for part in made_of:
        assert joint(person(names, scores={part: 0.35}), joint_name)[1] == pytest.approx(0.35)
        assert joint(person(names, scores={part: 0.35}), joint_name, 0.4)[1] == 0
        assert joint(person(names, scores={part: 0.0}), joint_name)[1] == 0
    for other in not_of:
        found = person(names, scores={other: 0.1})
        assert joint(found, joint_name)[1] == joint(person(names), joint_name)[1] > 0.5


def test_a_joint_that_cannot_be_made_is_missing() -> None:
    names = tuple(name for name in COCO_17 if "ear" not in name and name != "left_knee")
    remapped = to_lsp(person(names), SIZE, 0.0)
    missing = {LSP_14[i] for i in np.flatnonzero(remapped.confidence[0] == 0)}
    assert missing == {"neck", "head_top", "left_knee"}


@pytest.mark.parametrize(
    ("place", "inside"),
    [
        ((0, 0), True),
        ((-0.4, 3), True),
        ((639.4, 479.4), True),
        ((-0.6, 100), False),
        ((100, -0.6), False),
        ((639.6, 100), False),
        ((100, 479.6), False),
        ((500, 600), False),
    ],
)
def test_a_joint_outside_the_image_is_missing(place: tuple[float, float], inside: bool) -> None:
    found = person(COCO_17, {"left_ankle": place})
    assert (joint(found, "left_ankle")[1] > 0) == inside
    assert joint(found, "right_ankle")[1] > 0


def test_an_approximation_outside_the_image_is_missing() -> None:
    up = {name: (x, y - 100) for name, (x, y) in FACE.items()}  # the head top at y = -27.7
    assert joint(person(COCO_17, up), "head_top")[1] == 0
    assert joint(person(COCO_17, up), "neck")[1] > 0


@pytest.mark.parametrize(("score", "kept"), [(0.29, 0.0), (0.3, 0.3), (0.31, 0.31)])
def test_a_doubtful_joint_is_missing(score: float, kept: float) -> None:
    found = person(COCO_17, scores={"left_wrist": score})
    assert joint(found, "left_wrist", np.float32(0.3))[1] == pytest.approx(kept)


def crowd() -> Detections:
    """Two frames of three people; the second one of frame 0 and the third of frame 1 are large."""
    found = person(DETECTED_LSP, n=6)
    sides = np.array([10, 90, 30, 20, 40, 80], np.float32)
    boxes = np.stack([np.full(6, 5), np.full(6, 5), 5 + sides, 5 + sides], 1)
    return Detections(
        np.array([0, 0, 0, 1, 1, 1], np.int32),
        np.array([0, 1, 2, 0, 1, 2], np.int32),
        boxes.astype(np.float32),
        found.keypoints + np.arange(6, dtype=np.float32)[:, None, None],
        found.scores,
        DETECTED_LSP,
    )


def test_the_person_whose_boxes_are_largest_in_sum() -> None:
    """Track 1 has 90 and 40 px, track 2 30 and 80 px: squared, 9700 and 7300."""
    chosen = select(crowd(), PeopleChoice.largest)
    np.testing.assert_array_equal(chosen.frame, [0, 1])
    np.testing.assert_array_equal(chosen.track, [0, 0])
    np.testing.assert_array_equal(chosen.keypoints, crowd().keypoints[[1, 4]])


def test_everybody() -> None:
    assert select(crowd(), PeopleChoice.all) is not None
    np.testing.assert_array_equal(select(crowd(), PeopleChoice.all).track, [0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("people", PeopleChoice)
@pytest.mark.parametrize("skeleton", SKELETONS)
def test_nobody_gives_no_rows(people: PeopleChoice, skeleton: str) -> None:
    remapped = to_lsp(select(person(SKELETONS[skeleton], n=0), people), SIZE, 0.3)
    assert len(remapped) == 0
    assert remapped.xy.shape == (0, 14, 2)


def test_the_detections_are_left_as_they_are() -> None:
    found = person(BLAZEPOSE_33, FACE | MOUTH)
    before = found.keypoints.copy(), found.scores.copy()
    to_lsp(found, (10, 10), 0.99)
    np.testing.assert_array_equal(found.keypoints, before[0])
    np.testing.assert_array_equal(found.scores, before[1])


def extra(found: Detections, name: str, min_confidence: float = 0.0) -> tuple[np.ndarray, float]:
    """Place and confidence of a point of EXTRA of the first row."""
    remapped = to_lsp(found, SIZE, min_confidence)
    column = EXTRA.index(name)
    return remapped.extra_xy[0, column], float(remapped.extra_confidence[0, column])


@pytest.mark.parametrize(
    ("skeleton", "lacking"),
    [
        ("halpe26", set()),
        ("wholebody133", set()),
        ("openpose25", set()),
        ("blazepose33", {"left_small_toe", "right_small_toe"}),
        ("coco17", {name for name in EXTRA if "toe" in name or "heel" in name}),
        ("lsp14", set(EXTRA)),
        ("mpii16", set(EXTRA)),
    ],
)
def test_face_and_feet_ride_beside_by_name(skeleton: str, lacking: set[str]) -> None:
    found = person(SKELETONS[skeleton])
    for name in EXTRA:
        xy, confidence = extra(found, name)
        if name in lacking:
            assert confidence == 0, name
        else:
            column = found.joint_names.index(name)
            np.testing.assert_array_equal(xy, found.keypoints[0, column], err_msg=name)
            assert confidence == found.scores[0, column]


def test_a_doubtful_point_of_face_or_feet_and_one_outside_are_missing() -> None:
    found = person(HALPE_26, {"left_heel": (100, 480)}, {"nose": 0.29, "left_eye": 0.31})
    assert extra(found, "left_heel")[1] == 0
    assert extra(found, "right_heel")[1] > 0
    assert extra(found, "nose", 0.3)[1] == 0
    assert extra(found, "left_eye", 0.3)[1] == pytest.approx(0.31)


def lifted(found: Detections) -> Detections:
    """With 3-D keypoints: those of the picture as metres, and a depth of their own."""
    depth = np.arange(len(found.joint_names), dtype=np.float32) ** 2
    flat = found.keypoints / 100
    third = np.broadcast_to(depth, flat.shape[:2])[..., None]
    return replace(found, keypoints_3d=np.concatenate([flat, third], -1).astype(np.float32))


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_3d_keypoints_are_made_as_the_2d_ones_are(skeleton: str) -> None:
    """Also of points that are missing in the picture, because they lie outside."""
    found = person(SKELETONS[skeleton], FACE | MOUTH if skeleton == "blazepose33" else None)
    remapped = to_lsp(lifted(found), SIZE, 0.0)
    xy = np.concatenate([remapped.xy, remapped.extra_xy], 1)
    known = np.concatenate([remapped.confidence, remapped.extra_confidence], 1) > 0
    np.testing.assert_allclose(remapped.points_3d[known][:, :2], xy[known] / 100, atol=1e-4)
    assert np.isnan(remapped.points_3d[~known]).all()
    for name in (*LIMBS, *EXTRA):
        if name in found.joint_names:
            depth = remapped.points_3d[0, POINTS.index(name), 2]
            assert depth == found.joint_names.index(name) ** 2, name
    small = to_lsp(lifted(found), (1, 1), 0.0)
    assert not small.confidence.any()
    np.testing.assert_array_equal(small.points_3d, remapped.points_3d)


def test_without_3d_keypoints_every_point_is_unknown_in_3d() -> None:
    remapped = to_lsp(person(BLAZEPOSE_33, n=2), SIZE, 0.0)
    assert remapped.points_3d.shape == (2, 25, 3)
    assert np.isnan(remapped.points_3d).all()


def test_whoever_is_chosen_keeps_its_own_3d_keypoints() -> None:
    everybody = lifted(crowd())
    chosen = select(everybody, PeopleChoice.largest)
    np.testing.assert_array_equal(chosen.keypoints_3d, everybody.keypoints_3d[[1, 4]])
