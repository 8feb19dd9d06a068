"""The project's own models in one call."""

from pathlib import Path

import numpy as np
import pytest

from fitting import load_assets, load_body_model, load_capsules
from tests.conftest import ROOT


def linked(folder: Path, *but: str) -> Path:
    """A folder with the project's models, except those named."""
    for path in (ROOT / "assets").iterdir():
        if path.name not in but:
            (folder / path.name).symlink_to(path)
    return folder


def test_all_parts_are_of_the_gender_that_was_asked_for(assets, tmp_path):
    found = load_assets(ROOT / "assets", "female")
    path = ROOT / "assets/bodies/female.npz"
    np.testing.assert_array_equal(found.body.v_template, load_body_model(path).v_template)
    assert found.capsules is not None
    np.testing.assert_array_equal(found.capsules.radius, load_capsules(path).radius)
    assert np.abs(found.body.v_template - assets.body.v_template).max() > 0.005
    np.testing.assert_array_equal(found.prior.means, assets.prior.means)


def test_without_the_table_nothing_is_fused(tmp_path):
    assert load_assets(linked(tmp_path, "fusion_blazepose.npz")).fusion is None


@pytest.mark.parametrize("lost", ["bodies", "pose_prior.npz", "pose_library.npz", "lifter.npz"])
def test_a_part_that_is_missing_is_named(lost, tmp_path):
    name = lost.removesuffix(".npz")
    with pytest.raises(FileNotFoundError, match=rf"{name}"):
        load_assets(linked(tmp_path, lost))
