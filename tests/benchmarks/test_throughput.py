"""What benchmarks.throughput tells about runs, on the demo's smallest photo."""

import shutil
from pathlib import Path

from benchmarks.throughput import Cost, measure, table_of
from tests.conftest import ROOT


def test_a_run_and_a_cached_run(tmp_path: Path) -> None:
    shutil.copy(ROOT / "assets/demo/runner.jpg", tmp_path / "runner.jpg")
    words = [f"data.path={tmp_path / 'runner.jpg'}", "detector=blazepose", "render=none"]
    words += ["export=[npz]", "executor=here"]
    fresh, cached = (measure(name, words, tmp_path / "work") for name in ("fresh", "cached"))
    assert fresh.fitted == cached.fitted == 1
    assert fresh.stages["detect"] > 0
    assert cached.stages["detect"] == 0
    assert cached.cpu < fresh.cpu
    assert fresh.cache_mb > 0.01
    assert cached.cache_mb == fresh.cache_mb


def test_the_speed_up_is_against_the_first_run() -> None:
    costs = [Cost("a", 9, 30.0, 29.0, {}, 1.0, 2.0), Cost("b", 9, 20.0, 31.0, {}, 1.0, 2.0)]
    table = table_of(costs)
    assert list(table.columns[3].cells) == ["1.00", "1.50"]
    assert list(table.columns[2].cells) == ["30.00", "20.00"]
