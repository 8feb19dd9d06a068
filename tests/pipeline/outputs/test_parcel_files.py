"""A file per parcel holds what the files of its inputs hold, whoever computed it."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.base import Detections, Image, Resources
from pipeline import parcels, pipeline
from pipeline.outputs import parcel_files
from pipeline.outputs.parcel_files import Arrays, joined, read_parcel
from tests.faults.inputs import cheap, write_both
from tests.pipeline.fake_detector import FakeDetector

BOTH = ("export=[npz,parcels]", "render=none")
PARCELS = [["p00", "p01"], ["p02", "p03"], ["p04"], ["walk"]]


@pytest.fixture(autouse=True)
def small_parcels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcels, "PARCEL", 2)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs") / "in"
    write_both(folder, 5)
    return folder


@pytest.fixture(scope="module")
def whole(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of all inputs in one process; for reading."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parcels, "PARCEL", 2)
        run(inputs, folder)
    return folder


@pytest.fixture
def again(whole: Path, tmp_path: Path) -> Path:
    """The same, to go on with."""
    return Path(shutil.copytree(whole, tmp_path / "again"))


def run(inputs: Path, folder: Path, *overrides: str, **parts: Any) -> dict[str, Any]:
    return pipeline.run(cheap(inputs, folder, *BOTH, *(overrides or ("executor=here",)), **parts))


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("0*.npz"))}


def own_file(folder: Path, name: str) -> Arrays:
    with np.load(folder / f"output/{name}.npz", allow_pickle=False) as archive:
        return {key: archive[key] for key in archive}


def assert_same(found: Arrays, expected: Arrays) -> None:
    assert found.keys() == expected.keys()
    for key, array in expected.items():
        assert found[key].dtype.kind == array.dtype.kind, key
        np.testing.assert_array_equal(found[key], array, err_msg=key)
        if array.dtype.kind != "U":  # texts are as long as the longest of the parcel
            assert found[key].dtype == array.dtype, key


def test_every_input_has_the_arrays_of_its_own_file(whole: Path) -> None:
    folder = whole / "output/parcels"
    summary = json.loads((whole / "output/summary.json").read_text())
    assert sorted(path.name for path in folder.iterdir()) == [f"00000{n}.npz" for n in range(4)]
    for number, names in enumerate(PARCELS):
        found = read_parcel(folder / f"00000{number}.npz")
        assert list(found) == names
        for name, arrays in found.items():
            assert_same(arrays, own_file(whole, name))
    assert [entry["files"]["parcel"][8:] for entry in summary["inputs"]] == [
        f"00000{number}.npz" for number, names in enumerate(PARCELS) for _ in names
    ]
    with np.load(folder / "000003.npz") as video:
        assert video["body_pose"].shape == (3, 69)
        assert video["camera_move"].shape == video["input"].shape == (3,)
    with np.load(folder / "000000.npz") as photos:
        assert photos["world_from_camera"].shape == (2, 4, 4)
        assert photos["input"].tolist() == [0, 1]
        assert photos["joint_names"].shape == (14,)


@pytest.mark.slow
def test_the_files_are_the_same_whoever_computes_them(
    inputs: Path, whole: Path, tmp_path: Path
) -> None:
    run(inputs, tmp_path, "executor.workers=2", "executor.least=2")
    assert files_of(tmp_path) == files_of(whole)


def test_shards_and_a_run_that_goes_on_write_the_same_files(
    inputs: Path, whole: Path, tmp_path: Path
) -> None:
    expected = files_of(whole)
    assert len(expected) == 4
    for shard in ("1/3", "3/3"):
        run(inputs, tmp_path, "executor=here", f"runtime.shard={shard}")
    parts = {n: expected[n] for n in ("000000.npz", "000002.npz", "000003.npz")}
    assert files_of(tmp_path) == parts
    merged = run(inputs, tmp_path)  # goes on with what the second shard did not do
    cached = [all(entry["cached"].values()) for entry in merged["inputs"]]
    assert cached == [True, True, False, False, True, True]
    assert files_of(tmp_path / "output/parcels") == expected


def test_a_run_again_writes_what_is_damaged_and_nothing_else(inputs: Path, again: Path) -> None:
    folder = again / "output/parcels"
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    good = (folder / "000001.npz").read_bytes()
    p03, p93 = (name.encode("utf-32-le") for name in ("p03", "p93"))
    assert p03 in good
    (folder / "000001.npz").write_bytes(good.replace(p03, p93))
    run(inputs, again)
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert [name for name in after if after[name] != before[name]] == ["000001.npz"]
    assert (folder / "000001.npz").read_bytes() == good


def test_parcels_of_an_earlier_run_with_more_inputs_are_removed(
    inputs: Path, again: Path, tmp_path: Path
) -> None:
    folder = again / "output/parcels"
    (folder / "notes.npz").touch()
    few = tmp_path / "few"
    few.mkdir()
    for name in ("p00.png", "p03.png", "p04.png"):
        (few / name).symlink_to(inputs / name)
    run(few, again)
    assert sorted(path.name for path in folder.iterdir()) == [
        "000000.npz",
        "000001.npz",
        "notes.npz",
    ]
    assert list(read_parcel(folder / "000000.npz")) == ["p00", "p03"]


@dataclass
class Failing(FakeDetector):
    """Fails at one photo, as an unexpected error."""

    def detect(self, frames: Iterable[Image], resources: Resources, clip_name: str) -> Detections:
        if clip_name in ("p02.png", "p04.png"):
            list(frames)
            raise ZeroDivisionError("by nobody")
        return super().detect(frames, resources, clip_name)


def test_an_input_that_fails_is_missing_in_its_parcel(inputs: Path, again: Path) -> None:
    assert (again / "output/parcels/000002.npz").exists()
    summary = run(inputs, again, detector=Failing(path="y"))
    assert (summary["fitted"], summary["failed"]) == (4, 2)
    folder = again / "output/parcels"
    assert sorted(files_of(again)) == ["000000.npz", "000001.npz", "000003.npz"]
    found = read_parcel(folder / "000001.npz")
    assert list(found) == ["p03"]
    assert_same(found["p03"], own_file(again, "p03"))


def test_a_parcel_that_cannot_be_written_fails_for_its_inputs_only(
    inputs: Path, again: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(parts: list[Arrays]) -> Arrays:
        if "p02" in str(parts[0]["source"]):
            raise ZeroDivisionError("by a parcel")
        return joined(parts)

    shutil.rmtree(again / "output")
    monkeypatch.setattr(parcel_files, "joined", broken)
    summary = run(inputs, again)
    status = {entry["name"]: entry["status"] for entry in summary["inputs"]}
    assert [name for name, how in status.items() if how == "failed"] == ["p02", "p03"]
    assert summary["errors"] == ["errors/export-parcels-1.txt"]
    assert "by a parcel" in (again / "output" / summary["errors"][0]).read_text()
    assert sorted(files_of(again)) == ["000000.npz", "000002.npz", "000003.npz"]
    monkeypatch.undo()
    monkeypatch.setattr(parcels, "PARCEL", 2)
    assert run(inputs, again)["errors"] == []
    assert len(files_of(again)) == 4
    assert not (again / "output/errors").exists()


def test_an_input_without_scores_of_people_has_none_beside_one_that_has() -> None:
    scored = {"frame": np.zeros(2, np.int32), "person_score": np.array([0.5, 0.7], np.float32)}
    arrays = joined([scored, {"frame": np.zeros(1, np.int32)}])
    np.testing.assert_array_equal(arrays["person_score"], np.float32([0.5, 0.7, np.nan]))
    assert arrays["person_score"].dtype == np.float32
    assert arrays["input"].tolist() == [0, 0, 1]
