"""A user's own bodies in the pipeline: which is taken, and where its capsules come from."""

import logging
from pathlib import Path

import numpy as np
import pytest

from fitting import BodyModel
from fitting.capsules import capsule_fit
from fitting.capsules.capsules import Capsules, load_capsules
from pipeline import pipeline
from pipeline.config import ConfigError
from pipeline.pipeline import stages_of
from pipeline.stages.capsules import capsules_of
from pipeline.stages.stage import Stage
from pipeline.storage.cache import digest
from tests.conftest import ROOT
from tests.fitting.official import fields_of, python_2_pickle, regressors
from tests.pipeline.runs import config, write_inputs

NAME = "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl"


@pytest.fixture(scope="module")
def content(body: BodyModel) -> bytes:
    return python_2_pickle(fields_of(body))


@pytest.fixture
def file(content: bytes, tmp_path: Path) -> Path:
    (tmp_path / "smpl").mkdir()
    path = tmp_path / "smpl" / NAME
    path.write_bytes(content)
    return path


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[BodyModel]:
    """The bodies that capsules were fitted to; the minute that it takes is not spent."""
    fitted: list[BodyModel] = []

    def quick(body: BodyModel) -> Capsules:
        fitted.append(body)
        return load_capsules(ROOT / "assets/bodies/neutral.npz")

    monkeypatch.setattr(capsule_fit, "fit_capsules", quick)
    return fitted


def fit_of(folder: Path, *overrides: str) -> Stage:
    stages = stages_of(config(folder, f"models.bodies={folder}", *overrides))
    return next(stage for stage in stages if stage.name == "fit")


def same(one: Capsules, other: Capsules) -> bool:
    names = ("joint", "axis", "center", "radius", "length")
    return one.names == other.names and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in names
    )


def test_capsules_of_a_body_without_are_fitted_once(
    file: Path, body: BodyModel, fits: list[BodyModel], caplog: pytest.LogCaptureFixture
) -> None:
    cache = str(file.parent / "cache")
    first = capsules_of(body, file, cache)
    assert caplog.messages == [
        f"fitting capsules to {file}, once for this body: it takes about a minute"
    ]
    file = file.rename(file.with_name("mine.pkl"))
    assert same(capsules_of(body, file, cache), first)
    assert len(fits) == 1, "the same bytes are the same body"
    file.write_bytes(python_2_pickle(fields_of(body, bs_style="another")))
    capsules_of(body, file, cache)
    assert len(fits) == 2, "other bytes may be another"


def test_damaged_capsules_in_the_cache_are_fitted_again(
    file: Path, body: BodyModel, fits: list[BodyModel]
) -> None:
    cache = file.parent / "cache"
    first = capsules_of(body, file, str(cache))
    (stored,) = (cache / "capsules").iterdir()
    stored.write_bytes(stored.read_bytes()[:-100])
    assert same(capsules_of(body, file, str(cache)), first)
    assert len(fits) == 2
    assert len(list((cache / "capsules").iterdir())) == 1


def test_a_body_with_capsules_keeps_them(body: BodyModel, fits: list[BodyModel], tmp_path) -> None:
    path = ROOT / "assets/bodies/female.npz"
    assert same(capsules_of(body, path, str(tmp_path)), load_capsules(path))
    assert not fits
    assert not list(tmp_path.iterdir())


def test_smplifys_regressors_beside_the_body_are_taken(
    file: Path, body: BodyModel, fits: list[BodyModel], caplog: pytest.LogCaptureFixture
) -> None:
    path = file.with_name("regressors_locked_normalized_hybrid.npz")
    lengths, _ = regressors(path)
    capsules = capsules_of(body, file, str(file.parent / "cache"))
    hand = capsules.names.index("left_hand")
    assert capsules.length[hand, 0] == lengths[-1, 18]
    assert not fits
    cleaned = fields_of(body)
    del cleaned["J_regressor_prior"]
    file.write_bytes(python_2_pickle(cleaned))
    capsules_of(body, file, str(file.parent / "cache"))
    assert len(fits) == 1
    assert f"{path} is not used, because {file} has no J_regressor_prior" in caplog.messages


def test_the_key_of_the_fit_has_the_files_that_count(file: Path) -> None:
    folder = file.parent.parent
    stage = fit_of(folder, "fit.interpenetration=true")
    assert stage.files["body"] == file
    assert "capsule_regressors" not in stage.files
    path = file.with_name("regressors_locked_normalized_hybrid.npz")
    regressors(path)
    assert fit_of(folder, "fit.interpenetration=true").files["capsule_regressors"] == path
    assert "capsule_regressors" not in fit_of(folder, "fit.interpenetration=false").files


def test_of_several_bodies_the_one_taken_is_named(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, other = file.parent.parent, file.parent.parent / "neutral.npz"
    assert fit_of(folder).files["body"] == file
    assert not caplog.messages
    other.touch()
    assert fit_of(folder).files["body"] == other
    assert caplog.messages == [f"models.bodies: using {other}, not {file}"]


@pytest.mark.parametrize("place", ["folder", "file"])
def test_people_are_fitted_with_an_official_body(
    place: str, file: Path, fits: list[BodyModel], caplog: pytest.LogCaptureFixture
) -> None:
    folder = file.parent.parent
    write_inputs(folder / "in")
    bodies = f"models.bodies={folder if place == 'folder' else file}"
    settings = (bodies, "fit.interpenetration=true")
    with caplog.at_level(logging.WARNING):
        summary = pipeline.run(config(folder, *settings))
    assert summary["fitted"] == 2
    assert summary["inputs"][0]["people"][0]["reprojection_error_px"] < 1
    assert len(fits) == 1
    with np.load(folder / "output/a.npz") as archive:
        assert str(archive["body_sha256"]) == digest(file)
    assert (folder / "output/a.jpg").is_file()
    pipeline.run(config(folder, *settings))
    assert len(fits) == 1
    assert sum("fitting capsules" in message for message in caplog.messages) == 1


def test_a_hostile_body_is_one_clear_error(file: Path) -> None:
    folder = file.parent.parent
    write_inputs(folder / "in")
    file.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(ConfigError, match=r"^models\.bodies: .*it asks for os\.system, which"):
        pipeline.run(config(folder, f"models.bodies={folder}"))
