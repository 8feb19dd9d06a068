"""Settings of a fit that cannot be are refused by the key that the user wrote."""

from dataclasses import replace

import pytest

from fitting import FitConfig
from fitting.fit_config import Lookup


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_betas": 11}, r"fit\.n_betas: expected 1\.\.10, got 11"),
        ({"robust_sigma": 0}, r"fit\.robust_sigma: expected a number above 0, got 0"),
        ({"camera": {"tolerance": -1}}, r"fit\.camera\.tolerance: expected a number above 0"),
        ({"joint_weights": {"left_hop": 1}}, r"fit\.joint_weights: .*, got \['left_hop'\]"),
        ({"camera": {"weights": {"depth": -3}}}, r"fit\.camera\.weights\.depth: .* 0 or more"),
        ({"stages": []}, r"fit\.stages: expected at least one stage"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(preset, changes, message):
    with pytest.raises(ValueError, match=message):
        preset("smplify", **changes)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "smplify",
            {"confidence_sigma": [[0.9, 0.05], [0.1, 0.5]]},
            r"^fit\.confidence_sigma: expected ascending \[confidence, error > 0\], got",
        ),
        ("smplify", {"confidence_sigma": [[0.5, 0.0]]}, r"confidence_sigma: expected ascending"),
        ("smplify", {"confidence_sigma": [[0.5]]}, r"confidence_sigma: expected ascending"),
        (
            "lifted",
            {"confidence_sigma": []},
            r"^fit\.confidence_sigma: expected a table, because fit\.kernel=student",
        ),
        (
            "lifted",
            {"expected_error": {"constant": 1.0, "luck": 1.0}},
            r"^fit\.expected_error: expected some of \['lifted_sigma', .*got \['luck'\]",
        ),
        (
            "lifted",
            {"expected_joint_error": {"left_ankle": 1.0}},
            r"^fit\.expected_joint_error: expected \['ankle', .*lifter, or \{\}, got \['ankle', .*",
        ),
        (
            "lifted",
            {"landmark_offsets": {"left_hip": [0.0, 0.0, 0.0]}},
            r"^fit\.landmark_offsets: expected some of .*'hip'.*, got \['left_hip'\]",
        ),
        (
            "lifted",
            {"landmark_offsets": {"hip": [0.0, 40.0, 0.0]}},
            r"^fit\.landmark_offsets\.hip: expected \[out, up, front\], each within 0\.3 m, got",
        ),
        ("lifted", {"landmark_offsets": {"hip": [0.0, float("nan"), 0.0]}}, "each within 0.3 m"),
        ("smplify", {"robust_sigma": float("nan")}, r"robust_sigma: expected a number above 0"),
        ("smplify", {"side_view_threshold": float("inf")}, r"expected a number 0 or more, got inf"),
        ("smplify", {"choice": {"temperature": -1}}, r"^fit\.choice\.temperature: .* got -1"),
    ],
)
def test_tables_and_numbers_that_cannot_be_are_refused(preset, name, changes, message):
    with pytest.raises(ValueError, match=message):
        preset(name, **changes)


@pytest.fixture
def smplify(preset) -> FitConfig:
    return preset("smplify", starts=0)


def with_stage(config: FitConfig, **changes: object) -> FitConfig:
    first = replace(config.stages[0], **changes)  # pyright: ignore[reportArgumentType]
    return replace(config, stages=[first, *config.stages[1:]])


def test_a_stage_is_named_in_what_is_wrong_with_it(smplify):
    with pytest.raises(ValueError, match=r"^fit\.stages hot: free: expected some of .*'shape'"):
        with_stage(smplify, name="hot", free=["shape"])
    with pytest.raises(ValueError, match=r"^fit\.stages hot: free: expected some of .*got \[\]"):
        with_stage(smplify, name="hot", free=[])
    with pytest.raises(ValueError, match=r"^fit\.stages hot\.max_iterations: .* above 0, got 0"):
        with_stage(smplify, name="hot", max_iterations=0)
    with pytest.raises(ValueError, match=r"^fit\.stages\[0\]\.weights\.shape: .*, got -1"):
        with_stage(smplify, weights={"shape": -1.0})


def test_weights_stand_under_the_keys_that_a_user_writes(smplify):
    config = replace(smplify, refine=smplify.stages[:1])
    keys = [f"fit.stages[{i}].weights" for i in range(len(smplify.stages))]
    found = config.weights_by_key()
    assert list(found) == [
        "fit.camera.weights",
        "fit.choice.weights",
        *keys,
        "fit.refine[0].weights",
    ]
    assert found[keys[1]] is smplify.stages[1].weights


def test_a_lifter_is_needed_where_something_asks_for_lifted_joints(smplify):
    pull = {"joints_3d": 1.0}
    assert not smplify.lifts
    assert with_stage(smplify, weights=pull).lifts
    assert not with_stage(smplify, weights={"joints_3d": 0.0}).lifts
    assert replace(smplify, choice=replace(smplify.choice, weights=pull)).lifts
    assert replace(smplify, starts=3, lookup=Lookup.lifted).lifts
    assert not replace(smplify, starts=0, lookup=Lookup.lifted).lifts
    assert not replace(smplify, starts=3, lookup=Lookup.image).lifts


def test_stages_of_refine_need_joints_to_pull_to(smplify):
    cold = replace(smplify, choice=replace(smplify.choice, temperature=0.0), lookup=Lookup.image)
    pulling = [replace(smplify.stages[0], weights={"joints_3d": 1.0})]
    with pytest.raises(ValueError, match=r"^fit\.refine: joints_3d has no joints to pull to"):
        replace(cold, refine=pulling)
    warm = replace(cold, choice=replace(cold.choice, temperature=2.0))
    assert replace(warm, refine=pulling).refine == pulling


def test_a_fit_without_a_lifter_cannot_tell_its_error_from_lifted_joints(smplify, preset):
    with pytest.raises(ValueError, match=r"expected some of \['reprojection', 'spread'\], got"):
        replace(smplify, expected_error={"constant": 1.0, "lifted_sigma": 0.1})
    with pytest.raises(ValueError, match=r"expected_error: expected a key constant, got none"):
        replace(smplify, expected_error={"spread": 1.0})
    of_joints = preset("lifted").expected_joint_error
    with pytest.raises(ValueError, match=r"^fit\.expected_joint_error: .* a preset with a lifter"):
        replace(smplify, expected_joint_error=of_joints)
