"""PCK against values worked out by hand."""

import numpy as np
import pytest

from fitting.joints import LSP_14
from pipeline.evaluation.pck import ALL_JOINTS, Annotation, Guess, pck_columns, pck_tables
from tests.pipeline.mini_lsp import poses_2d

TORSO = float(np.hypot(66 - 36, 62 - 22))  # 50 px


@pytest.fixture
def truth() -> Annotation:
    visible = np.ones((4, 14), bool)
    visible[0, LSP_14.index("left_wrist")] = False
    return Annotation(poses_2d(), visible)


def moved(truth: Annotation, x: float) -> Guess:
    return Guess(truth.xy + np.array((x, 0)), np.ones((len(truth), 14), bool))


def test_the_units(truth: Annotation) -> None:
    assert truth.torso.tolist() == [TORSO] * 4
    assert truth.head.tolist() == [10] * 4


def test_the_annotation_itself_is_right_everywhere(truth: Annotation) -> None:
    columns = pck_columns(truth, moved(truth, 0))
    assert columns.pop("error_torso").tolist() == [0] * 4
    for name, values in columns.items():
        assert values.tolist() == [1] * 4, name


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (5.0, {"pck_at_01_torso": 1, "pck_at_02_torso": 1, "pck_at_05_head": 1, "auc": 0.8}),
        (7.5, {"pck_at_01_torso": 0, "pck_at_02_torso": 1, "pck_at_05_head": 0, "auc": 0.7}),
        (10.5, {"pck_at_01_torso": 0, "pck_at_02_torso": 0, "pck_at_05_head": 0, "auc": 0.58}),
        (40.0, {"pck_at_01_torso": 0, "pck_at_02_torso": 0, "pck_at_05_head": 0, "auc": 0}),
    ],
)
def test_shifted_joints(truth: Annotation, shift: float, expected: dict[str, float]) -> None:
    """0.1 and 0.2 of 50 px, 0.5 of 10 px; a joint adds 1 - d / 25 px to the area."""
    columns = pck_columns(truth, moved(truth, shift))
    columns["auc"] = columns.pop("auc_to_05_torso")
    np.testing.assert_allclose(columns.pop("error_torso"), shift / TORSO)
    for name, values in columns.items():
        np.testing.assert_allclose(values, expected[name], err_msg=name)


def test_what_was_not_detected_is_wrong(truth: Annotation) -> None:
    """Half of the first person's joints, and nothing of the second."""
    guess = moved(truth, 0)
    guess.given[0, :7], guess.given[1] = False, False
    columns = pck_columns(truth, guess)
    assert columns["pck_at_02_torso"].tolist() == [0.5, 0, 1, 1]
    assert columns["auc_to_05_torso"].tolist() == [0.5, 0, 1, 1]
    assert columns["error_torso"][0] == 0, "of what is given"
    assert np.isnan(columns["error_torso"][1])


def test_left_for_right_is_wrong(truth: Annotation) -> None:
    """Person-centric: the same places under the other side's names. Neck and head top stay."""
    swapped = list(range(14))
    swapped[:12] = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6]
    guess = Guess(truth.xy[:, swapped], np.ones((4, 14), bool))
    np.testing.assert_allclose(pck_columns(truth, guess)["pck_at_02_torso"], 2 / 14)


def test_per_joint_visible_and_all(truth: Annotation) -> None:
    """The left wrist is wrong in the image in which it cannot be seen."""
    guess, wrist = moved(truth, 0), LSP_14.index("left_wrist")
    guess.xy[0, wrist] += 30
    tables = pck_tables(truth, {"detector": guess, "fit": moved(truth, 7.5)})
    table = tables["pck_at_02_torso"]
    assert list(table) == [*LSP_14, ALL_JOINTS]
    wrong = {"detector": 0.75, "detector_visible": 1, "fit": 1, "fit_visible": 1}
    assert table["left_wrist"] == wrong
    assert table[ALL_JOINTS]["detector"] == pytest.approx(55 / 56)
    assert table[ALL_JOINTS]["detector_visible"] == 1
    assert tables["pck_at_01_torso"][ALL_JOINTS]["fit"] == 0
    assert tables["auc_to_05_torso"]["neck"]["fit"] == pytest.approx(0.7)


def test_the_curve(truth: Annotation) -> None:
    curve = pck_tables(truth, {"fit": moved(truth, 7.4)})["pck_curve_torso"]
    assert (len(curve), next(iter(curve)), list(curve)[-1]) == (51, "0.00", "0.50")
    assert next(row for row, cells in curve.items() if cells["fit"] == 1) == "0.15"
    assert curve["0.14"]["fit"] == 0


def test_a_joint_that_is_never_visible_has_no_share() -> None:
    hidden = Annotation(poses_2d(), np.zeros((4, 14), bool))
    table = pck_tables(hidden, {"fit": moved(hidden, 0)})["pck_at_02_torso"]
    assert np.isnan(table["neck"]["fit_visible"])
    assert table["neck"]["fit"] == 1
