"""Where pictures of upright people are cut."""

import numpy as np

from fitting.joints import LSP_14
from pipeline.stages.remap import inside
from tools.cut_people import cuts_of

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
