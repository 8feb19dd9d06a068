"""A strip of text for the foot of a picture: a title and a table of figures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

Image = UInt8[np.ndarray, "_height _width 3"]
Color = tuple[int, int, int]

_GROUND, _BRIGHT, _PLAIN, _DIM = (22, 24, 30), (255, 255, 255), (206, 212, 222), (118, 124, 134)
_TITLE, _TEXT = 17, 13  # px
_ROW, _MARGIN, _GAP = 18, 10, 11  # px

OFF = "off"
"""A cell that is drawn dimmer than the figures next to it."""


@dataclass(frozen=True)
class Table:
    """Rows of cells of one length.

    Args:
        head: title of each column.
        rows: the cells; the first of a row is its name.
        colors: of the names.
        foot: a line below, empty for none.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    colors: tuple[Color, ...]
    foot: str = ""


@dataclass(frozen=True)
class Layout:
    """Columns that do not move while the figures change: wide enough for all of some tables."""

    columns: tuple[int, ...]
    height: int

    @classmethod
    def of(cls, tables: Sequence[Table]) -> "Layout":
        """The smallest layout that holds every one of the tables, which have the same number of
        rows."""
        font = ImageFont.load_default(_TEXT)
        lines = [line for table in tables for line in (table.head, *table.rows)]
        widths = [
            max(font.getlength(text) for text in column) for column in zip(*lines, strict=True)
        ]
        n_lines = 1 + len(tables[0].rows) + bool(tables[0].foot)
        height = 2 * _MARGIN + _TITLE + _MARGIN // 2 + _ROW * n_lines
        return cls(tuple(int(np.ceil(width)) for width in widths), height)

    @property
    def width(self) -> int:
        return sum(self.columns) + _GAP * (len(self.columns) - 1) + 2 * _MARGIN


def caption(title: str, table: Table, layout: Layout, width: int, *, dim: bool = False) -> Image:
    """Draw the strip.

    Args:
        width: of the strip, at least the layout's, px.
        dim: whether the figures are not those of the picture shown, and so are drawn in grey.
    """
    strip = Pillow.new("RGB", (width, layout.height), _GROUND)
    draw = ImageDraw.Draw(strip)
    draw.text((_MARGIN, _MARGIN + _TITLE), title, _BRIGHT, ImageFont.load_default(_TITLE), "ls")
    y = _MARGIN + _TITLE + _MARGIN // 2 + _ROW // 2
    for index, cells in enumerate((table.head, *table.rows)):
        color = _DIM if dim or index == 0 else _PLAIN
        name = table.colors[index - 1] if index else _DIM
        _draw_row(draw, cells, layout, y + index * _ROW, (name, color))
    if table.foot:
        place = (_MARGIN, y + _ROW * (1 + len(table.rows)))
        draw.text(place, table.foot, _DIM, ImageFont.load_default(_TEXT), anchor="lm")
    return np.asarray(strip)


def _draw_row(
    draw: ImageDraw.ImageDraw,
    cells: Sequence[str],
    layout: Layout,
    y: int,
    colors: tuple[Color, Color],
) -> None:
    """Draw the first cell flush left in the first colour, the others flush right in the second."""
    font, x = ImageFont.load_default(_TEXT), _MARGIN
    for column, (text, wide) in enumerate(zip(cells, layout.columns, strict=True)):
        if column == 0:
            draw.text((x, y), text, colors[0], font, anchor="lm")
        else:
            color = _DIM if text == OFF else colors[1]
            draw.text((x + wide, y), text, color, font, anchor="rm")
        x += wide + _GAP


def note(picture: Image, text: str) -> Image:
    """A copy of the picture with a line of small text at its foot."""
    with Pillow.fromarray(picture) as image:
        draw = ImageDraw.Draw(image)
        size = max(9, min(_TEXT, picture.shape[1] // 32))
        place = (_MARGIN, picture.shape[0] - _MARGIN // 2)
        draw.text(place, text, _DIM, ImageFont.load_default(size), anchor="ld")
        return np.array(image)
