"""Where pictures of upright people are cut, and how their fits are compared with whole ones."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.cut_off import against_whole, ratio_of, told_line
from fitting.joints import LSP_14
from pipeline.stages.remap import inside
from tools.cut_people import SHOULDERS, WHOLE, Part, cuts_of

HEIGHT = {"head_top": 20, "neck": 80, "shoulder": 100, "elbow": 160, "wrist": 210}
HEIGHT |= {"hip": 220, "knee": 320, "ankle": 420}
SIZE = (400, 500)


def standing() -> np.ndarray:
    """Joints (14, 2), px; left is 40 px to the right of the middle, at x = 200."""
    side = {"left": 40, "right": -40}
    return np.array(
        [
            (200 + side.get(n.split("_")[0], 0), HEIGHT[n.split("_")[-1] if n[:4] != "head" else n])
            for n in LSP_14
        ],
        float,
    )


def test_each_cut_leaves_out_what_it_is_named_after() -> None:
    pixels = standing()
    left = {
        name: {
            joint.split("_")[-1]
            for joint, there in zip(LSP_14, inside(pixels, size), strict=True)
            if there
        }
        for name, size in cuts_of(pixels, SIZE).items()
    }
    assert "ankle" not in left["shins"]
    assert "knee" in left["shins"]
    assert "knee" not in left["thighs"]
    assert "hip" in left["thighs"]
    assert "hip" in left["hips"]
    assert "hip" not in left["belly"]
    assert "elbow" in left["belly"]
    assert "elbow" not in left["chest"]
    assert cuts_of(pixels, SIZE)["side"] == (200, 500)


def test_people_who_are_not_upright_are_not_cut() -> None:
    assert cuts_of(standing()[:, ::-1], SIZE) == {}
    assert cuts_of(500 - standing(), SIZE) == {}


def part(index: int, height: int) -> Part:
    """What is left of the picture of somebody who stands 4 m away, down to a height."""
    points = np.column_stack([(standing() - 200) / 200, np.full(14, 4.0)])
    found: Any = None
    return Part(index, (SIZE[0], height), found, standing(), points)


def fitted(parts: list[Part], joint: str, off: float) -> Any:
    """Fits that are right but for one joint, m."""
    joints = np.stack([one.points for one in parts])
    joints[:, LSP_14.index(joint), 2] += off
    return SimpleNamespace(joints=joints)


def test_only_joints_in_the_part_are_compared_and_only_of_people_seen_whole() -> None:
    parts = [part(7, 250), part(8, 250)]
    there = int(parts[0].there.sum())
    assert 0 < there < 14
    whole = {7: np.full(14, 2.0)}
    cut, same = against_whole(parts, fitted(parts, "right_wrist", 0.1), whole)
    assert cut == pytest.approx([100 / there])
    assert same == pytest.approx([2.0])
    cut, _ = against_whole(parts, fitted(parts, "right_ankle", 0.1), whole)
    assert cut == pytest.approx([0.0], abs=1e-9), "ankles are outside"


def test_joints_are_compared_about_shoulders_and_neck() -> None:
    parts = [part(7, 250)]
    moved = fitted(parts, "right_wrist", 0.0)
    moved.joints += (0.3, 0.2, 1.0)
    assert against_whole(parts, moved, {7: np.zeros(14)})[0] == pytest.approx([0], abs=1e-9)
    assert [LSP_14[k] for k in SHOULDERS] == ["right_shoulder", "left_shoulder", "neck"]


def test_a_ratio_is_of_means_and_its_interval_of_pairs() -> None:
    base = np.random.default_rng(0).uniform(20, 200, 300)
    ratio, low, high = ratio_of(1.3 * base, base)
    assert (ratio, low, high) == pytest.approx((1.3, 1.3, 1.3))
    noisy = 1.3 * base + np.random.default_rng(1).normal(0, 20, 300)
    ratio, low, high = ratio_of(noisy, base)
    assert low < ratio < high
    assert high - low < 0.1


def test_told_over_true_and_area_are_said() -> None:
    error = np.arange(1.0, 101.0)
    assert told_line("shins", 2 * error, error).endswith("told / true 2.00, area 1.000")
    assert told_line("shins", 1 / error, error).endswith("area 0.000")


def test_the_whole_picture_comes_first() -> None:
    assert next(iter(cuts_of(standing(), SIZE))) == WHOLE
    assert cuts_of(standing(), SIZE)[WHOLE] == SIZE
