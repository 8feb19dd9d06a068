"""Shards of a run: whole parcels, each input in one of them, and a last run that merges them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline import parcels, pipeline
from pipeline.parcels import jobs_of, shard_of
from tests.conftest import ROOT
from tests.pipeline.fake_detector import photo
from tests.pipeline.runs import config
from tests.pipeline.test_config import config as composed

NAMES = ("a", "b", "c", "d", "e")


@dataclass(frozen=True)
class FakeClip:
    name: str
    video: bool = False


def clips(kinds: str) -> list[Any]:
    """A photo for each p and a video for each v."""
    return [FakeClip(f"{number}", kind == "v") for number, kind in enumerate(kinds)]


def test_photos_share_parcels_and_a_video_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcels, "PARCEL", 3)
    jobs = jobs_of(clips("ppppvvpvpppp"))
    assert [job.parcel for job in jobs] == [0, 0, 0, 1, 2, 3, 4, 5, 6, 6, 6, 7]
    assert jobs_of([]) == []


@pytest.mark.parametrize(
    ("photos", "size"), [(1, 1), (8, 8), (9, 8), (40, 8), (160, 10), (1000, 63), (5000, 64)]
)
def test_few_photos_make_small_parcels_so_that_all_cores_have_work(photos: int, size: int) -> None:
    parcels = [job.parcel for job in jobs_of(clips("p" * photos))]
    assert parcels.count(0) == size
    assert max(parcels) == -(-photos // size) - 1


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_input_is_in_one_shard_with_its_whole_parcel(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parcels, "PARCEL", 2)
    jobs = jobs_of(clips("pppvppvvppp"))
    parts = [shard_of(jobs, f"{number + 1}/{count}") for number in range(count)]
    assert sorted(job.clip.name for part in parts for job in part) == sorted(
        job.clip.name for job in jobs
    )
    for part in parts:
        own = {job.parcel for job in part}
        assert part == [job for job in jobs if job.parcel in own]


@pytest.mark.parametrize("shard", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1/3/4"])
def test_a_shard_that_is_none_is_refused(shard: str) -> None:
    with pytest.raises(
        Exception, match=r"^runtime\.shard: expected which of how many, e\.g\. 3/16"
    ):
        composed("data.path=x", f"runtime.shard={shard}")


def run(folder: Path, *overrides: str) -> dict[str, Any]:
    (folder / "in").mkdir(exist_ok=True, parents=True)
    for number, name in enumerate(NAMES):
        Pillow.fromarray(photo(60 + 30 * number)).save(folder / f"in/{name}.png")
    return pipeline.run(config(folder, "render=none", "executor=here", *overrides))


def test_shards_together_give_what_one_run_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(parcels, "PARCEL", 2)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(whole)
    found = [run(parts, f"runtime.shard={number}/4") for number in (1, 2, 3, 4)]
    assert [[entry["name"] for entry in part["inputs"]] for part in found] == [
        ["a", "b"],
        ["c", "d"],
        ["e"],
        [],
    ]
    assert "fewer parcels of inputs than shards" in caplog.text
    assert not (parts / "output/summary.json").exists()
    assert (parts / "output/shard-2-of-4/summary.json").is_file()
    merged = run(parts)
    assert [entry["name"] for entry in merged["inputs"]] == list(NAMES)
    assert all(hit for entry in merged["inputs"] for hit in entry["cached"].values())
    for name in NAMES:
        one, other = (
            np.load(folder / f"output/{name}.npz", allow_pickle=False) for folder in (whole, parts)
        )
        for key in set(one) - {"source"}:
            assert one[key].tobytes() == other[key].tobytes(), (name, key)


def test_the_example_of_the_docs_names_the_setting() -> None:
    assert "runtime.shard=" in (ROOT / "docs/scale.md").read_text()
