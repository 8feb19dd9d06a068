"""Draws tables of an evaluation as pictures."""

from pathlib import Path

import numpy as np

from pipeline.evaluation.evaluate import Chart, Table
from pipeline.storage.whole_files import replacing

_COLORS = ("#2b6cb0", "#dd6b20", "#2f855a", "#805ad5")
_WIDTH = 0.8  # of a group of bars
_DPI = 110


def draw_chart(chart: Chart, table: Table, path: Path) -> None:
    """Lines over numbered rows, or a group of bars per row, of shares from 0 to 1, as png."""
    # Figure, not pyplot: it registers nothing and needs no window system.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.2, 4.6), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    if chart.lines:
        _lines(axes, chart, table)
    else:
        _bars(axes, chart, table)
    axes.set(title=chart.title, xlabel=chart.x_label, ylabel=chart.y_label, ylim=(0, 1))
    axes.grid(axis="y" if not chart.lines else "both", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def _lines(axes, chart: Chart, table: Table) -> None:
    x = [float(row) for row in table]
    for color, (column, label) in zip(_COLORS, chart.columns.items(), strict=False):
        y = [cells[column] for cells in table.values()]
        axes.plot(x, y, color=color, label=label, linewidth=2)
    axes.set_xlim(min(x), max(x))


def _bars(axes, chart: Chart, table: Table) -> None:
    places, width = np.arange(len(table)), _WIDTH / len(chart.columns)
    shift = width * (np.arange(len(chart.columns)) - (len(chart.columns) - 1) / 2)
    for color, left, (column, label) in zip(_COLORS, shift, chart.columns.items(), strict=False):
        heights = [cells[column] for cells in table.values()]
        axes.bar(places + left, heights, width, color=color, label=label)
        for x, height in zip(places + left, heights, strict=True):
            if np.isfinite(height):
                axes.text(
                    x,
                    height - 0.015,
                    f"{height:.2f}",
                    ha="center",
                    va="top",
                    rotation=90,
                    fontsize=7,
                    color="white",
                )
    names = [row.replace("_", " ") for row in table]
    axes.set_xticks(places, names, rotation=40, ha="right")
