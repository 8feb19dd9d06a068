"""Capsules: what is read is what was written, and spheres fill the body."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scipy.spatial import KDTree

from fitting.capsules.capsules import (
    Capsules,
    incompatible,
    load_capsules,
    save_capsules,
    spread_spheres,
)
from tests.conftest import ROOT

BODIES = ROOT / "assets" / "bodies"


@pytest.fixture(scope="module", params=["neutral", "female", "male"])
def capsules(request) -> Capsules:
    return load_capsules(BODIES / f"{request.param}.npz")


def rest_spheres(capsules, body, betas):
    """Centres and radii in the T-pose."""
    one, spheres = np.concatenate([[1], betas]), spread_spheres(capsules)
    joints = body.J_regressor @ (body.v_template + body.shapedirs @ betas)
    middle = joints[capsules.joint] + capsules.center @ one
    rod = (capsules.length @ one)[:, None] * capsules.axis
    at = spheres.capsule
    return middle[at] + spheres.along[:, None] * rod[at], (capsules.radius @ one)[at]


def test_saved_capsules_are_read_back_as_they_were(capsules, tmp_path):
    save_capsules(capsules, tmp_path / "capsules.npz")
    read = load_capsules(tmp_path / "capsules.npz")
    assert read.names == capsules.names
    for name in ("joint", "axis", "center", "radius", "length"):
        np.testing.assert_array_equal(getattr(read, name), getattr(capsules, name))
        assert getattr(read, name).dtype == getattr(capsules, name).dtype
    assert [path.name for path in tmp_path.iterdir()] == ["capsules.npz"]


def test_a_body_without_capsules_is_said_to_have_none(tmp_path):
    path = tmp_path / "smpl.npz"
    np.savez(path, v_template=np.zeros((10, 3)))
    with pytest.raises(ValueError, match="it lacks capsule_names, capsule_joint"):
        load_capsules(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"axis": np.ones((20, 3))}, "axis: expected unit vectors"),
        ({"joint": np.zeros(3, int)}, r"joint: expected shape \(20,\), got \(3,\)"),
        ({"radius": np.zeros((20, 11))}, "radius: expected more than 0 at betas 0"),
        ({"length": np.full((20, 11), np.nan)}, "length: expected finite numbers"),
    ],
)
def test_unsound_capsules_are_refused(capsules, change, message):
    with pytest.raises(ValueError, match=message):
        replace(capsules, **change)


def test_pairs_are_smplifys(capsules):
    pairs = [
        tuple(capsules.names[c] for c in pair) for limb in incompatible(capsules) for pair in limb
    ]
    assert len(pairs) == len({frozenset(pair) for pair in pairs}) == 23
    with_trunk = {a for a, b in pairs if b == "belly"}
    assert with_trunk == {f"{s}_{part}" for s in ("left", "right") for part in ("forearm", "hand")}
    assert ("left_forearm", "left_collar") in pairs
    assert ("right_foot", "left_shin") in pairs
    assert not any("thigh" in name or "upper_arm" in name for pair in pairs for name in pair)


def test_a_missing_capsule_is_named(capsules):
    renamed = replace(capsules, names=("skull", *capsules.names[1:-1], "flipper"))
    with pytest.raises(ValueError, match=r"\['right_foot'\] are missing"):
        incompatible(renamed)


def test_neighbouring_spheres_touch_from_end_to_end(capsules):
    spheres = spread_spheres(capsules)
    for c, name in enumerate(capsules.names):
        along = spheres.along[spheres.capsule == c] * capsules.length[c, 0]
        diameter = 2 * capsules.radius[c, 0]
        assert (np.diff(along) <= diameter + 1e-12).all(), name
        assert (np.diff(along) > diameter / 2).all() or len(along) == 2, f"{name}: too many"
        ends = [-capsules.length[c, 0] / 2, capsules.length[c, 0] / 2]
        kept = 1 if name.endswith(("thigh", "upper_arm")) else 2
        assert np.isin(np.round(ends, 9), np.round(along, 9)).sum() == kept, name
    assert 50 < len(spheres.along) < 80


def to_skin(mesh, points):
    """Distance to the nearest vertex or middle of a face: a few mm more than to the surface."""
    return KDTree(np.concatenate([mesh.vertices, mesh.triangles_center])).query(points)[0]


def test_spheres_lie_inside_the_skin(body):
    capsules = load_capsules(BODIES / "neutral.npz")
    tested = np.isin(spread_spheres(capsules).capsule, np.concatenate(incompatible(capsules)))
    rng = np.random.default_rng(0)
    for betas in (np.zeros(10), *rng.normal(size=(2, 10))):
        mesh = trimesh.Trimesh(body.v_template + body.shapedirs @ betas, body.faces, process=False)
        centers, radii = rest_spheres(capsules, body, betas)
        depth = np.where(mesh.contains(centers), 1, -1) * to_skin(mesh, centers)
        assert depth.min() > 0, "every centre is inside"
        out = (radii - depth)[tested]
        assert out.max() < 0.05, "no sphere sticks out far"
        assert np.abs(out).mean() < 0.015
