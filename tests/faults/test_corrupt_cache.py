"""Damage to any kind of cached file is noticed, said, and made good."""

import json
import logging
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline import pipeline
from pipeline.datasets.lsp_files import lsp_root
from pipeline.storage.cache import Cache, to_arrays
from tests.faults.inputs import cheap, write_both
from tests.faults.mutated import KINDS, swapped, zeroed
from tests.pipeline.mini_lsp import write_images

STAGES = ("detect", "remap", "fit", "render")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with everything that is cached: two photos, a video, a file that is refused."""
    folder = tmp_path_factory.mktemp("ran")
    write_both(folder / "in", 2)
    (folder / "in/refused.jpg").write_text("no picture")
    assert pipeline.run(cheap(folder / "in", folder))["fitted"] == 3
    return folder


def files(folder: Path) -> dict[str, list[Path]]:
    return {stage: sorted((folder / "cache" / stage).glob("*.npz")) for stage in STAGES}


def test_every_kind_is_there(ran: Path) -> None:
    assert [len(paths) for paths in files(ran).values()] == [4, 3, 3, 3]


@pytest.mark.parametrize("stage", STAGES)
def test_no_damage_gives_another_result(
    stage: str, ran: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    by_name = {s.name: s for s in pipeline.stages_of(cheap(ran / "in", ran))}
    rng, noticed, tried = np.random.default_rng(0), 0, 0
    source = files(ran)[stage][0]
    clip, data = source.name.rpartition("-")[0], source.read_bytes()
    with np.load(source) as archive:
        key = json.loads(str(archive["provenance"]))["key"]
    cache, output = Cache(tmp_path), by_name[stage].output
    path = tmp_path / stage / source.name
    path.parent.mkdir()
    path.write_bytes(data)
    whole = cache.find(stage, clip, key, output)
    assert whole
    for change in KINDS * 10:
        path.write_bytes(change(data, rng))
        tried += 1
        caplog.clear()
        found = cache.find(stage, clip, key, output)
        noticed += found is None
        if found is None:
            assert "computing it again" in caplog.text
            assert str(path) in caplog.text
        else:  # damage to what has no meaning: dates, padding, what lies before a zip
            assert found.provenance == whole.provenance
            expected = to_arrays(whole.load())
            for name, array in to_arrays(found.load()).items():
                assert array.tobytes() == expected[name].tobytes()
    assert noticed > 0.7 * tried


@pytest.mark.parametrize("change", [swapped, zeroed])
def test_a_run_over_a_damaged_cache(
    change, ran: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every file is damaged; the run says so, computes them again and gives the same people."""
    rng, place = np.random.default_rng(1), tmp_path / "run"
    shutil.copytree(ran, place)
    every = [path for paths in files(place).values() for path in paths]
    for path in every:
        path.write_bytes(change(path.read_bytes(), rng))
    with caplog.at_level(logging.WARNING):
        summary = pipeline.run(cheap(ran / "in", place))
    assert (summary["fitted"], summary["skipped"]) == (3, 1)
    said = [path for path in every if f"{path}: " in caplog.text]
    assert len(said) > 0.7 * len(every)
    for stage in STAGES:
        for path in files(place)[stage]:
            with np.load(path, allow_pickle=False) as archive:
                assert all(archive[name] is not None for name in archive.files)
    same_people(ran / "output", place / "output")
    caplog.clear()
    again = pipeline.run(cheap(ran / "in", place))
    assert "damaged" not in caplog.text
    assert all(all(e["cached"].values()) for e in again["inputs"] if e["status"] == "fitted")


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_a_run_over_a_damaged_cache_10_times(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """With animations, and any kind of damage to about half of the files."""
    write_both(tmp_path / "in", 2)
    config = cheap(tmp_path / "in", tmp_path, "+export=progress")
    pipeline.run(config)
    shutil.copytree(tmp_path / "output", tmp_path / "expected")
    rng, damaged = np.random.default_rng(3), 0
    for _ in range(10):
        for path in (tmp_path / "cache").rglob("*.npz"):
            if rng.integers(2):
                path.write_bytes(KINDS[rng.integers(len(KINDS))](path.read_bytes(), rng))
                damaged += 1
        assert pipeline.run(config)["fitted"] == 3
        same_people(tmp_path / "expected", tmp_path / "output")
    tell(f"{damaged} damaged files in 10 runs")


def same_people(expected: Path, got: Path) -> None:
    """To rounding: what is recomputed alone was in a batch with others before."""
    for path in expected.glob("*.npz"):
        with np.load(path) as left, np.load(got / path.name) as right:
            for name in ("betas", "global_orient", "body_pose", "transl", "joints"):
                np.testing.assert_allclose(right[name], left[name], atol=1e-6, err_msg=path.name)


def test_two_files_in_each_others_place(
    ran: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "run"
    shutil.copytree(ran, place)
    for stage in STAGES:
        a, b = files(place)[stage][:2]
        first = a.read_bytes()
        a.write_bytes(b.read_bytes())
        b.write_bytes(first)
    pipeline.run(cheap(ran / "in", place))
    assert caplog.text.count("its name and its result differ") == 2 * len(STAGES)
    same_people(ran / "output", place / "output")


def test_a_damaged_parcel_is_thrown_away(
    ran: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What a killed run leaves of a batch (pipeline/storage/whole_files.py)."""
    place = tmp_path / "run"
    shutil.copytree(ran, place)
    parcel = place / "cache/fit/.parcels/0123456789abcdef.zip"
    parcel.parent.mkdir(exist_ok=True)
    parcel.write_bytes(b"PK\x03\x04 half")
    pipeline.run(cheap(ran / "in", place))
    assert f"{parcel}: damaged" in caplog.text
    assert not parcel.exists()


def test_damaged_outputs_are_written_again(ran: Path, tmp_path: Path) -> None:
    place, rng = tmp_path / "run", np.random.default_rng(2)
    shutil.copytree(ran, place)
    before = {path: path.read_bytes() for path in (place / "output").iterdir()}
    for path, data in before.items():
        path.write_bytes(zeroed(data, rng))
    pipeline.run(cheap(ran / "in", place))
    for path, data in before.items():
        if path.suffix != ".json":
            assert path.suffix == ".npz" or path.read_bytes() == data
    same_people(ran / "output", place / "output")


def test_a_damaged_image_of_an_unpacked_zip(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_images(tmp_path / "images")
    with zipfile.ZipFile(tmp_path / "lsp.zip", "w") as archive:
        for path in (tmp_path / "images").iterdir():
            archive.write(path, f"images/{path.name}")
    root = lsp_root(tmp_path / "lsp.zip", tmp_path / "cache")
    path = sorted((root / "images").iterdir())[0]
    whole = path.read_bytes()
    path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    lsp_root(tmp_path / "lsp.zip", tmp_path / "cache")
    assert f"{path}: damaged; unpacking it again" in caplog.text
    assert path.read_bytes() == whole
