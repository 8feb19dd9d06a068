"""The tool that fits conversions to LSP's neck and head top."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from detectors.base import Detections
from detectors.skeletons import COCO_17
from fitting.joints import LSP_14
from pipeline.stages.joint_tables import COCO_HEAD, COCO_NECK, Recipe
from tools import fit_joint_conversions as tool


def people(n: int = 60, seed: int = 0) -> tool.People:
    """Persons in COCO's joints, of sizes 30..300 px, whose neck and head follow COCO's recipes."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(30, 300, (n, 1, 1))
    xy = (rng.uniform(0, 3, (n, 1, 2)) + rng.uniform(0, 1, (n, 17, 2))) * size
    found = Detections(
        np.arange(n, dtype=np.int32),
        np.zeros(n, np.int32),
        np.zeros((n, 4), np.float32),
        xy.astype(np.float32),
        np.ones((n, 17), np.float32),
        COCO_17,
    )
    truth = np.zeros((n, 14, 2))
    truth[:, :12] = xy[:, [COCO_17.index(joint) for joint in LSP_14[:12]]]
    made = tool.People(np.arange(n), truth, size[:, 0, 0], found)
    for joint, recipe in (("neck", COCO_NECK), ("head_top", COCO_HEAD)):
        truth[:, LSP_14.index(joint)] = tool.place(made, recipe)
    return made


def factors(recipe: Recipe) -> list[float]:
    return [factor for factor, _, _ in recipe.steps]


@pytest.mark.parametrize(("joint", "recipe"), [("neck", COCO_NECK), ("head_top", COCO_HEAD)])
def test_true_factors_are_found_again_from_others(joint: str, recipe: Recipe) -> None:
    wrong = replace(recipe, steps=tuple((9.0, to, origin) for _, to, origin in recipe.steps))
    fitted = tool.refit(people(), joint, wrong)
    np.testing.assert_allclose(factors(fitted), factors(recipe), atol=1e-4)
    assert tool.errors(people(), joint, fitted).max() < 1e-4
    assert tool.errors(people(), joint, wrong).min() > 0.1


def test_a_few_wrongly_found_people_hardly_count() -> None:
    made = people()
    made.truth[:6, LSP_14.index("neck")] += 5 * made.torso[:6, None]
    fitted = tool.refit(made, "neck", COCO_NECK)
    np.testing.assert_allclose(factors(fitted), factors(COCO_NECK), atol=0.02)


def test_errors_are_in_torso_lengths() -> None:
    made = people()
    made.truth[:, LSP_14.index("neck"), 0] += 0.25 * made.torso
    np.testing.assert_allclose(tool.errors(made, "neck", COCO_NECK), 0.25, atol=1e-4)


def test_a_recipe_without_steps_is_its_start() -> None:
    made = people(3)
    shoulders = made.found.keypoints[:, [COCO_17.index("left_shoulder"), 6]].mean(1)
    np.testing.assert_allclose(tool.place(made, Recipe("shoulder")), shoulders, rtol=1e-6)


def test_swapped_people_are_left_out() -> None:
    made = people(4)
    made.truth[2, :12] = made.truth[2, [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6]]
    assert (tool.limbs_error(made) < tool.MAX_LIMBS).tolist() == [True, True, False, True]


def test_from_images_to_the_printed_table(tmp_path, monkeypatch, capsys) -> None:
    """Three people, one to train on, whose necks are 0.25 torsos above the mid-shoulder."""
    truth = people(3, seed=1).truth
    torso = np.linalg.norm(truth[:, 8] - truth[:, 3], axis=1)
    truth[:, 12] = truth[:, 8:10].mean(1) - np.outer(torso, [0, 0.25])
    joints = np.zeros((3, 14, 2000))
    joints[:2, :, :3] = truth.transpose(2, 1, 0)
    savemat(tmp_path / "joints.mat", {"joints": joints})
    (tmp_path / "images").mkdir()
    for number in range(1, 2001):  # of which data.max_images are opened
        (tmp_path / "images" / f"im{number:04d}.jpg").touch()
    for number in range(1, 4):
        Image.new("RGB", (1300, 1300)).save(tmp_path / "images" / f"im{number:04d}.jpg")
    monkeypatch.setattr(tool, "TRAIN", 1)
    monkeypatch.setattr(
        sys,
        "argv",
        [
            "tool",
            f"data.root={tmp_path}",
            "data.max_images=3",
            "detector=keypoint_file",
            f"detector.path={tmp_path}/joints.mat",
            f"runtime.cache_dir={tmp_path}/cache",
        ],
    )
    tool.main()
    printed = capsys.readouterr().out
    assert "1 persons of train, 2 of test" in printed
    assert "mid-shoulder             mean 0.2500 median 0.2500 within .1 .2: 0.000 0.000" in printed
