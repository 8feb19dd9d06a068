"""What is computed, what is not, and what is kept when something goes wrong."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline.inputs.clips import Clip, Skipped
from pipeline.inputs.images import ClipError, read_photo
from pipeline.inputs.sources import Photos
from pipeline.stages.render import PictureFile
from pipeline.stages.run_stage import run_stage
from pipeline.stages.stage import Done, Job, Stage, Tick, timed
from pipeline.storage.cache import Cache
from tests.pipeline.fake_detector import photo, picture_file


@dataclass
class Bars:
    """Progress bars as numbers: title, total and ticks of each."""

    opened: list[list[Any]] = field(default_factory=list)

    def __call__(self, title: str, total: int | None) -> Tick:
        bar = [title, total, 0]
        self.opened.append(bar)

        def tick() -> None:
            bar[2] += 1

        return tick


def write_photos(folder: Path, *shades: int) -> list[Job]:
    folder.mkdir(exist_ok=True)
    for number, shade in enumerate(shades):
        Pillow.fromarray(photo(shade)).save(folder / f"p{number}.png")
    return jobs_in(folder)


def jobs_in(folder: Path) -> list[Job]:
    clips, _ = Photos(str(folder)).clips()
    return [Job(clip) for clip in clips]


def shade_stage(computed: list[str], **changes: Any) -> Stage:
    """A stage whose result is the shade of a photo, as one byte."""

    def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        def one(job: Job) -> PictureFile:
            computed.append(job.clip.name)
            pixels = read_photo(job.clip.path)
            tick()
            return PictureFile(pixels[0, 0, :1], ".shade")

        return timed(jobs, one)

    stage = Stage("shade", 1, {"gain": 1}, {}, (), PictureFile, compute)
    return replace(stage, **changes)


def shades(jobs: list[Job]) -> dict[str, int]:
    return {job.clip.name: int(job.results["shade"].load().content[0]) for job in jobs}


def test_a_second_run_computes_nothing(tmp_path: Path) -> None:
    jobs, cache, computed = write_photos(tmp_path / "in", 10, 20), Cache(tmp_path / "c"), []
    first, _ = run_stage(shade_stage(computed), jobs, cache, Bars())
    assert computed == ["p0", "p1"]
    assert not any(job.results["shade"].cached for job in first)

    def never(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        raise AssertionError("compute was called")

    bars = Bars()
    second, skipped = run_stage(shade_stage([], compute=never), jobs, cache, bars)
    assert shades(second) == shades(first) == {"p0": 10, "p1": 20}
    assert all(job.results["shade"].cached for job in second)
    settings = [job.results["shade"].provenance["config"] for job in second]
    assert settings[0] is settings[1], "one per result would fill the memory of a large run"
    assert not bars.opened
    assert not skipped


def test_only_what_is_missing_is_computed_and_the_order_is_kept(tmp_path: Path) -> None:
    jobs, cache, computed = write_photos(tmp_path / "in", 10, 20, 30, 40), Cache(tmp_path), []
    run_stage(shade_stage([]), [jobs[3], jobs[1]], cache, Bars())
    bars = Bars()
    done, _ = run_stage(shade_stage(computed), jobs, cache, bars)
    assert computed == ["p0", "p2"]
    assert list(shades(done).items()) == [("p0", 10), ("p1", 20), ("p2", 30), ("p3", 40)]
    assert bars.opened == [["shade", 2, 2]]


def test_a_crash_keeps_what_was_finished(tmp_path: Path) -> None:
    jobs, cache, computed = write_photos(tmp_path / "in", 10, 20, 30, 40), Cache(tmp_path), []

    def crashing(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        for done in shade_stage([]).compute(jobs, tick):
            if done.job.clip.name == "p2":
                raise RuntimeError("out of memory")
            yield done

    with pytest.raises(RuntimeError, match="out of memory"):
        run_stage(shade_stage([], compute=crashing), jobs, cache, Bars())
    done, _ = run_stage(shade_stage(computed), jobs, cache, Bars())
    assert computed == ["p2", "p3"]
    assert shades(done) == {"p0": 10, "p1": 20, "p2": 30, "p3": 40}


def refusing_stage(computed: list[str]) -> Stage:
    def one(job: Job) -> PictureFile:
        computed.append(job.clip.name)
        raise ClipError(f"{job.clip.path}: the picture is cut short")

    return shade_stage([], compute=lambda jobs, tick: timed(jobs, one))


def test_refused_bytes_are_remembered_wherever_they_lie(tmp_path: Path) -> None:
    cache, computed = Cache(tmp_path / "c"), []
    jobs, bars = write_photos(tmp_path / "a", 10), Bars()
    going, skipped = run_stage(refusing_stage(computed), jobs, cache, bars)
    assert going == []
    path = tmp_path / "a/p0.png"
    assert skipped == [Skipped(path, f"{path}: the picture is cut short")]
    assert bars.opened == [["shade", 1, 1]]

    moved = tmp_path / "b/p0.png"
    moved.parent.mkdir()
    moved.write_bytes(path.read_bytes())
    _, skipped = run_stage(refusing_stage(computed), jobs_in(moved.parent), cache, Bars())
    assert skipped == [Skipped(moved, f"{moved}: the picture is cut short")]
    assert computed == ["p0"]


def test_a_repaired_file_is_tried_again(tmp_path: Path) -> None:
    cache, computed = Cache(tmp_path / "c"), []
    run_stage(refusing_stage([]), write_photos(tmp_path / "in", 10), cache, Bars())
    repaired = write_photos(tmp_path / "in", 11)
    done, skipped = run_stage(shade_stage(computed), repaired, cache, Bars())
    assert computed == ["p0"]
    assert shades(done) == {"p0": 11}
    assert not skipped


def test_a_result_of_no_use_stays_behind_also_from_the_cache(tmp_path: Path) -> None:
    jobs, cache, computed = write_photos(tmp_path / "in", 10, 0, 30), Cache(tmp_path / "c"), []
    stage = shade_stage(
        computed, nothing=lambda found: None if found.content.any() else "nobody is in it"
    )
    for _ in range(2):
        done, skipped = run_stage(stage, jobs, cache, Bars())
        assert shades(done) == {"p0": 10, "p2": 30}
        assert skipped == [Skipped(jobs[1].clip.path, f"{jobs[1].clip.path}: nobody is in it")]
    assert computed == ["p0", "p1", "p2"]


def test_two_clips_of_the_same_bytes_get_a_result_each(tmp_path: Path) -> None:
    jobs, cache = write_photos(tmp_path / "in", 10, 10), Cache(tmp_path / "c")
    assert jobs[0].clip.key == jobs[1].clip.key
    done, _ = run_stage(shade_stage([]), jobs, cache, Bars())
    assert shades(done) == {"p0": 10, "p1": 10}
    assert done[0].results["shade"].path != done[1].results["shade"].path


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"config": {"gain": 2}}, {"config": {"gain": 1, "more": None}}],
    ids=str,
)
def test_another_version_or_setting_is_computed_again(change: dict, tmp_path: Path) -> None:
    jobs, cache, computed = write_photos(tmp_path / "in", 10), Cache(tmp_path / "c"), []
    run_stage(shade_stage([]), jobs, cache, Bars())
    run_stage(shade_stage(computed, **change), jobs, cache, Bars())
    assert computed == ["p0"]


def test_contents_of_named_files_count_and_their_place_does_not(tmp_path: Path) -> None:
    jobs, cache, computed = write_photos(tmp_path / "in", 10), Cache(tmp_path / "c"), []
    weights = {name: tmp_path / name for name in ("a.pth", "b.pth", "c.pth")}
    for path, content in zip(weights.values(), (b"one", b"one", b"two"), strict=True):
        path.write_bytes(content)
    for name, expected in (("a.pth", ["p0"]), ("b.pth", []), ("c.pth", ["p0"])):
        computed.clear()
        stage = shade_stage(computed, files={"checkpoint": weights[name]})
        run_stage(stage, jobs, cache, Bars())
        assert computed == expected, name


def test_a_bar_moves_by_every_frame_of_a_clip(tmp_path: Path) -> None:
    """Also where the stage looks at none of them, or gives up in the middle."""
    (job,) = write_photos(tmp_path / "in", 10)
    job = Job(replace_facts(job.clip, n_frames=5))

    def compute(jobs: list[Job], tick: Tick) -> Iterator[Done]:
        tick()
        tick()
        yield Done(jobs[0], picture_file(1), 0.0)

    bars = Bars()
    run_stage(shade_stage([], compute=compute), [job], Cache(tmp_path / "c"), bars)
    assert bars.opened == [["shade", 5, 5]]


def test_a_bar_has_no_total_where_a_video_does_not_say_its_length(tmp_path: Path) -> None:
    known, unknown = write_photos(tmp_path / "in", 10, 20)
    jobs = [known, Job(replace_facts(unknown.clip, n_frames=None))]
    bars = Bars()
    run_stage(shade_stage([]), jobs, Cache(tmp_path / "c"), bars)
    assert bars.opened == [["shade", None, 2]]


def replace_facts(clip: Clip, **changes: Any) -> Clip:
    class Other(Clip):
        def facts(self):
            return replace(super().facts(), **changes)

    return Other(clip.name, clip.path, clip.key)


def test_provenance_tells_where_a_result_came_from(tmp_path: Path) -> None:
    (job,), cache = write_photos(tmp_path / "in", 10), Cache(tmp_path / "c")
    (first,), _ = run_stage(shade_stage([]), [job], cache, Bars())
    below = shade_stage([], name="below", after=("shade",), config={"a": [1, "b"]})
    (second,), _ = run_stage(below, [first], cache, Bars())
    provenance = second.results["below"].provenance
    assert provenance["stage"] == "below"
    assert provenance["config"] == {"a": [1, "b"]}
    assert provenance["parents"] == [first.results["shade"].key]
    assert provenance["source"] == str(job.clip.path)
    assert provenance["refused"] is None
    assert np.isfinite(provenance["seconds"])


def test_a_clip_with_settings_of_its_own(tmp_path: Path) -> None:
    """Jobs keep their order; what has no own settings keeps the stage and its key."""
    jobs, cache, computed = write_photos(tmp_path / "in", 10, 20, 30), Cache(tmp_path / "c"), []
    usual = shade_stage(computed)
    special = replace(usual, config={**usual.config, "special": True})
    second = jobs[1].clip.name
    stage = replace(usual, of=lambda clip: special if clip.name == second else None)
    done, _ = run_stage(stage, jobs, cache, Bars())
    assert [job.clip.name for job in done] == [job.clip.name for job in jobs]
    configs = [job.results[usual.name].provenance["config"] for job in done]
    assert [config.get("special") for config in configs] == [None, True, None]
    again, _ = run_stage(usual, jobs, cache, Bars())
    cached = [job.results[usual.name].cached for job in again]
    assert cached == [True, False, True]
