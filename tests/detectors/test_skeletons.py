import re
import runpy
from importlib.resources import files

import pytest

from detectors.skeletons import (
    FROM_MMPOSE,
    HALPE_26,
    LSP_14,
    SKELETONS,
    WHOLEBODY_133,
    mirrored,
    names_from_mmpose,
)

# Our skeleton -> mmpose's file; LSP's, OpenPose's body_25 and BlazePose's are not among them.
MMPOSE = {
    "coco17": "coco",
    "halpe26": "halpe26",
    "wholebody133": "coco_wholebody",
    "mpii16": "mpii",
    "aic14": "aic",
    "crowdpose14": "crowdpose",
    "h36m17": "h36m",
    "openpose18": "coco_openpose",
}


def mmpose_info(name: str) -> dict:
    """What the installed mmpose says about a data set."""
    path = files("mmpose") / f".mim/configs/_base_/datasets/{name}.py"
    return runpy.run_path(str(path))["dataset_info"]


def mmpose_joints(name: str) -> tuple[str, list[str]]:
    """Name of the data set, and of its joints in order, as the installed mmpose has them."""
    info = mmpose_info(name)
    joints = info["keypoint_info"]
    return info["dataset_name"], [joints[i]["name"] for i in range(len(joints))]


@pytest.mark.parametrize("skeleton", MMPOSE)
def test_names_and_order_are_those_of_mmpose(skeleton):
    data_set, theirs = mmpose_joints(MMPOSE[skeleton])
    assert names_from_mmpose(data_set, theirs) == SKELETONS[skeleton]


@pytest.mark.parametrize("skeleton", MMPOSE)
def test_a_mirror_exchanges_the_joints_that_mmpose_exchanges(skeleton):
    """Its flip test takes the pairs from `swap`."""
    joints = mmpose_info(MMPOSE[skeleton])["keypoint_info"]
    theirs = [joints[i]["name"] for i in range(len(joints))]
    swaps = [joints[i]["swap"] or joints[i]["name"] for i in range(len(joints))]
    assert mirrored(SKELETONS[skeleton]) == [theirs.index(partner) for partner in swaps]


def test_a_mirror_by_hand():
    halpe = [HALPE_26[i] for i in mirrored(HALPE_26)]
    assert halpe[5:7] == ["right_shoulder", "left_shoulder"]
    assert halpe[17:22] == ["head_top", "neck", "mid_hip", "right_big_toe", "left_big_toe"]
    whole = [WHOLEBODY_133[i] for i in mirrored(WHOLEBODY_133)]
    assert whole[17:20] == ["right_big_toe", "right_small_toe", "right_heel"]
    assert whole[23 + 36] == "face-45", "the outer corners of the eyes"
    assert whole[91] == "right_hand_root"


def test_every_name_translated_from_mmpose_is_one_of_its_own():
    """A misspelt one would silently never be used."""
    known = dict(map(mmpose_joints, MMPOSE.values()))
    for data_set, names in FROM_MMPOSE.items():
        assert set(names) <= set(known[data_set])


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_names_are_complete_and_have_both_sides(skeleton):
    names = SKELETONS[skeleton]
    count = int(re.findall(r"\d+$", skeleton)[0])
    assert len(names) == len(set(names)) == count
    for name in names:
        side, _, rest = name.partition("_")
        if side in ("left", "right"):
            assert f"{'right' if side == 'left' else 'left'}_{rest}" in names


def test_one_spelling_for_one_joint():
    limbs = set(LSP_14) - {"neck", "head_top"}
    for names in SKELETONS.values():
        assert limbs <= set(names)
    feet = {f"{side}_{part}" for side in ("left", "right") for part in ("heel", "big_toe")}
    for skeleton in ("halpe26", "wholebody133", "openpose25", "blazepose33"):
        assert feet | {"nose", "left_eye", "right_ear"} <= set(SKELETONS[skeleton])


def test_body_25_by_hand():
    """OpenPose's documentation, doc/02_output.md: the numbers drawn on its figure."""
    for index, name in {
        1: "mid_shoulder",
        4: "right_wrist",
        7: "left_wrist",
        8: "mid_hip",
        11: "right_ankle",
        14: "left_ankle",
        15: "right_eye",
        18: "left_ear",
        19: "left_big_toe",
        24: "right_heel",
    }.items():
        assert SKELETONS["openpose25"][index] == name
