"""The table of skeletons: complete, honest, and what the documentation shows."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detectors.base import Detections
from detectors.skeletons import SKELETONS
from fitting.joints import LSP_14, POINTS
from pipeline.stages.joint_tables import GROUPS, OTHERWISE, TABLE, columns_of, recipes_of
from pipeline.stages.remap import to_lsp
from tools.document_joints import COLOURS, FIGURE, PAGE, draw, fingerprint, updated


def test_every_point_is_in_one_group() -> None:
    grouped = [point for group in GROUPS.values() for point in group]
    assert sorted(grouped) == sorted(POINTS)


def test_every_skeleton_has_a_row() -> None:
    assert set(TABLE) == set(SKELETONS)


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_every_name_of_a_recipe_is_a_joint_of_the_skeleton(skeleton: str) -> None:
    for point, recipe in TABLE[skeleton].recipes().items():
        for part in recipe.parts():
            assert columns_of(part, SKELETONS[skeleton]), f"{skeleton}: {point} of {part}"


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_an_exact_point_is_its_own_joint_and_an_approximate_one_names_its_source(
    skeleton: str,
) -> None:
    for point, recipe in TABLE[skeleton].recipes().items():
        if recipe.exact:
            assert (recipe.start, recipe.steps) == (point, ())
        else:
            assert len(recipe.source) > 20


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_a_missing_point_has_no_joint_of_its_name(skeleton: str) -> None:
    missing = set(POINTS) - set(TABLE[skeleton].recipes())
    assert not missing & set(SKELETONS[skeleton])


@pytest.mark.parametrize(
    ("skeleton", "point", "start", "exact"),
    [
        ("lsp14", "neck", "neck", True),
        ("halpe26", "neck", "neck", False),  # another definition than LSP's
        ("halpe26", "head_top", "head_top", True),
        ("mpii16", "neck", "upper_neck", False),
        ("h36m17", "neck", "thorax", False),
        ("h36m17", "left_hip", "left_hip", False),
        ("openpose25", "neck", "shoulder", False),  # not its "neck", which is the mid-shoulder
        ("wholebody133", "left_heel", "left_heel", True),
    ],
)
def test_rows_by_hand(skeleton: str, point: str, start: str, exact: bool) -> None:
    recipe = TABLE[skeleton].recipes()[point]
    assert (recipe.start, recipe.exact) == (start, exact)


def test_a_skeleton_is_known_by_its_names_in_any_order() -> None:
    assert recipes_of(SKELETONS["blazepose33"][::-1]) == TABLE["blazepose33"].recipes()


def test_an_unknown_skeleton_works_by_name() -> None:
    names = (*SKELETONS["halpe26"], "left_index")
    recipes = recipes_of(names)
    assert set(recipes) == set(POINTS)
    assert all(recipe.exact and recipe.start == point for point, recipe in recipes.items())


@pytest.mark.parametrize(
    ("extra", "start"),
    [
        ((), "shoulder"),
        (("upper_neck",), "upper_neck"),
        (("upper_neck", "neck"), "neck"),
        (("head_bottom",), "head_bottom"),
    ],
)
def test_an_unknown_skeleton_takes_the_best_way_it_has(extra: tuple[str, ...], start: str) -> None:
    names = (*SKELETONS["coco17"], "left_index", *extra)
    assert recipes_of(names)["neck"].start == start


def test_ways_of_unknown_skeletons_lead_to_points_from_joints_that_exist() -> None:
    known = {name for names in SKELETONS.values() for name in names} | {"head_bottom"}
    for point, ways in OTHERWISE.items():
        assert point in POINTS
        for way in ways:
            assert all(columns_of(part, tuple(known)) for part in way.parts())


def test_a_stand_in_is_taken_as_it_is() -> None:
    names = SKELETONS["h36m17"]
    xy = np.arange(34, dtype=np.float32).reshape(1, 17, 2)
    zero = np.zeros(1, np.int32)
    scores = np.full((1, 17), 0.5, np.float32)
    found = Detections(zero, zero, np.zeros((1, 4), np.float32), xy, scores, names)
    keypoints = to_lsp(found, (99, 99), 0.3)
    for joint, theirs in (("neck", "thorax"), ("head_top", "head"), ("left_hip", "left_hip")):
        np.testing.assert_array_equal(
            keypoints.xy[0, LSP_14.index(joint)], xy[0, names.index(theirs)]
        )


def test_the_page_shows_this_table() -> None:
    """`python -m tools.document_joints` writes it anew."""
    assert updated(PAGE.read_text()) == PAGE.read_text()


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected the lines .* in the page"):
        updated("# Joints")


def test_the_figure_shows_this_table() -> None:
    """`python -m tools.document_joints` draws it anew."""
    with Image.open(FIGURE) as figure:
        assert figure.info["Description"] == fingerprint()


@pytest.mark.slow
def test_the_figure_has_a_mark_of_every_kind(tmp_path: Path) -> None:
    draw(tmp_path / "joints.png")
    with Image.open(tmp_path / "joints.png") as figure:
        assert figure.info["Description"] == fingerprint()
        pixels = np.asarray(figure.convert("RGB")).reshape(-1, 3)
    for colour in COLOURS.values():
        rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert (pixels == rgb).all(1).sum() > 100, colour
