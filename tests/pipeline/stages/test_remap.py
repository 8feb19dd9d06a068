"""From any detector's joints, by name, to LSP's 14."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.base import Detections
from detectors.skeletons import BLAZEPOSE_33, COCO_17, SKELETONS
from detectors.skeletons import LSP_14 as DETECTED_LSP
from fitting.joints import LSP_14
from pipeline.inputs.clips import PeopleChoice
from pipeline.stages.remap import GUESS, seen_joints, select, to_lsp
from tests.pipeline.stages.detected import FACE, LIMBS, MOUTH, SIZE, crowd, person


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


@pytest.mark.parametrize(
    ("x", "score", "confidence", "told"),
    [
        (0.5, 0.9, 0.9, True),
        (0.5, 0.4, 0.4, False),
        (1.2, 0.9, GUESS, False),
        (1.2, 0.2, 0.2, False),
        (-0.2, 0.9, GUESS, False),
        (1.4, 0.9, 0.0, False),
    ],
)
def test_a_joint_near_outside_the_image_is_a_guess_and_not_seen(
    x: float, score: float, confidence: float, told: bool
) -> None:
    found = person(DETECTED_LSP)
    found.keypoints[0, 2] = x * SIZE[0], SIZE[1] / 2
    found.scores[0, 2] = score
    remapped = to_lsp(found, SIZE, 0.1, beyond_edge=0.3)
    assert remapped.confidence[0, 2] == np.float32(confidence)
    assert seen_joints(remapped, SIZE)[0, 2] == told


def test_an_approximation_outside_the_image_is_missing() -> None:
    up = {name: (x, y - 100) for name, (x, y) in FACE.items()}  # the head top at y = -27.7
    assert joint(person(COCO_17, up), "head_top")[1] == 0
    assert joint(person(COCO_17, up), "neck")[1] > 0


@pytest.mark.parametrize(("score", "kept"), [(0.29, 0.0), (0.3, 0.3), (0.31, 0.31)])
def test_a_doubtful_joint_is_missing(score: float, kept: float) -> None:
    found = person(COCO_17, scores={"left_wrist": score})
    assert joint(found, "left_wrist", np.float32(0.3))[1] == pytest.approx(kept)


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
