"""Several processes at once on the same cache and outputs: all finish, with the same results."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.forked import parameters, started
from tests.faults.inputs import cheap, write_both
from tests.faults.test_killed import litter, whole_files


def together(folder: Path, pictures: int, processes: int, rounds: int) -> float:
    """Run them at once, each round on an empty cache. Seconds of the slowest."""
    write_both(folder / "in", pictures)
    alone = started(cheap(folder / "in", folder / "alone"), folder / "alone.txt").wait()
    assert alone.code == 0, alone.said
    expected, seconds = parameters(folder / "alone/output"), []
    for number in range(rounds):
        place = folder / f"round{number}"
        config = cheap(folder / "in", place)
        runs = [started(config, folder / f"log{n}.txt") for n in range(processes)]
        ends = [run.wait(limit=120) for run in runs]
        assert [end.code for end in ends] == [0] * processes, [end.said for end in ends]
        assert not any("damaged" in end.said for end in ends)
        assert parameters(place / "output") == expected
        before = whole_files(place / "cache")
        again = started(config, folder / "again.txt").wait()
        assert again.code == 0, again.said
        assert whole_files(place / "cache") == before, "something was lost and computed again"
        assert litter(place) == []
        seconds += [end.seconds for end in ends]
    return max(seconds)


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_at_once(processes: int, tmp_path: Path) -> None:
    together(tmp_path, pictures=1, processes=processes, rounds=1)


@pytest.mark.torture
@pytest.mark.parametrize("processes", [2, 4])
def test_processes_at_once_again_and_again(
    processes: int, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seconds = together(tmp_path, pictures=12, processes=processes, rounds=8)
    tell(f"{processes} processes, 8 times: the slowest took {seconds:.1f} s")
