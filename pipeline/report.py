"""What a person at the terminal sees: one bar per stage while it works, a table at the end."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from pipeline.stage import Tick

console = Console(stderr=True)


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int], Tick]]:
    """Opens bars: call with a title and the number of frames, get what advances it."""
    columns = (
        TextColumn("{task.description:>7}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with Progress(*columns, console=console) as progress:

        def track(title: str, total: int) -> Tick:
            task = progress.add_task(title, total=total)
            return lambda: progress.advance(task)

        yield track


def print_summary(summary: dict[str, Any], folder: Path) -> None:
    """The table of all inputs: people, error, time, what was cached, why one was skipped."""
    table = Table(
        "input", "people", "error px", "seconds", "from cache", "", box=None, padding=(0, 2, 0, 0)
    )
    for entry in summary["inputs"]:
        table.add_row(*_fitted_row(entry) if entry["status"] == "fitted" else _skipped_row(entry))
    console.print(table)
    console.print(
        f"{summary['fitted']} fitted, {summary['skipped']} skipped. Results in {folder.resolve()}",
        soft_wrap=True,
    )


def _fitted_row(entry: dict[str, Any]) -> tuple[str, ...]:
    errors = [p["reprojection_error_px"] for p in entry["people"]]
    shown = ", ".join("-" if e is None else f"{e:.1f}" for e in errors[:4])
    if len(errors) > 4:
        shown += ", ..."
    cached = [stage for stage, hit in entry["cached"].items() if hit]
    everything = len(cached) == len(entry["cached"])
    seconds = sum(s for stage, s in entry["seconds"].items() if stage not in cached)
    doubts = sorted(
        {
            name
            for p in entry["people"]
            for name in p["status"]
            if name not in ("converged", "max_iterations")
        }
    )
    return (
        escape(entry["name"]), str(len(errors)), shown, f"{seconds:.2f}",
        "all" if everything else ", ".join(cached), ", ".join(doubts),
    )  # fmt: skip


def _skipped_row(entry: dict[str, Any]) -> tuple[str, ...]:
    return escape(entry["name"]), "-", "", "", "", f"[yellow]{escape(entry['reason'])}[/yellow]"


def log_to_console() -> None:
    """Warnings and errors of this project above the bars, without breaking them."""
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=console, show_time=False, show_path=False)],
    )
