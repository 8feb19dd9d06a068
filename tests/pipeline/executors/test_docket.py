"""What becomes of parcels whose workers are lost: told without a process."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.config import ConfigError
from pipeline.executors.docket import Docket
from pipeline.executors.worker import Work
from pipeline.stages.stage import Job


@dataclass(frozen=True)
class FakeClip:
    name: str

    @property
    def path(self) -> Path:
        return Path(f"in/{self.name}.png")


def parcels(*names: str) -> list[list[Job]]:
    return [
        [Job(FakeClip(name), parcel=at) for name in word]  # pyright: ignore[reportArgumentType]
        for at, word in enumerate(names)
    ]


def names(work: Work | None) -> str:
    assert work
    return "".join(job.clip.name for job in work.jobs)


def played(docket: Docket, deadly: str, together: int = 99) -> list[str]:
    """What is computed, in order; an input of `deadly`, or so many at once, ends the worker."""
    history = []
    while work := docket.take():
        history.append(names(work) + "'" * bool(work.place))
        if set(names(work)) & set(deadly) or len(work.jobs) >= together:
            docket.lost(work, "was ended by signal 9")
        else:
            docket.done(work)
    return history


def test_the_order_where_nobody_is_lost(tmp_path: Path) -> None:
    with Docket(parcels("abc", "d", "ef"), str(tmp_path / "cache")) as docket:
        assert len(docket) == 3
        assert played(docket, "") == ["abc", "d", "ef"]
        assert docket.faults == []
    assert not (tmp_path / "cache").exists()


def test_a_deadly_input_is_found_and_the_others_are_computed_together(tmp_path: Path) -> None:
    with Docket(parcels("abc", "de"), str(tmp_path)) as docket:
        assert played(docket, "b") == ["abc", "de", "abc", "a'", "b'", "c'", "b'", "ac"]
        (fault,) = docket.faults
        assert (fault.path, fault.report) == (Path("in/b.png"), "b")
        why = "2 workers that computed it are lost, the last one was ended by signal 9"
        assert fault.reason == f"in/b.png: {why}"
    assert list(tmp_path.iterdir()) == []


def test_a_video_is_alone_anyway(tmp_path: Path) -> None:
    with Docket(parcels("v", "w"), str(tmp_path)) as docket:
        assert played(docket, "v") == ["v", "w", "v"]
        assert [fault.report for fault in docket.faults] == ["v"]


def test_several_deadly_inputs_and_a_parcel_of_nothing_else(tmp_path: Path) -> None:
    with Docket(parcels("abcd", "ef"), str(tmp_path)) as docket:
        assert played(docket, "bdef")[-1] == "ac"
        assert {fault.report for fault in docket.faults} == set("bdef")


def test_inputs_that_are_harmless_alone_and_deadly_together(tmp_path: Path) -> None:
    with Docket(parcels("abc", "d"), str(tmp_path)) as docket:
        assert played(docket, "", together=3) == ["abc", "d", "abc", "a'", "b'", "c'", "abc", "abc"]
        assert {fault.report for fault in docket.faults} == set("abc")


def test_work_that_nobody_has_begun_is_not_lost(tmp_path: Path) -> None:
    with Docket(parcels("a", "b"), str(tmp_path)) as docket:
        for _ in range(5):
            work = docket.take()
            assert work
            docket.put_back(work)
        assert played(docket, "") == ["a", "b"]


def test_workers_that_never_begin(tmp_path: Path) -> None:
    with Docket(parcels("a", "b"), str(tmp_path)) as docket:
        for _ in range(4):
            docket.stillborn("ended with exit code 1")
        docket.done(Work(parcels("a")[0]))
        for _ in range(4):
            docket.stillborn("ended with exit code 1")
        with pytest.raises(ConfigError, match=r"workers end before they begin, .* exit code 1"):
            docket.stillborn("ended with exit code 1")
