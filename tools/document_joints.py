"""Write the tables of docs/joints.md and draw docs/images/joints.png, from joint_tables.py.

python -m tools.document_joints
"""

import hashlib
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from detectors.skeletons import SKELETONS
from fitting.joints import POINTS
from pipeline.stages.joint_tables import TABLE, Cell, Recipe, Row

ROOT = Path(__file__).resolve().parent.parent
PAGE, FIGURE = ROOT / "docs" / "joints.md", ROOT / "docs" / "images" / "joints.png"
BEGIN = "<!-- written by python -m tools.document_joints -->"
END = "<!-- until here -->"

EXACT, APPROXIMATE, MISSING = "exact", "approximate", "missing"
COLOURS = {EXACT: "#1b7837", APPROXIMATE: "#e08214", MISSING: "#bdbdbd"}
# Right half of a person who faces the reader, so on the left of the picture; x is mirrored.
_RIGHT_HALF = {
    "head_top": (0, 10.0),
    "right_eye": (-0.35, 9.35),
    "right_ear": (-0.75, 9.2),
    "nose": (0, 9.05),
    "neck": (0, 8.3),
    "right_shoulder": (-1.2, 7.8),
    "right_elbow": (-1.8, 6.2),
    "right_wrist": (-2.1, 4.7),
    "right_hip": (-0.75, 4.9),
    "right_knee": (-0.9, 2.8),
    "right_ankle": (-1.0, 0.8),
    "right_heel": (-0.75, 0.35),
    "right_big_toe": (-1.2, 0.0),
    "right_small_toe": (-1.7, 0.25),
}
PLACES = {
    side: (-x if side.startswith("left") else x, y)
    for name, (x, y) in _RIGHT_HALF.items()
    for side in ([name, name.replace("right", "left")] if "right" in name else [name])
}
_RIGHT_BONES = (
    ("head_top", "neck"),
    ("neck", "right_shoulder"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("right_shoulder", "right_hip"),
    ("right_hip", "left_hip"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
    ("right_ankle", "right_heel"),
    ("right_ankle", "right_big_toe"),
)


def status_of(skeleton: str) -> dict[str, str]:
    """exact, approximate or missing, for every point of the fit."""
    recipes = TABLE[skeleton].recipes()
    return {point: _status(recipes.get(point)) for point in POINTS}


def formula(recipe: Recipe) -> str:
    """A recipe in the form that people write: `shoulder + 0.500 (ear - shoulder)`."""
    steps = [f" {'-' if f < 0 else '+'} {abs(f):.3f} ({to} - {o})" for f, to, o in recipe.steps]
    return (recipe.start or "the joint of that name") + "".join(steps)


def page_part() -> str:
    """The part of docs/joints.md that this tool writes."""
    return f"\n{_overview()}\n{_recipes()}\n{_orders()}\n"


def updated(page: str) -> str:
    """The page with the tables that the code has now.

    Raises:
        ValueError: the page has no marked place for them.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end:
        raise ValueError(f"expected the lines {BEGIN!r} and {END!r} in the page, found not both")
    return head + begin + page_part() + end + tail


def _status(recipe: Recipe | None) -> str:
    if recipe is None:
        return MISSING
    return EXACT if recipe.exact else APPROXIMATE


def _letters() -> dict[Recipe, str]:
    """A letter for each recipe of the table, in the order of its first use."""
    cells = [getattr(row, f.name) for row in TABLE.values() for f in fields(Row)]
    recipes = dict.fromkeys(cell for cell in cells if isinstance(cell, Recipe))
    return dict(zip(recipes, "abcdefghijklmnopqrstuvwxyz", strict=False))


def _overview() -> str:
    letters, groups = _letters(), [field.name for field in fields(Row)]

    def text(cell: Cell | Recipe) -> str:
        if isinstance(cell, Recipe):
            return f"approximate ({letters[cell]})"
        return EXACT if cell is Cell.exact else "-"

    lines = [f"| skeleton | {' | '.join(groups)} |", "|---" * (len(groups) + 1) + "|"]
    for skeleton, row in TABLE.items():
        cells = " | ".join(text(getattr(row, group)) for group in groups)
        lines.append(f"| `{skeleton}` | {cells} |")
    return "\n".join(lines) + "\n"


def _recipes() -> str:
    lines = ["| | taken from | source |", "|---|---|---|"]
    lines += [f"| {key} | {formula(r)} | {r.source} |" for r, key in _letters().items()]
    return "\n".join(lines) + "\n"


def _orders() -> str:
    lines = ["| skeleton | joints in order |", "|---|---|"]
    for skeleton, names in SKELETONS.items():
        # Not all 133 points of the whole body, which fill a page: face and hands are not used.
        shown = ", ".join(names[:33]) + (" ..." if len(names) > 33 else "")
        lines.append(f"| `{skeleton}` | {shown} |")
    return "\n".join(lines) + "\n"


def fingerprint() -> str:
    """Digest of what the figure shows. The figure has it in its metadata, so that tests notice an
    old one."""
    shown = [[skeleton, status_of(skeleton)] for skeleton in TABLE]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()


def draw(path: Path) -> None:
    """Draw one person per skeleton, with points coloured by where they come from."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = -(-len(TABLE) // 2)
    figure = Figure(figsize=(2.1 * columns, 8.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, columns).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, skeleton in zip(panels, TABLE, strict=False):
        _draw_person(panel, skeleton)
    marks = [panels[0].scatter([], [], **_mark(status), label=status) for status in COLOURS]
    figure.legend(handles=marks, loc="outside lower center", ncols=3, frameon=False, fontsize=12)
    figure.savefig(path, metadata={"Description": fingerprint()})


def _draw_person(panel: Any, skeleton: str) -> None:
    panel.set_title(skeleton, fontsize=12)
    panel.set_xlim(-2.9, 2.9)
    panel.set_ylim(-0.5, 10.6)
    panel.set_aspect("equal")
    for ends in _RIGHT_BONES:
        for sign in (1, -1):
            x, y = zip(*(PLACES[end] for end in ends), strict=True)
            panel.plot([sign * value for value in x], y, color="#dddddd", lw=2, zorder=1)
    for point, status in status_of(skeleton).items():
        panel.scatter(*PLACES[point], **_mark(status), zorder=2)


def _mark(status: str) -> dict[str, Any]:
    """How a point is drawn; missing points are hollow."""
    face = "white" if status == MISSING else COLOURS[status]
    return {"s": 42, "linewidths": 1.3, "edgecolors": COLOURS[status], "facecolors": face}


def main() -> None:
    PAGE.write_text(updated(PAGE.read_text()))
    draw(FIGURE)
    print(f"{PAGE}\n{FIGURE}")


if __name__ == "__main__":
    main()
