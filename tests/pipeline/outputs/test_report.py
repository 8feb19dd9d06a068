"""The table at the end of a run."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.outputs import report


def printed(summary: dict[str, Any], monkeypatch: pytest.MonkeyPatch, width: int = 80) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    monkeypatch.setattr(report, "console", console)
    with console.file:
        report.print_summary(summary, Path("outputs"))
        return console.export_text()


def entry(name: str, *errors: float | None, cached: int = 0, **status: int) -> dict[str, Any]:
    stages = ("detect", "remap", "fit", "render")
    people = [
        {
            "reprojection_error_px": error,
            "expected_error_mm": error and 20 * error,
            "status": status or {"converged": 1},
        }
        for error in errors
    ]
    return {
        "name": name,
        "status": "fitted",
        "people": people,
        "seconds": dict.fromkeys(stages, 0.5),
        "cached": {stage: i < cached for i, stage in enumerate(stages)},
    }


def test_a_long_table_is_cut_and_says_where_the_rest_is(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = [entry(f"case{i}", 1.0) for i in range(130)]
    text = printed({"fitted": 130, "skipped": 0, "failed": 0, "inputs": inputs}, monkeypatch)
    assert "case99 " in text
    assert "case100" not in text
    assert "and 30 more, in outputs/summary.json" in text


def test_long_names_can_be_told_apart_in_a_table_of_80_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = "holiday_2026-07-14_at_the_beach_with_everybody_number_00"
    summary = {
        "fitted": 3,
        "skipped": 1,
        "failed": 0,
        "inputs": [
            entry(f"{long}1", 3.14159, cached=4),
            entry(f"{long}2", 10.0, 2.0, None, 6.3, cached=1, stalled=1),
            entry("[bold]x", None),
            {
                "name": "b.jpg",
                "status": "skipped",
                "reason": f"in/{long}.jpg: the picture is damaged or cut short: copy it again",
            },
        ],
    }
    text = printed(summary, monkeypatch)
    lines = text.splitlines()
    joined = text.replace("\n", "").replace(" ", "")
    first = next(line for line in lines if "3.1" in line).split()
    assert first[-5:] == ["1", "3.1", "63", "0.00", "all"]
    second = next(line for line in lines if "2.0-10.0" in line).split()
    assert second[-8:] == ["4", "2.0-10.0", "40-200", "1.50", "1", "of", "4", "stalled"]
    assert "…" not in text
    assert "00 1" in text or "001" in joined
    assert "[bold]x" in text
    assert f"skipped in/{long}.jpg: the picture is damaged or cut short: copy it again" in text
    assert "3 fitted, 1 skipped" in text
    assert all(len(line) <= 80 for line in lines if "skipped" not in line and "Results" not in line)


def test_a_table_of_nothing_fitted_is_only_its_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = [{"name": "a.jpg", "status": "skipped", "reason": "a.jpg: empty"}]
    text = printed({"fitted": 0, "skipped": 1, "failed": 0, "inputs": inputs}, monkeypatch)
    assert "people" not in text
    assert "skipped a.jpg: empty" in text
