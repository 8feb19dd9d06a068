"""The strip of text below a picture."""

import numpy as np
import pytest

from pipeline.drawing.caption import OFF, Layout, Table, caption

RED, GREEN = (255, 0, 0), (0, 255, 0)


def table(figure: str, *, foot: str = "") -> Table:
    rows = (("person 0", figure, OFF), ("person 1", "7", "8"))
    return Table(("", "data", "pose_prior"), rows, (RED, GREEN), foot)


def columns_of(strip: np.ndarray, channel: int) -> np.ndarray:
    """x of the pixels in which one colour channel alone is bright."""
    others = np.delete(strip, channel, axis=2).max(2)
    return np.nonzero(strip[..., channel].astype(int) - others > 100)[1]


def test_names_are_drawn_in_the_colours_of_the_people() -> None:
    layout = Layout.of([table("1.5")])
    strip = caption("camera", table("1.5"), layout, 300)
    assert strip.shape == (layout.height, 300, 3)
    for channel in (0, 1):
        x = columns_of(strip, channel)
        assert len(x) > 50
        assert x.min() >= 8
        assert x.max() <= 10 + layout.columns[0]


def test_nothing_moves_or_is_cut_when_figures_grow() -> None:
    tables = [table("0.001"), table("1,234,567")]
    layout = Layout.of(tables)
    assert layout.width > Layout.of(tables[:1]).width
    small, large = (caption("all", each, layout, layout.width).astype(int) for each in tables)
    background = small[0, 0]
    changed = np.nonzero((small != large).any(2))
    right = 10 + layout.columns[0] + 11 + layout.columns[1]
    assert 10 + layout.columns[0] < changed[1].min()
    assert changed[1].max() <= right, "figures are flush right in their column"
    for strip in (small, large):
        assert (strip[:, :8] == background).all()
        assert (strip[:, -8:] == background).all()
        assert (strip[-4:] == background).all()


@pytest.mark.parametrize("dim", [False, True])
def test_what_is_off_or_not_of_this_moment_is_dim(dim: bool) -> None:
    layout = Layout.of([table("1.5")])
    strip = caption("", table("1.5"), layout, layout.width, dim=dim)
    first = 10 + layout.columns[0] + 11
    second = first + layout.columns[1] + 11
    body = strip[10 + 17 + 5 + 18 :]  # below title and head
    assert (body[:18, first:second].max() > 180) is not dim
    assert body[:18, second:].max() < 150, "off"
    assert (body[18:, second:].max() > 180) is not dim


def test_a_foot_takes_one_line_more() -> None:
    plain, noted = table("1"), table("1", foot="and 3 more")
    grown = Layout.of([noted]).height - Layout.of([plain]).height
    assert grown == 18
    strip = caption("", noted, Layout.of([noted]), 300)
    assert strip[-28:-8].max() > 100
