import pytest

from detectors.skeletons import BLAZEPOSE_33, COCO_17, HALPE_26, LSP_14

SKELETONS = {33: BLAZEPOSE_33, 17: COCO_17, 26: HALPE_26, 14: LSP_14}


@pytest.mark.parametrize("count", SKELETONS)
def test_names_are_complete_and_have_both_sides(count):
    names = SKELETONS[count]
    assert len(names) == len(set(names)) == count
    for name in names:
        side, _, rest = name.partition("_")
        if side in ("left", "right"):
            assert f"{'right' if side == 'left' else 'left'}_{rest}" in names


def test_one_spelling_for_one_joint():
    limbs = set(LSP_14) - {"neck", "head_top"}
    for names in SKELETONS.values():
        assert limbs <= set(names)
    assert set(LSP_14) <= set(HALPE_26)
    feet = {f"{side}_{part}" for side in ("left", "right") for part in ("heel", "big_toe")}
    assert feet <= set(HALPE_26) & set(BLAZEPOSE_33)
    assert {"nose", "left_eye", "right_ear"} <= set(COCO_17) & set(BLAZEPOSE_33)
