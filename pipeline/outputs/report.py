"""What a person at the terminal sees: one bar per stage during the run, a table at the end."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from pipeline.stages.stage import Tick, Track

console = Console(stderr=True)
_GOOD = {"converged", "max_iterations"}
_MOST_ROWS = 100  # of a table; more would push its start out of the terminal's memory


@contextmanager
def progress_bars() -> Iterator[Track]:
    """Opens a bar per stage."""
    columns = (
        TextColumn("{task.description:>8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with Progress(*columns, console=console) as progress:
        tasks: dict[str, TaskID] = {}

        def track(title: str, total: int | None) -> Tick:
            if title not in tasks:
                tasks[title] = progress.add_task(title, total=0)
            task = tasks[title]
            so_far = next(t.total for t in progress.tasks if t.id == task)
            # Work of several processes adds up to one bar; it has no end if one of them is unknown.
            grown = None if total is None or so_far is None else so_far + total
            progress.update(task, total=grown)
            return lambda: progress.advance(task)

        yield track


@contextmanager
def progress_lines(out: TextIO) -> Iterator[Track]:
    """Writes a line of JSON whenever a stage begins or goes on: its name, how much is done, of how
    much (null: not known yet). For programs that show it in their own way."""
    counts: dict[str, list[int | None]] = {}

    def tell(title: str) -> None:
        done, total = counts[title]
        out.write(json.dumps({"stage": title, "done": done, "total": total}) + "\n")
        out.flush()

    def track(title: str, total: int | None) -> Tick:
        done, before = counts.get(title, (0, 0))
        counts[title] = [done, None if total is None or before is None else before + total]
        tell(title)

        def tick() -> None:
            counts[title][0] = (counts[title][0] or 0) + 1
            tell(title)

        return tick

    yield track


def print_summary(summary: dict[str, Any], folder: Path) -> None:
    """Print the table of what was fitted, and below it why the others were skipped."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("input", overflow="fold")  # names that are cut short could look the same
    for title in ("people", "error px", "3-D mm", "seconds", "cached", ""):
        table.add_column(title, no_wrap=True, justify="right" if title else "left")
    fitted = [entry for entry in summary["inputs"] if entry["status"] == "fitted"]
    for entry in fitted[:_MOST_ROWS]:
        table.add_row(*_row(entry))
    if fitted:
        console.print(table)
    if len(fitted) > _MOST_ROWS:
        console.print(f"and {len(fitted) - _MOST_ROWS} more, in {folder / 'summary.json'}")
    for entry in summary["inputs"]:
        if entry["status"] != "fitted":
            how = {"skipped": "[yellow]skipped[/yellow]", "failed": "[red]failed[/red]"}
            console.print(f"{how[entry['status']]} {_shown(entry['reason'])}", soft_wrap=True)
    counts = f"{summary['fitted']} fitted, {summary['skipped']} skipped"
    if summary["failed"]:
        counts += f", {summary['failed']} failed"
    console.print(f"{counts}. Results in {os.path.abspath(folder)}", soft_wrap=True)


def print_metrics(metrics: dict[str, Any]) -> None:
    """Print the table of an evaluation's means, with its counts above."""
    counts = {name: value for name, value in metrics.items() if not isinstance(value, dict)}
    console.print(", ".join(f"{name} {value}" for name, value in counts.items()), soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("", "mean", "95 %", "median"):
        table.add_column(title, no_wrap=True, justify="right" if title else "left")
    for name, figures in metrics["means"].items():
        if figures["mean"] is not None:
            mean, low, high, median = (
                f"{figures[k]:.3g}" for k in ("mean", "low", "high", "median")
            )
            table.add_row(name, mean, f"{low} .. {high}", median)
    if metrics["means"]:
        console.print(table)


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    """Name; people; ranges of their errors in the image and of the expected ones in space; seconds
    in this run; stages from the cache; doubts."""
    cached = [stage for stage, hit in entry["cached"].items() if hit]
    seconds = sum(s for stage, s in entry["seconds"].items() if stage not in cached)
    doubts = {name for p in entry["people"] for name in p["status"]} - _GOOD
    return (
        _shown(entry["name"]),
        str(len(entry["people"])),
        _range([p["reprojection_error_px"] for p in entry["people"]], 1),
        _range([p["expected_error_mm"] for p in entry["people"]], 0),
        f"{seconds:.2f}",
        "all"
        if len(cached) == len(entry["cached"])
        else f"{len(cached)} of {len(entry['cached'])}",
        ", ".join(sorted(doubts)),
    )


def _range(values: list[float | None], digits: int) -> str:
    """The smallest and the largest of the known ones."""
    known = [f"{value:.{digits}f}" for value in sorted(v for v in values if v is not None)]
    return "-".join(dict.fromkeys([*known[:1], *known[-1:]]))


def _shown(text: str) -> str:
    return escape(printable(text))


def log_to_console() -> None:
    """Shows this project's warnings and errors above the bars, without breaking them."""
    handler = RichHandler(console=console, show_time=False, show_path=False)
    handler.setFormatter(_Printable("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def printable(text: str) -> str:
    """The text in one line, without control characters: file names may hold anything."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class _Printable(logging.Formatter):
    """Messages name files."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.exc_info else printable(text)
