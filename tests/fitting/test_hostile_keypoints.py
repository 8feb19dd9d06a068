"""Whatever is asked of a fit, a row ends with a status and finite numbers, and disturbs nobody."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from fitting import Assets, Camera, Keypoints, Status, fit, load_capsules, load_lifter
from fitting.starts.retrieval import PoseLibrary, load_pose_library
from pipeline.datasets.synthetic import draw_cases
from tests.conftest import ROOT

PRESETS = ["smplify", "smplify_release", "multistart", "lifted"]
NEUTRAL = ROOT / "assets/bodies/neutral.npz"
FOCAL, MIDDLE = 900.0, 319.5


@pytest.fixture(scope="module")
def assets(body, prior):
    poses = load_pose_library(ROOT / "assets/pose_library.npz")[::6]
    library, capsules = PoseLibrary(poses, body, prior), load_capsules(NEUTRAL)
    return Assets(body, prior, library, load_lifter(ROOT / "assets/lifter.npz"), capsules)


@pytest.fixture(scope="module")
def person(body):
    """Clean keypoints of one body, px."""
    poses = load_pose_library(ROOT / "assets/test_poses.npz")
    return draw_cases(1, body, poses, seed=3).keypoints.xy[0].astype(float)


def unfittable(xy: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Keypoints and confidence of people of whom too little is known."""
    sure, missing = np.ones(14), np.zeros(14)
    three = (np.arange(14) < 3).astype(float)
    return {
        "nothing seen": (xy, missing),
        "nothing seen, NaN": (xy * np.nan, missing),
        "nothing seen, infinite": (np.full_like(xy, np.inf), missing),
        "three joints": (xy, three),
        "all in one place": (np.full_like(xy, 100), sure),
        "all in one place, far out": (np.full_like(xy, 1e30), sure),
    }


def strange(xy: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray, float, float]]:
    """Keypoints, confidence, focal length and principal point that no photo has."""
    sure, legs = np.ones(14), (np.arange(14) < 6).astype(float)
    flat, thin, outlier, torso = (xy.copy() for _ in range(4))
    flat[:, 1], thin[:, 0], outlier[6] = 200, 200, 1e30
    torso[[2, 3, 8, 9]] = torso[8]
    size = (xy - MIDDLE) / 320
    cases = {
        "half missing, NaN": (np.where(legs[:, None] > 0, xy, np.nan), legs, FOCAL),
        "half missing, infinite": (np.where(legs[:, None] > 0, xy, -np.inf), legs, FOCAL),
        "no height": (flat, sure, FOCAL),
        "no width": (thin, sure, FOCAL),
        "trunk a point": (torso, sure, FOCAL),
        "two pixels": (size + MIDDLE, sure, FOCAL),
        "as large as float32": (3e38 * size, sure, FOCAL),
        "1e20 px": (1e20 * size, sure, FOCAL),
        "one joint at 1e30 px": (outlier, sure, FOCAL),
        "hardly sure": (xy, np.full(14, 1e-30), FOCAL),
        "half hardly sure": (xy, np.where(legs > 0, 1.0, 1e-40), FOCAL),
    }
    named = {name: (*case, MIDDLE) for name, case in cases.items()}
    for focal in (1e-300, 1e-30, 1e-3, 1.0, 1e7, 1e30, 1e300):
        named[f"focal length {focal:g}"] = xy, sure, focal, MIDDLE
    for middle in (1e12, -1e300):
        named[f"principal point {middle:g}"] = xy, sure, FOCAL, middle
    return named


def rows(cases: list[tuple]) -> tuple[Keypoints, Camera]:
    xy, confidence, focal, middle = (
        np.array(column, np.float64) for column in zip(*cases, strict=True)
    )
    n = len(cases)
    keypoints = Keypoints(
        np.zeros(n, np.int32),
        np.arange(n, dtype=np.int32),
        xy.astype(np.float32),
        confidence.astype(np.float32),
    )
    return keypoints, Camera(focal, np.stack([middle, middle], 1))


def not_finite(result, row: int) -> list[str]:
    """Names of the fields that hold NaN or infinity in a row."""
    names = []
    for field in fields(result):
        value = getattr(result, field.name)
        if is_dataclass(value):
            names += [f"{field.name}.{name}" for name in not_finite(value, row)]
        elif not isinstance(value, tuple) and not np.isfinite(value[row]).all():
            names.append(field.name)
    return names


@pytest.mark.parametrize("name", PRESETS)
def test_too_little_is_skipped(assets, preset, person, name):
    cases = unfittable(person)
    keypoints, camera = rows([(*case, FOCAL, MIDDLE) for case in cases.values()])
    result = fit(keypoints, camera, assets, preset(name))
    assert (result.status == Status.SKIPPED).all()
    assert not result.fitted.any()
    for row, case in enumerate(cases):
        assert not_finite(result, row) == [], case


@pytest.mark.parametrize("name", PRESETS)
def test_a_strange_row_is_finite_and_its_batch_mates_are_as_without_it(
    assets, preset, person, name
):
    """The person is fitted first and last, with all strange ones between."""
    cases, good = strange(person), (person, np.ones(14), FOCAL, MIDDLE)
    config = preset(name)
    result = fit(*rows([good, *cases.values(), good]), assets, config)
    for row, case in enumerate(cases, start=1):
        assert not_finite(result, row) == [], case
        assert result.status[row] in set(Status), case
    alone = fit(*rows([good]), assets, config)
    for row in (0, -1):
        np.testing.assert_allclose(result.joints[row], alone.joints[0], atol=1e-5)
        assert result.status[row] == alone.status[0]
    assert alone.fitted[0]


@pytest.mark.parametrize("name", PRESETS)
def test_a_row_without_numbers_is_no_body(assets, preset, person, name):
    """What left the range of numbers says so and holds the placeholder, as a skipped row does."""
    wild = strange(person)["principal point -1e+300"]
    result = fit(*rows([wild]), assets, preset(name))
    assert Status(result.status[0]) is Status.NONFINITE
    assert not result.fitted[0]
    skipped = fit(*rows([(person, np.zeros(14), FOCAL, MIDDLE)]), assets, preset(name))
    for field in ("betas", "body_pose", "global_orient", "transl"):
        found, expected = (getattr(r.params, field)[0] for r in (result, skipped))
        np.testing.assert_array_equal(found, expected)


def test_a_strange_row_disturbs_nobody_where_bodies_keep_out_of_themselves(
    body, prior, preset, person
):
    from fitting.capsules.capsules import load_capsules

    assets = Assets(body, prior, capsules=load_capsules(ROOT / "assets/bodies/neutral.npz"))
    config = preset("smplify", starts=0)
    touching = {"interpenetration": 100.0}
    stages = [replace(stage, weights=stage.weights | touching) for stage in config.stages]
    config = replace(config, stages=stages)
    cases, good = strange(person), (person, np.ones(14), FOCAL, MIDDLE)
    result = fit(*rows([*cases.values(), good]), assets, config)
    assert [not_finite(result, row) for row in range(len(cases))] == [[]] * len(cases)
    alone = fit(*rows([good]), assets, config)
    np.testing.assert_allclose(result.joints[-1], alone.joints[0], atol=1e-5)
